package main

import (
	"fmt"
	"slices"
	"testing"

	"github.com/go-json-experiment/json"

	"github.com/consensusd/consensusd/ingest"
)

// documents are examples of everything that agents may write, with all members
// that are described.
var documents = map[string]string{
	"run": `{
	  "run_id": "any text", "spec_id": "SPEC-KIT-065", "stage": "plan", "timestamp": "2025-10-30T12:00:00Z",
	  "expected_agents": ["gemini", "claude", "gpt_pro"],
	  "agents": [
	    {"agent": "gemini", "content": "text, or any JSON", "metadata": {"model": "gemini-2.5-pro"}, "created_at": "2025-10-30T11:58:12Z"},
	    {"agent": "claude", "error": "timeout after 300 s"}
	  ],
	  "synthesis": {"content": "…", "verdict": "degraded", "metadata": {}, "created_at": "2025-10-30T12:00:00Z"},
	  "consensus_ok": true, "degraded": true, "missing_agents": ["gpt_pro"], "conflicts": []
	}`,
	"the least run": `{"spec_id": "S", "stage": "plan", "agents": [{"agent": "gemini"}]}`,
	"part": `{"run_id": "r", "spec_id": "S", "stage": "plan", "agent": "gemini", "content": {"any": ["JSON"]}, "metadata": {},
	  "created_at": 1761825600, "expected_agents": ["gemini"]}`,
	"failed part": `{"spec_id": "S", "stage": "plan", "agent": "gemini", "error": "timeout", "created_at": 1761825600000}`,
	"synthesis part": `{"run_id": "r", "spec_id": "S", "stage": "plan", "timestamp": 1761825600.5, "synthesis": {"content": {"any": "JSON"}, "verdict": "failed"},
	  "consensus_ok": false, "degraded": false, "missing_agents": [], "conflicts": ["left or right", {"issue": "the order"}], "expected_agents": ["gemini"]}`,
	"manifest": `{"run_id": "r", "spec_id": "S", "stage": "plan", "timestamp": "2025-10-30T12:00:00Z", "expected_agents": ["gemini", "claude"], "complete": true}`,
}

var notDocuments = map[string]string{
	"no spec":             `{"stage": "plan", "agents": [{"agent": "gemini"}]}`,
	"nobody":              `{"spec_id": "S", "stage": "plan", "agents": []}`,
	"an agent of no name": `{"spec_id": "S", "stage": "plan", "agents": [{"content": "c"}]}`,
	"metadata no object":  `{"spec_id": "S", "stage": "plan", "agent": "gemini", "content": "c", "metadata": "m"}`,
	"stage no text":       `{"spec_id": "S", "stage": [], "agent": "gemini", "content": "c"}`,
}

func TestTheSchemaDescribesWhatIsRecorded(t *testing.T) {
	root := decoded(t, documentSchema).(map[string]any)
	for name, doc := range documents {
		if err := fits(root, root, decoded(t, doc)); err != nil {
			t.Errorf("%s does not fit the schema: %v", name, err)
		}
		if c, rejection := ingest.Check("/document.json", []byte(doc), 1<<20); rejection != nil || len(c.Warnings) > 0 {
			t.Errorf("%s fits the schema, but ingest rejects it or warns: %v %q", name, rejection, c.Warnings)
		}
	}
	for name, doc := range notDocuments {
		if err := fits(root, root, decoded(t, doc)); err == nil {
			t.Errorf("%s: fits the schema", name)
		}
		if _, rejection := ingest.Check("/document.json", []byte(doc), 1<<20); rejection == nil {
			t.Errorf("%s: the schema refuses it, but ingest does not", name)
		}
	}
}

// TestEveryMemberHasAnExample keeps the schema from describing what nobody has
// tried.
func TestEveryMemberHasAnExample(t *testing.T) {
	used := map[string]bool{}
	var note func(v any)
	note = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			for name, value := range v {
				used[name] = true
				note(value)
			}
		case []any:
			for _, value := range v {
				note(value)
			}
		}
	}
	for _, doc := range documents {
		note(decoded(t, doc))
	}
	for kind, def := range decoded(t, documentSchema).(map[string]any)["$defs"].(map[string]any) {
		properties, _ := def.(map[string]any)["properties"].(map[string]any)
		for name := range properties {
			if !used[name] {
				t.Errorf("%s.%s is in no example", kind, name)
			}
		}
	}
}

func decoded(t *testing.T, text string) (v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// fits checks a value against as much of JSON Schema as ours uses.
func fits(root map[string]any, schema map[string]any, v any) error {
	if ref, ok := schema["$ref"].(string); ok {
		name := ref[len("#/$defs/"):]
		def, ok := root["$defs"].(map[string]any)[name].(map[string]any)
		if !ok {
			return fmt.Errorf("no definition %s", ref)
		}
		return fits(root, def, v)
	}
	if anyOf, ok := schema["anyOf"].([]any); ok {
		var err error
		if !slices.ContainsFunc(anyOf, func(s any) bool { err = fits(root, s.(map[string]any), v); return err == nil }) {
			return err
		}
	}
	if want, ok := schema["type"].(string); ok && typeOf(v) != want {
		return fmt.Errorf("%v is no %s", v, want)
	}
	if enum, ok := schema["enum"].([]any); ok && !slices.Contains(enum, v) {
		return fmt.Errorf("%v is none of %v", v, enum)
	}
	switch v := v.(type) {
	case string:
		if least, ok := schema["minLength"].(float64); ok && len(v) < int(least) {
			return fmt.Errorf("%q is too short", v)
		}
	case []any:
		if least, ok := schema["minItems"].(float64); ok && len(v) < int(least) {
			return fmt.Errorf("%v has too few elements", v)
		}
		for _, e := range v {
			if items, ok := schema["items"].(map[string]any); ok {
				if err := fits(root, items, e); err != nil {
					return err
				}
			}
		}
	case map[string]any:
		return objectFits(root, schema, v)
	}
	return nil
}

func objectFits(root, schema, v map[string]any) error {
	required, _ := schema["required"].([]any)
	for _, name := range required {
		if _, ok := v[name.(string)]; !ok {
			return fmt.Errorf("%s is missing", name)
		}
	}
	properties, _ := schema["properties"].(map[string]any)
	for name, value := range v {
		if property, ok := properties[name].(map[string]any); ok {
			if err := fits(root, property, value); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	return nil
}

func typeOf(v any) string {
	switch v.(type) {
	case string:
		return "string"
	case float64:
		return "number"
	case bool:
		return "boolean"
	case []any:
		return "array"
	case map[string]any:
		return "object"
	}
	return "null"
}
