package ingest

import (
	"bytes"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/consensusd/consensusd/store"
)

func FuzzReadDocument(f *testing.F) {
	for _, d := range documentFixtures(f) {
		f.Add([]byte(d.text), d.path, len(d.text)/2)
	}
	f.Fuzz(func(t *testing.T, data []byte, path string, cut int) {
		d, r := readAt(path, string(data))
		if r != nil {
			wellSaid(t, r)
			return
		}
		record := evidenceOf([]*document{d}, noon).judge(nil).record()
		wellFormed(t, record)
		if store.Verdict(record.Run) != "failed" && len(record.Artifacts) == 0 {
			t.Error("consensus without an answer")
		}
		again(t, record, path, data)

		whole := bytes.TrimRight(data, " \t\r\n")
		prefix := data[:max(cut, -cut-1)%len(whole)]
		if o, r := parseObject(prefix); r == nil {
			t.Errorf("%q is taken for %q", prefix, o.source)
		} else if !r.unfinished {
			t.Errorf("%q is finished: %s", prefix, r)
		}
	})
}

// wellFormed checks what the database takes for granted.
func wellFormed(t *testing.T, r store.Record) {
	t.Helper()
	object := func(what, text string) {
		if v := jsontext.Value(text); !v.IsValid() || v.Kind() != '{' {
			t.Errorf("%s is no JSON object: %q", what, text)
		}
	}
	id := func(what, text string) {
		if text == "" || badIdentifier(text) != "" {
			t.Errorf("%s is %q", what, text)
		}
	}
	text := func(what, text string) {
		if !utf8.ValidString(text) {
			t.Errorf("%s is no UTF-8: %q", what, text)
		}
	}
	id("run_id", r.Run.RunID)
	id("spec_id", r.Run.SpecID)
	id("stage", r.Run.Stage)
	for _, agent := range r.Run.MissingAgents {
		id("missing agent", agent)
	}
	for _, c := range r.Run.Conflicts {
		text("conflict", c)
	}
	for _, a := range r.Artifacts {
		id("artifact_id", a.ArtifactID)
		id("agent", a.Agent)
		text("content", a.Content)
		object("metadata", string(a.Metadata))
	}
	for _, y := range r.Syntheses {
		id("synthesis_id", y.SynthesisID)
		text("synthesis", y.SynthesizedContent)
		object("metadata of the synthesis", string(y.Metadata))
	}
	for _, f := range r.Findings {
		text("finding", f.Agent+f.Detail)
		if len(f.Detail) > maxDetail+len("…") {
			t.Errorf("a finding of %d bytes", len(f.Detail))
		}
	}
	for _, receipt := range r.Receipts {
		object("report", string(receipt.Report))
		text("receipt", receipt.Path+receipt.Identity+receipt.Reason)
	}
}

// again checks that the record of a document that is recorded already stays
// what it is when the document comes once more.
func again(t *testing.T, record store.Record, path string, data []byte) {
	t.Helper()
	stored, err := storedEvidence(record)
	if err != nil {
		t.Fatal(err)
	}
	if refused := stored.add(evidenceOf([]*document{mustRead(t, path, string(data))}, noon)); refused != nil {
		t.Fatal(refused)
	}
	twice := comparable(stored.judge(nil).record(), true)
	twice.Receipts = twice.Receipts[:1]
	if diff := cmp.Diff(comparable(record, true), twice, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("recorded twice (-once +twice):\n%s", diff)
	}
}
