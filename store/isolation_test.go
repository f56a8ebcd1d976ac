package store

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/consensusd/consensusd/store/postgrestest"
)

func TestAmendmentsSeeAllThoseBeforeWhateverTheIsolation(t *testing.T) {
	for _, level := range []string{"read%20committed", "repeatable%20read", "serializable"} {
		t.Run(level, func(t *testing.T) {
			t.Parallel()
			db := postgrestest.Start(t).Database(t)
			stores := []*Store{open(t, db+"?default_transaction_isolation="+level), open(t, db+"?default_transaction_isolation="+level)}
			run := sample(1).Run
			mustRecord(t, stores[0], Record{Run: run})
			const each = 20
			other := plainPostgres(t, db)
			var done [2]atomic.Bool
			var wg sync.WaitGroup
			for n, s := range stores {
				wg.Go(func() {
					defer done[n].Store(true)
					for i := range each {
						e := counting(run, n*each+i)
						merge := e.Merge
						e.Merge = func(stored Record) (Record, error) {
							eventually(t, "the other waits", func() bool { return done[1-n].Load() || waiting(t, other, "Lock") })
							return merge(stored)
						}
						results, err := s.RecordAll(t.Context(), []Entry{e})
						if err != nil || results[0].Outcome != Amended {
							t.Errorf("RecordAll = %v, %v, want amended", results, err)
						}
					}
				})
			}
			wg.Wait()
			r := mustWhole(t, stores[0], run.RunID)
			if len(r.Artifacts) != len(stores)*each || len(r.Receipts) != len(stores)*each {
				t.Errorf("%d artifacts and %d receipts, want %d of each", len(r.Artifacts), len(r.Receipts), len(stores)*each)
			}
			seen := map[string]bool{}
			for _, f := range r.Findings {
				seen[f.Detail] = true
			}
			if len(seen) != len(stores)*each {
				t.Errorf("of %d amendments %d saw as many answers as another did", len(stores)*each, len(stores)*each-len(seen))
			}
			mustBeWell(t, stores[0])
		})
	}
}

// counting returns an amendment that adds an answer, and a finding that tells how
// many there were before. Every second one changes the row of the run too.
func counting(run Run, n int) Entry {
	a := answer(run, fmt.Sprint("agent ", n), "yes")
	return Entry{
		Record: Record{Run: run, Receipts: []Receipt{document(run, a.Agent+".json", "answer")}},
		Merge: func(stored Record) (Record, error) {
			stored.Findings = append(stored.Findings, Finding{RunID: run.RunID, Code: "seen", Agent: a.Agent, Detail: fmt.Sprint(len(stored.Artifacts))})
			stored.Artifacts = append(stored.Artifacts, a)
			if n%2 == 1 {
				stored.Run.Conflicts = append(stored.Run.Conflicts, a.Agent)
			}
			return stored, nil
		},
	}
}
