package store

import (
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/consensusd/consensusd/store/postgrestest"
)

// Behind a pooler in transaction mode a session is another one after every
// transaction, and one session serves many stores.
func TestThroughAPoolerEverythingWorksAsWithout(t *testing.T) {
	t.Parallel()
	server := postgrestest.Start(t)
	target := server.Bouncer(t)(server.Database(t))
	s, other := open(t, target), open(t, target) // the first creates the tables
	mustRecordEverything(t, s, Recorded, Recorded, Recorded, Refused, Recorded, Amended)
	mustRecordEverything(t, other, Duplicate, Duplicate, Duplicate, Refused, Duplicate, Duplicate)
	if err := s.Probe(t.Context()); err != nil {
		t.Errorf("Probe = %v", err)
	}
	mustReadEverything(t, openReadOnly(t, target))
	mustBeWell(t, s)
}

func TestStatementsArePreparedByNameOnlyWhereNobodyPools(t *testing.T) {
	t.Parallel()
	server := postgrestest.Start(t)
	db := server.Database(t)
	through := server.Bouncer(t)(db)
	for target, prepares := range map[string]bool{db: true, through: false} {
		s := open(t, target)
		s.writer.SetMaxOpenConns(1) // so that it is asked where it was recorded
		if _, err := s.Record(t.Context(), sample(1)); err != nil {
			t.Fatal(err)
		}
		if n := number(t, s.writer, "SELECT COUNT(*) FROM pg_prepared_statements"); n > 0 != prepares {
			t.Errorf("%s: %d statements are prepared", s.Target(), n)
		}
		mustBeWell(t, s)
	}
}

// mustRecordEverything records new, known and refused runs, an amendment and a
// rejection, alone and in a group.
func mustRecordEverything(t *testing.T, s *Store, want ...Outcome) {
	t.Helper()
	if got, err := s.Record(t.Context(), sample(0)); err != nil || got != want[0] {
		t.Errorf("Record = %v, %v, want %s", got, err, want[0])
	}
	bad := sample(6)
	bad.Findings[1].RunID = "no such run"
	amendment, _ := late()
	group := []Entry{{Record: sample(5)}, {Record: stubbed(), Merge: unwanted(t)}, {Record: bad}, {Record: sample(7)}, amendment}
	if diff := cmp.Diff(want[1:], outcomes(mustRecordAll(t, s, group...))); diff != "" {
		t.Errorf("RecordAll (-want +got):\n%s", diff)
	}
	if got, err := s.Reject(t.Context(), document(Run{}, "bad.json", "malformed")); err != nil || got[0].State != Rejected {
		t.Errorf("Reject = %v, %v, want rejected", got, err)
	}
	runs, err := s.Confirm(t.Context(), DocumentKey{sample(5).Receipts[0].SHA256, sample(5).Receipts[0].Identity}, DocumentKey{"unknown", ""})
	if want := []string{sample(5).Run.RunID, ""}; err != nil || !slices.Equal(runs, want) {
		t.Errorf("Confirm = %q, %v, want %q", runs, err, want)
	}
}

func mustReadEverything(t *testing.T, s *Store) {
	t.Helper()
	_, amended := late()
	want := []Record{sample(7), sample(5), amended, sample(0)}
	var ids []string
	for _, r := range want {
		ids = append(ids, r.Run.RunID)
		if diff := cmp.Diff(r, mustWhole(t, s, r.Run.RunID)); diff != "" {
			t.Errorf("run (-want +got):\n%s", diff)
		}
	}
	for limit := 1; limit <= 3; limit++ {
		if diff := cmp.Diff(ids, turnPages(t, s, Filter{Limit: limit})); diff != "" {
			t.Errorf("pages of %d (-want +got):\n%s", limit, diff)
		}
	}
	spec := sample(5).Run.SpecID
	if got := turnPages(t, s, Filter{SpecID: spec, Agent: "claude", Limit: 1}); !slices.Equal(got, []string{sample(5).Run.RunID}) {
		t.Errorf("runs of %s are %q", spec, got)
	}
	if got, err := s.LatestRun(t.Context(), spec, "plan"); err != nil || got.RunID != sample(5).Run.RunID {
		t.Errorf("LatestRun = %+v, %v", got, err)
	}
	if _, err := s.Run(t.Context(), "no"); !errors.Is(err, ErrNotFound) {
		t.Errorf("Run = %v, want %v", err, ErrNotFound)
	}
	if got, err := s.Totals(t.Context()); err != nil || got.Runs != int64(len(want)) || got.Documents[Rejected] != 1 {
		t.Errorf("Totals = %+v, %v, want %d runs", got, err, len(want))
	}
	mustBeWell(t, s)
}

func TestThroughAPoolerConcurrentRecordersRecordEachRunOnce(t *testing.T) {
	t.Parallel()
	server := postgrestest.Start(t)
	db := server.Database(t)
	through := server.Bouncer(t)
	stores := []*Store{open(t, through(db)), open(t, through(db)), open(t, db)}
	const runs, agents = 24, 12
	run := sample(runs).Run
	mustRecord(t, stores[0], Record{Run: run})
	var recorded [runs]int
	var mu sync.Mutex
	var wg sync.WaitGroup
	for i := range agents {
		s := stores[i%len(stores)]
		wg.Go(func() {
			for j := range runs / 2 {
				n := (2*i + j) % runs
				outcome, err := s.Record(t.Context(), sample(n))
				if err != nil || outcome != Recorded && outcome != Duplicate {
					t.Errorf("Record = %v, %v, want recorded or duplicate", outcome, err)
				}
				if outcome == Recorded {
					mu.Lock()
					recorded[n]++
					mu.Unlock()
				}
				if _, err := s.Whole(t.Context(), sample(n).Run.RunID); err != nil {
					t.Error(err)
				}
			}
		})
		wg.Go(func() {
			results, err := s.RecordAll(t.Context(), []Entry{counting(run, i)})
			if err != nil || results[0].Outcome != Amended {
				t.Errorf("RecordAll = %v, %v, want amended", results, err)
			}
		})
	}
	wg.Wait()
	for n, times := range recorded {
		if times != 1 {
			t.Errorf("run %d was recorded %d times", n, times)
		}
		if diff := cmp.Diff(sample(n), mustWhole(t, stores[0], sample(n).Run.RunID)); diff != "" {
			t.Errorf("run %d (-want +got):\n%s", n, diff)
		}
	}
	if got := mustWhole(t, stores[1], run.RunID); len(got.Artifacts) != agents || len(got.Receipts) != agents {
		t.Errorf("%d artifacts and %d receipts, want %d of each", len(got.Artifacts), len(got.Receipts), agents)
	}
	mustBeWell(t, stores[0])
}
