package store

import (
	"database/sql/driver"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/mattn/go-sqlite3"
)

// refuseCommits makes the writer's commits fail, or lets them succeed again.
func refuseCommits(t *testing.T, s *Store, refuse bool) {
	t.Helper()
	conn, err := s.writer.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	err = conn.Raw(func(c any) error {
		hook := func() int { return 1 }
		if !refuse {
			hook = nil
		}
		c.(*writingConn).RegisterCommitHook(hook)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestAGroupWhoseCommitFailsLeavesNothingBehind(t *testing.T) {
	s := open(t, newFile(t))
	mustRecord(t, s, sample(1))
	group := []Entry{{Record: sample(2)}, {Record: sample(1), Merge: unwanted(t)}, {Record: sample(3)}}
	refuseCommits(t, s, true)
	mustNotChange(t, s, func() {
		results, err := s.RecordAll(t.Context(), group)
		var refused *RefusedError
		if err == nil || results != nil || errors.As(err, &refused) {
			t.Errorf("RecordAll = %v, %v, want an error that is no run's", results, err)
		}
	})
	refuseCommits(t, s, false)
	want := []Result{
		{Recorded, sample(2).Run.RunID, nil}, {Duplicate, sample(1).Run.RunID, nil}, {Recorded, sample(3).Run.RunID, nil},
	}
	if diff := cmp.Diff(want, mustRecordAll(t, s, group...)); diff != "" {
		t.Errorf("RecordAll, tried again (-want +got):\n%s", diff)
	}
	mustBeWell(t, s)
}

func TestARefusedRunDoesNotDisturbItsNeighbours(t *testing.T) {
	refusals := map[string]func(*Record) error{
		"values": func(r *Record) error {
			r.Findings[1].RunID = "no such run" // the last row to be inserted
			return nil
		},
		"merge refuses": func(r *Record) error {
			r.Run.RunID, r.Receipts = sample(1).Run.RunID, r.Receipts[:1]
			return Contradiction(r.Run.RunID, "aa", "bb")
		},
		"merge fails": func(r *Record) error {
			r.Run.RunID, r.Receipts = sample(1).Run.RunID, r.Receipts[:1]
			return errors.New("what is stored cannot be read")
		},
	}
	for name, spoil := range refusals {
		t.Run(name, func(t *testing.T) {
			eachEngine(t, func(t *testing.T, s *Store) {
				mustRecord(t, s, sample(1))
				bad := sample(3)
				fault := spoil(&bad)
				got := mustRecordAll(t, s,
					Entry{Record: sample(2)},
					Entry{Record: bad, Merge: func(Record) (Record, error) { return Record{}, fault }},
					Entry{Record: sample(4)})
				if got[0].Outcome != Recorded || got[2].Outcome != Recorded {
					t.Errorf("neighbours are %s and %s, want recorded", got[0].Outcome, got[2].Outcome)
				}
				if got[1].Outcome != Refused || got[1].Err == nil || got[1].RunID != bad.Run.RunID {
					t.Errorf("bad run is %+v, want refused", got[1])
				}
				var refused *RefusedError
				if errors.As(fault, &refused) && got[1].Err != refused {
					t.Errorf("refused for %v, want %v", got[1].Err, refused)
				}
				for _, n := range []int{1, 2, 4} {
					if diff := cmp.Diff(sample(n), mustWhole(t, s, sample(n).Run.RunID)); diff != "" {
						t.Errorf("run %d (-want +got):\n%s", n, diff)
					}
				}
				for _, r := range bad.Receipts {
					if _, err := s.Receipt(t.Context(), r.SHA256, r.Identity); !errors.Is(err, ErrNotFound) {
						t.Errorf("a receipt of the refused run: %v, want %v", err, ErrNotFound)
					}
				}
				mustBeWell(t, s)
			})
		})
	}
}

func TestAGroupSeesWhatItRecordedBefore(t *testing.T) {
	eachEngine(t, func(t *testing.T, s *Store) {
		first, late := sample(1), sample(1)
		late.Receipts = []Receipt{document(late.Run, "late.json", "answer")}
		other := sample(2)
		other.Receipts = late.Receipts
		got := mustRecordAll(t, s,
			Entry{Record: first},
			Entry{Record: first},
			Entry{Record: late, Merge: func(stored Record) (Record, error) {
				if diff := cmp.Diff(sample(1).Run, stored.Run); diff != "" {
					t.Errorf("stored run (-want +got):\n%s", diff)
				}
				return stored, nil
			}},
			Entry{Record: other})
		id := first.Run.RunID
		want := []Result{{Recorded, id, nil}, {Duplicate, id, nil}, {Amended, id, nil}, {Duplicate, id, nil}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("RecordAll (-want +got):\n%s", diff)
		}
		mustBeWell(t, s)
	})
}

func TestAnEmptyGroupIsRecordedAtOnce(t *testing.T) {
	eachEngine(t, func(t *testing.T, s *Store) {
		if got := mustRecordAll(t, s); len(got) != 0 {
			t.Errorf("RecordAll = %v, want nothing", got)
		}
	})
}

func TestAFullDiskIsNoRunsFault(t *testing.T) {
	s := open(t, newFile(t))
	execute(t, s, "PRAGMA max_page_count = 1") // that is, not a page more
	big := sample(1)
	big.Artifacts[0] = answer(big.Run, "claude", strings.Repeat("x", 1<<20))
	mustNotChange(t, s, func() {
		results, err := s.RecordAll(t.Context(), []Entry{{Record: sample(2)}, {Record: big}})
		var full sqlite3.Error
		if !errors.As(err, &full) || full.Code != sqlite3.ErrFull || results != nil {
			t.Errorf("RecordAll = %v, %v, want a full disk", results, err)
		}
	})
	execute(t, s, "PRAGMA max_page_count = 1000000")
	mustRecord(t, s, sample(2), big)
	mustBeWell(t, s)
}

func TestALostConnectionIsNoRunsFault(t *testing.T) {
	s := open(t, newFile(t))
	for _, err := range []error{driver.ErrBadConn, sqlite3.Error{Code: sqlite3.ErrIoErr}, sqlite3.Error{Code: sqlite3.ErrBusy}} {
		if s.engine.refusal(err) {
			t.Errorf("%v is taken for a refusal", err)
		}
	}
}
