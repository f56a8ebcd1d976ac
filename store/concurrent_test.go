package store

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/consensusd/consensusd/schema"
)

func TestConcurrentRecordersRecordEachRunOnce(t *testing.T) {
	eachEngine(t, func(t *testing.T, s *Store) {
		const recorders, runs = 20, 12
		stores := []*Store{s, open(t, s.target)} // as two daemons would
		var recorded [runs]atomic.Int64
		var wg sync.WaitGroup
		for i := range recorders {
			wg.Go(func() {
				for n := range runs / 2 { // each half of them, and each begins elsewhere
					n = (n + i) % runs
					outcome, err := stores[i%len(stores)].Record(t.Context(), sample(n))
					switch {
					case err != nil:
						t.Error(err)
					case outcome == Recorded:
						recorded[n].Add(1)
					case outcome != Duplicate:
						t.Errorf("run %d is %s, want recorded or duplicate", n, outcome)
					}
				}
			})
		}
		wg.Wait()
		for n := range runs {
			if got := recorded[n].Load(); got != 1 {
				t.Errorf("run %d was recorded %d times", n, got)
			}
			if diff := cmp.Diff(sample(n), mustWhole(t, s, sample(n).Run.RunID)); diff != "" {
				t.Errorf("run %d (-want +got):\n%s", n, diff)
			}
		}
		if totals, err := s.Totals(t.Context()); err != nil || totals.Runs != runs {
			t.Errorf("Totals = %+v, %v, want %d runs", totals, err, runs)
		}
		mustBeWell(t, s)
	})
}

func TestConcurrentAmendmentsAreAllKept(t *testing.T) {
	eachEngine(t, func(t *testing.T, s *Store) {
		run := sample(1).Run
		mustRecord(t, s, Record{Run: run})
		stores := []*Store{s, open(t, s.target)}
		const agents = 20
		var wg sync.WaitGroup
		for i := range agents {
			wg.Go(func() {
				a := answer(run, fmt.Sprintf("agent %02d", i), "yes")
				e := Entry{
					Record: Record{Run: run, Receipts: []Receipt{document(run, a.Agent+".json", "answer")}},
					Merge: func(stored Record) (Record, error) {
						stored.Artifacts = append(stored.Artifacts, a)
						return stored, nil
					},
				}
				results, err := stores[i%len(stores)].RecordAll(t.Context(), []Entry{e})
				if err != nil || results[0].Outcome != Amended {
					t.Errorf("RecordAll = %v, %v, want amended", results, err)
				}
			})
		}
		wg.Wait()
		r := mustWhole(t, s, run.RunID)
		if len(r.Artifacts) != agents || len(r.Receipts) != agents {
			t.Errorf("%d artifacts and %d receipts, want %d of each", len(r.Artifacts), len(r.Receipts), agents)
		}
		mustBeWell(t, s)
	})
}

// Every run has two artifacts, or one and a missing agent until it is amended.
func TestReadersSeeWholeRunsOnly(t *testing.T) {
	eachEngine(t, func(t *testing.T, s *Store) {
		const runs = 60
		written, cancel := context.WithCancel(t.Context())
		readers := []*Store{s, openReadOnly(t, s.target), openReadOnly(t, s.target)}
		var wg sync.WaitGroup
		for _, reader := range readers {
			wg.Go(func() {
				for done := false; !done; {
					done = written.Err() != nil // and once more after that
					page, err := reader.Runs(t.Context(), Filter{Limit: runs})
					if err != nil {
						t.Error(err)
						return
					}
					for _, run := range page.Runs {
						checkWhole(t, reader, run)
					}
				}
			})
		}
		for n := range runs {
			r := sample(n)
			half := sample(n)
			half.Artifacts, half.Receipts = half.Artifacts[:1], half.Receipts[:1]
			half.Run.MissingAgents = schema.Strings{"gemini"}
			r.Run.MissingAgents = schema.Strings{}
			rest := r
			rest.Receipts = r.Receipts[1:]
			mustRecord(t, s, half)
			mustRecordAll(t, s, Entry{Record: rest, Merge: func(Record) (Record, error) { return r, nil }})
		}
		cancel()
		wg.Wait()
		mustBeWell(t, s)
	})
}

func checkWhole(t *testing.T, s *Store, run Run) {
	r, err := s.Whole(t.Context(), run.RunID)
	if err != nil {
		t.Errorf("run %s is listed, but: %v", run.RunID, err)
		return
	}
	if len(r.Artifacts)+len(r.Run.MissingAgents) != 2 || len(r.Artifacts) != len(r.Receipts) || len(r.Syntheses) != 1 || len(r.Findings) != 2 {
		t.Errorf("run %s is seen with %d artifacts, %v missing, %d syntheses, %d findings and %d receipts", run.RunID,
			len(r.Artifacts), r.Run.MissingAgents, len(r.Syntheses), len(r.Findings), len(r.Receipts))
	}
	// Separate questions: what is visible stays so, and is never without its artifacts.
	if a, err := s.Artifacts(t.Context(), run.RunID); err != nil || len(a) < len(r.Artifacts) {
		t.Errorf("run %s: Artifacts = %d, %v, want at least %d", run.RunID, len(a), err, len(r.Artifacts))
	}
	if _, err := s.Synthesis(t.Context(), run.RunID); err != nil {
		t.Errorf("run %s: %v", run.RunID, err)
	}
}
