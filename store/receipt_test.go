package store

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestADocumentSeenBeforeIsADuplicateOfTheRunItMade(t *testing.T) {
	eachEngine(t, func(t *testing.T, s *Store) {
		first := sample(1)
		mustRecord(t, s, first)
		again := sample(2) // another run, as a reader with another clock would have it
		again.Receipts = first.Receipts
		mustNotChange(t, s, func() {
			got := mustRecordAll(t, s, Entry{Record: again})[0]
			if want := (Result{Outcome: Duplicate, RunID: first.Run.RunID}); got != want {
				t.Errorf("RecordAll = %+v, want %+v", got, want)
			}
		})
		mustBeWell(t, s)
	})
}

func TestTheSameBytesUnderAnotherIdentityAreAnotherDocument(t *testing.T) {
	eachEngine(t, func(t *testing.T, s *Store) {
		first, second := sample(1), sample(2)
		second.Receipts[1].SHA256 = first.Receipts[1].SHA256
		second.Receipts[1].Identity = "stage=tasks"
		mustRecord(t, s, first, second)
		got, err := s.ReceiptsOf(t.Context(), first.Receipts[1].SHA256)
		if diff := cmp.Diff([]Receipt{first.Receipts[1], second.Receipts[1]}, got); diff != "" || err != nil {
			t.Errorf("ReceiptsOf (-want +got): %v\n%s", err, diff)
		}
		mustBeWell(t, s)
	})
}

func TestAnEntryOfWhichSomeDocumentsAreKnownIsStaleAndChangesNothing(t *testing.T) {
	eachEngine(t, func(t *testing.T, s *Store) {
		known := sample(1)
		mustRecord(t, s, known)
		for name, r := range map[string]Record{"of another run": sample(2), "of the same run": sample(1)} {
			r.Receipts = []Receipt{known.Receipts[0], document(r.Run, "late.json", "answer")}
			mustNotChange(t, s, func() {
				got := mustRecordAll(t, s, Entry{Record: r, Merge: unwanted(t)})[0]
				if want := (Result{Outcome: Stale, RunID: r.Run.RunID}); got != want {
					t.Errorf("%s: RecordAll = %+v, want %+v", name, got, want)
				}
			})
		}
		mustBeWell(t, s)
	})
}

func TestReceiptsBelongToTheRunTheyAreRecordedWith(t *testing.T) {
	eachEngine(t, func(t *testing.T, s *Store) {
		want := sample(1)
		r := sample(1)
		for i := range r.Receipts {
			r.Receipts[i].RunID, r.Receipts[i].State = "", "made up"
		}
		if _, err := s.Record(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want.Receipts, mustWhole(t, s, want.Run.RunID).Receipts); diff != "" {
			t.Errorf("receipts (-want +got):\n%s", diff)
		}
		mustBeWell(t, s)
	})
}

func TestARejectedDocumentMayBeRecordedLater(t *testing.T) {
	eachEngine(t, func(t *testing.T, s *Store) {
		r := sample(1)
		bad := r.Receipts[0]
		bad.Path, bad.Kind, bad.Reason, bad.RunID = "broken.json", "malformed", "line 3: unexpected end", "some run"
		rejected := bad
		rejected.State, rejected.RunID = Rejected, ""
		for attempt := range int64(3) {
			rejected.Attempts, rejected.SettledAt = attempt+1, bad.SettledAt+attempt
			again := bad
			again.SettledAt, again.FirstSeen = rejected.SettledAt, bad.FirstSeen+attempt
			got, err := s.Reject(t.Context(), again)
			if diff := cmp.Diff([]Receipt{rejected}, got); diff != "" || err != nil {
				t.Fatalf("Reject, attempt %d (-want +got): %v\n%s", attempt+1, err, diff)
			}
			mustBeReceipt(t, s, rejected)
			if _, ok, err := s.IsRecorded(t.Context(), bad.SHA256, bad.Identity); ok || err != nil {
				t.Errorf("IsRecorded = %v, %v, want no", ok, err)
			}
		}

		r.Receipts[0].FirstSeen += 100
		mustRecord(t, s, r)
		recorded := r.Receipts[0]
		recorded.FirstSeen, recorded.Attempts = bad.FirstSeen, 4
		mustBeReceipt(t, s, recorded)
		if runID, ok, err := s.IsRecorded(t.Context(), bad.SHA256, bad.Identity); runID != r.Run.RunID || !ok || err != nil {
			t.Errorf("IsRecorded = %q, %v, %v, want %q", runID, ok, err, r.Run.RunID)
		}
		mustBeWell(t, s)
	})
}

func TestARecordedDocumentCannotBeRejected(t *testing.T) {
	eachEngine(t, func(t *testing.T, s *Store) {
		r := sample(1)
		mustRecord(t, s, r)
		mustNotChange(t, s, func() {
			bad := r.Receipts[0]
			bad.Reason, bad.Path = "no", "elsewhere.json"
			got, err := s.Reject(t.Context(), bad)
			if diff := cmp.Diff(r.Receipts[:1], got); diff != "" || err != nil {
				t.Errorf("Reject (-want +got): %v\n%s", err, diff)
			}
		})
	})
}

func TestRejectIsAllOrNothing(t *testing.T) {
	s := open(t, newFile(t))
	got, err := s.Reject(t.Context())
	if len(got) != 0 || err != nil {
		t.Errorf("Reject of nothing = %v, %v", got, err)
	}
	refuseCommits(t, s, true)
	mustNotChange(t, s, func() {
		if _, err := s.Reject(t.Context(), sample(1).Receipts...); err == nil {
			t.Error("Reject succeeded though its commit failed")
		}
	})
	refuseCommits(t, s, false)
	got, err = s.Reject(t.Context(), sample(1).Receipts...)
	if len(got) != 2 || err != nil {
		t.Errorf("Reject = %v, %v, want two", got, err)
	}
	mustBeWell(t, s)
}

func TestADocumentNeverSeenHasNoReceipt(t *testing.T) {
	eachEngine(t, func(t *testing.T, s *Store) {
		if _, err := s.Receipt(t.Context(), "ab", ""); !errors.Is(err, ErrNotFound) {
			t.Errorf("Receipt = %v, want %v", err, ErrNotFound)
		}
		if got, err := s.ReceiptsOf(t.Context(), "ab"); len(got) != 0 || err != nil {
			t.Errorf("ReceiptsOf = %v, %v, want none", got, err)
		}
		if runID, ok, err := s.IsRecorded(t.Context(), "ab", ""); runID != "" || ok || err != nil {
			t.Errorf("IsRecorded = %q, %v, %v, want no", runID, ok, err)
		}
	})
}

func mustBeReceipt(t *testing.T, s *Store, want Receipt) {
	t.Helper()
	got, err := s.Receipt(t.Context(), want.SHA256, want.Identity)
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("Receipt (-want +got): %v\n%s", err, diff)
	}
}

// unwanted is a Merge that must not be called.
func unwanted(t *testing.T) func(Record) (Record, error) {
	return func(r Record) (Record, error) {
		t.Error("Merge was called")
		return r, nil
	}
}
