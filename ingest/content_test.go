package ingest

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
)

func TestReadContentOfFixtures(t *testing.T) {
	retries := []string{"Retries: five or none"}
	tests := []struct {
		file, says string
		want       reading
	}{
		{"plan-answer", "a plan's conflicts are in its final plan, each counted once, those resolved not at all",
			reading{Stage: "spec-plan", Agent: "gpt_pro", Model: "gpt-5",
				Conflicts: []string{"claude wants five retries, gemini wants none", "Who owns the rollback drill"}}},
		{"prose", "prose with braces, types and dots is an answer", reading{}},
		{"schema-echo", "a schema of bare types, ellipses and choices is an echo",
			reading{Echo: true, Stage: "spec-tasks", Agent: "claude"}},
		{"schema-echo-one-line", "an echo may be on one line",
			reading{Echo: true, Stage: "spec-validate", Agent: "gemini"}},
		{"schema-echo-that-parses", "an echo may be valid JSON",
			reading{Echo: true, Stage: "spec-audit", Agent: "gpt_codex"}},
		{"prompt-echo", "a schema with the few lines of prompt around it is an echo",
			reading{Echo: true, Stage: "spec-plan", Agent: "claude", Model: "claude-opus"}},
		{"prose-quoting-schema", "an answer that quotes a schema is no echo and is not of the schema's stage", reading{}},
		{"codex-answer-after-mark", "the last message of this run is the answer, not that of a run in the prompt",
			reading{Transcript: true, Stage: "spec-plan", Agent: "gpt_codex", Model: "gpt-5", Conflicts: retries}},
		{"codex-untimed", "a transcript without times has marks too", reading{Transcript: true}},
		{"codex-answer-without-mark", "the last JSON object behind the prompt is the answer",
			reading{Transcript: true, Stage: "spec-plan", Agent: "gpt_pro", Model: "gpt-5", Conflicts: retries}},
		{"codex-prompt-only", "an answer that the prompt contains is not the answer", reading{Transcript: true, Echo: true}},
		{"fenced-twice", "of two fences the last is the answer",
			reading{Stage: "spec-plan", Agent: "claude", Model: "claude-opus", Conflicts: retries}},
		{"truncated", "an answer that breaks off counts as far as it goes",
			reading{Truncated: true, Stage: "spec-plan", Agent: "claude", Conflicts: retries}},
		{"unescaped-quotes", "an answer that does not parse counts as far as it does",
			reading{Stage: "spec-plan", Agent: "gemini", Conflicts: retries}},
		{"terminal-environment", "the last JSON object on a screen is the answer",
			reading{Transcript: true, Stage: "spec-plan", Agent: "gemini", Conflicts: retries}},
		{"terminal-without-answer", "an environment is no answer", reading{Transcript: true, Echo: true}},
	}
	for _, tt := range tests {
		t.Run(tt.file, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, readContent(fixture(t, tt.file))); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tt.says, diff)
			}
		})
	}
}

func fixture(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "content", name+".txt"))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestReadContent(t *testing.T) {
	line := strings.Repeat("words ", 1+ownPerSlot/len("words "))
	tests := []struct {
		says, text string
		want       reading
	}{
		{"nothing is blank", "", reading{Blank: true}},
		{"white space is blank", "\uFEFF \r\n\t", reading{Blank: true}},
		{"null is blank", " null\n", reading{Blank: true}},
		{"an empty string is blank", `""`, reading{Blank: true}},
		{"a string of white space is blank", `" \n\t"`, reading{Blank: true}},
		{"an empty object is blank", "{ }", reading{Blank: true}},
		{"an empty list is blank", "[\n]", reading{Blank: true}},
		{"a fence around nothing is blank", "```json\n{}\n```", reading{Blank: true}},
		{"escape sequences alone are blank", "\x1b[0m\x1b[2K", reading{Blank: true, Transcript: true}},
		{"empty lists under a name are an answer", `{"agent":"x","consensus":{"conflicts":[]}}`, reading{Agent: "x"}},
		{"empty lists beside a placeholder are an echo", `{"model":"${MODEL_ID}","risks":[]}`, reading{Echo: true}},
		{"placeholders in the header do not weigh against an answer", `{"model":"${MODEL_ID}","ok":true}`, reading{}},
		{"an open slot takes a line of content", `{"risk":"string","note":"fine"}`, reading{Echo: true}},
		{"a line of content outweighs a slot", `{"risk":"string","note":"` + line + `"}`, reading{}},
		{"unquoted names make a schema too", `{ path: string, change: string }`, reading{Echo: true}},
		{"a value of its type is no placeholder", `{"fields":[{"name":"id","type":"string"}]}`, reading{}},
		{"a JSON string is unwrapped", `"{\"agent\":\"x\",\"risks\":[\"r\"]}"`, reading{Agent: "x"}},
		{"an envelope is unwrapped", `{"agent":"x","result":"` + "```json" + `\n{\"stage\":\"plan\",\"conflicts\":[\"c\"]}\n` + "```" + `"}`,
			reading{Agent: "x", Stage: "plan", Conflicts: []string{"c"}}},
		{"an echo in an envelope is an echo", `{"agent":"x","result":"{ \"risks\": [ string ] }"}`, reading{Agent: "x", Echo: true}},
		{"the one element of a list is read like an object", `[{"stage":"plan","conflicts":["c"]}]`,
			reading{Stage: "plan", Conflicts: []string{"c"}}},
		{"a list that breaks off is truncated", `["first step", "second st`, reading{Truncated: true}},
		{"a header that breaks off is no answer", `{"stage":"plan","agent":`, reading{Stage: "plan", Truncated: true, Echo: true}},
		{"an unclosed fence may break off", "Here:\n```json\n{\"stage\":\"plan\",\"risks\":[\"r\",", reading{Stage: "plan", Truncated: true}},
		{"duplicate names are read", `{"stage":"plan","stage":"tasks","conflicts":"a","conflicts":["a","b"]}`,
			reading{Stage: "plan", Conflicts: []string{"a", "b"}}},
		{"invalid UTF-8 is read", "{\"stage\":\"plan\",\"conflicts\":[\"a\xff\"]}", reading{Stage: "plan", Conflicts: []string{"a\uFFFD"}}},
		{"a member that is no string names nothing", `{"stage":1,"agent":null,"note":"n"}`, reading{}},
		{"a consensus may be a string", `{"consensus":"conflicts: one"}`, reading{}},
		{"conflicts are of the answer, not of what it describes", `{"run":{"conflicts":["c"]}}`, reading{}},
		{"nesting without end is read", `{"stage":"plan","a":` + strings.Repeat("[", 1<<20), reading{Stage: "plan", Echo: false}},
		{"a brace that nothing closes does not hide what follows", "PS1={ \n" + `{"agent":"x","risks":["r"]}`, reading{Agent: "x"}},
		{"prose that quotes a transcript is prose", strings.Repeat(line+"\n", 3) + "[2026-01-04T21:05:13] OpenAI Codex v0.0.0\n", reading{}},
		{"a mark with nothing after it is no answer", "OpenAI Codex v1\nuser\n{\"a\":\"b\"}\ncodex\n", reading{Transcript: true, Echo: true}},
		{"a schema beside an empty envelope is an echo, and not blank", `{"result":"{ }"}` + "\n" + `{ "risks": [ string ], "steps": [ string ] }`, reading{Echo: true}},
		{"a schema in the message is an echo", "OpenAI Codex v1\nuser\nDo.\ncodex\n{ \"risks\": [ string ] }\n", reading{Transcript: true, Echo: true}},
	}
	for _, tt := range tests {
		t.Run(tt.says, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, readContent(tt.text)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestConflictList(t *testing.T) {
	tests := []struct {
		says, value string
		want        []string
	}{
		{"no value lists nothing", ``, nil},
		{"null lists nothing", `null`, nil},
		{"a list keeps its order and drops what is repeated or blank", `["b"," a ","","b","a"]`, []string{"b", "a"}},
		{"a string is one conflict", ` "a" `, []string{"a"}},
		{"an object is one conflict", `{"summary":"s","issue":"i"}`, []string{"i"}},
		{"an object without a topic is its JSON", `[{"a": 1, "a": [ "x" ]}]`, []string{`{"a":1,"a":["x"]}`}},
		{"a topic that is blank or a placeholder does not count", `[{"issue":"","conflict":"string","topic":"t"}]`, []string{"t"}},
		{"placeholders are no conflicts", `["string","${X}","...",{"issue":"string"}]`, nil},
		{"words for none are no conflicts", `["None.","n/a","No conflicts",false,0,{},[]]`, nil},
		{"a number counts", `2`, []string{"2"}},
		{"what does not parse lists what comes before it", `["a", b`, []string{"a"}},
	}
	for _, tt := range tests {
		t.Run(tt.says, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, conflictList(jsontext.Value(tt.value))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func FuzzReadContent(f *testing.F) {
	files, err := filepath.Glob(filepath.Join("testdata", "content", "*.txt"))
	if err != nil || len(files) == 0 {
		f.Fatal("no fixtures", err)
	}
	for _, file := range files {
		f.Add(fixture(f, strings.TrimSuffix(filepath.Base(file), ".txt")))
	}
	f.Fuzz(func(t *testing.T, text string) {
		r := readContent(text)
		if r.Blank && r.Echo {
			t.Error("both blank and an echo")
		}
		if (r.Blank || r.Echo) && r.Conflicts != nil {
			t.Errorf("not usable, but with conflicts %q", r.Conflicts)
		}
		if strings.TrimSpace(text) == "" && !r.Blank {
			t.Error("white space is not blank")
		}
		if once := eachOnce(slices.Clone(r.Conflicts)); !slices.Equal(once, r.Conflicts) {
			t.Errorf("blank or repeated conflicts %q", r.Conflicts)
		}
		if again := readContent(text); !cmp.Equal(r, again) {
			t.Errorf("read twice: %s", cmp.Diff(r, again))
		}
	})
}

func BenchmarkReadContent(b *testing.B) {
	const size = 1 << 20
	var list strings.Builder
	for i := 0; list.Len() < size; i++ {
		fmt.Fprintf(&list, `{"step":"Move job %d of the nightly batch over to the queue, docs/importer/plan.md:%d","rationale":`+
			`"It is the one that failed twice in the last month; its retries hide behind those of the scheduler","confidence":0.%d},`, i, i, i)
	}
	plan := `{"stage":"spec-plan","agent":"x","work_breakdown":[` + strings.TrimSuffix(list.String(), ",") + `]}`
	paragraph := "The queue table is the right size of change; {queue: importer} is fine, and so is the index on it.\n"

	b.Run("json", func(b *testing.B) { benchmarkRead(b, plan) })
	b.Run("fenced", func(b *testing.B) { benchmarkRead(b, "```json\n"+plan+"\n```") })
	b.Run("json in prose", func(b *testing.B) { benchmarkRead(b, "Here it is:\n"+plan) })
	b.Run("prose", func(b *testing.B) {
		benchmarkRead(b, strings.Repeat("Words without braces, line after line.\n", size/39))
	})
	b.Run("prose with braces", func(b *testing.B) { benchmarkRead(b, strings.Repeat(paragraph, size/len(paragraph))) })
	b.Run("jsontext alone", func(b *testing.B) {
		b.SetBytes(int64(len(plan)))
		for b.Loop() {
			dec := jsontext.NewDecoder(strings.NewReader(plan), lenient...)
			if err := dec.SkipValue(); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func benchmarkRead(b *testing.B, text string) {
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		readContent(text)
	}
}
