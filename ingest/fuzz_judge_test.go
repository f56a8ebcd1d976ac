package ingest

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/consensusd/consensusd/schema"
	"github.com/consensusd/consensusd/store"
)

// best is the best verdict that what a document reports allows.
func best(r report) schema.Verdict {
	return schema.VerdictOf(r.OK == nil || *r.OK, r.Degraded != nil && *r.Degraded || len(r.Missing) > 0)
}

var verdictRank = map[schema.Verdict]int{schema.Unanimous: 0, schema.Degraded: 1, schema.Failed: 2}

func FuzzJudgeIsNeverBetterThanReported(f *testing.F) {
	for _, d := range documentFixtures(f) {
		f.Add([]byte(d.text), d.path)
	}
	f.Fuzz(func(t *testing.T, data []byte, path string) {
		d, r := readAt(path, string(data))
		if r != nil {
			return
		}
		run := evidenceOf([]*document{d}, noon).judge(nil).record().Run
		is, most := store.Verdict(run), best(d.Report)
		if verdictRank[is] < verdictRank[most] {
			t.Errorf("recorded %s, reported %s", is, most)
		}
		for _, agent := range d.Report.Missing {
			if !slices.Contains(run.MissingAgents, agent) {
				t.Errorf("%q is reported missing, and is not", agent)
			}
		}
		for _, conflict := range d.Report.Conflicts {
			if !slices.Contains(run.Conflicts, conflict) {
				t.Errorf("the reported conflict %q is lost", conflict)
			}
		}
	})
}

// Two documents of one run make the same run, whichever comes first and
// whether they come together.
func FuzzOrderOfDocuments(f *testing.F) {
	fixtures := documentFixtures(f)
	for i, d := range fixtures {
		f.Add([]byte(d.text), d.path, []byte(fixtures[(i+1)%len(fixtures)].text), fixtures[(i+1)%len(fixtures)].path)
	}
	f.Add([]byte(`{"run_id":"r","spec_id":"S","stage":"plan","agent":"a","content":"x"}`), "a.json",
		[]byte(`{"run_id":"r","spec_id":"S","stage":"plan","synthesis":{"content":"y"},"consensus_ok":true,"missing_agents":["b"]}`), "b.json")
	f.Fuzz(func(t *testing.T, one []byte, onePath string, other []byte, otherPath string) {
		read := func() []*document {
			a, r := readAt(onePath, string(one))
			b, s := readAt(otherPath, string(other))
			if r != nil || s != nil || a.SHA256 == b.SHA256 {
				return nil
			}
			if a.Spec, a.Stage = b.Spec, b.Stage; a.RunID != b.RunID {
				return nil
			}
			return []*document{a, b}
		}
		docs := read()
		if docs == nil {
			return
		}
		together := func() store.Record { return evidenceOf(docs, noon).judge(nil).record() }
		once := together()
		docs = read()
		slices.Reverse(docs)
		if diff := cmp.Diff(comparable(once, true), comparable(together(), true), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("the order matters:\n%s", diff)
		}
	})
}
