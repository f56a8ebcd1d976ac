package store

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTheLatestRunIsTheNewestOfItsSpecAndStage(t *testing.T) {
	eachEngine(t, func(t *testing.T, s *Store) {
		newest := small(9, "S", "plan", "b")
		twin := small(9, "S", "plan", "a")
		if twin.Run.RunID > newest.Run.RunID { // of the same second the greater id counts
			newest, twin = twin, newest
		}
		mustRecord(t, s, small(3, "S", "plan", "c"), newest, twin, small(20, "S", "tasks", "c"), small(20, "T", "plan", "c"))
		if got, err := s.LatestRun(t.Context(), "S", "plan"); err != nil || got.RunID != newest.Run.RunID {
			t.Errorf("LatestRun = %+v, %v, want %s", got, err, newest.Run.RunID)
		}
	})
}

func TestTheSynthesisOfARunIsItsNewest(t *testing.T) {
	eachEngine(t, func(t *testing.T, s *Store) {
		r := sample(1)
		newest := synthesis(r.Run, "Second thoughts.")
		newest.CreatedAt += 60
		r.Syntheses = []Synthesis{newest, r.Syntheses[0]}
		mustRecord(t, s, r)
		if got, err := s.Synthesis(t.Context(), r.Run.RunID); err != nil || got != newest {
			t.Errorf("Synthesis = %+v, %v, want %+v", got, err, newest)
		}
	})
}

func TestWhatIsNotThereIsNotFound(t *testing.T) {
	eachEngine(t, func(t *testing.T, s *Store) {
		bare := Record{Run: sample(1).Run}
		mustRecord(t, s, bare)
		ctx := t.Context()
		questions := map[string]func() error{
			"Run":                   func() error { _, err := s.Run(ctx, "no"); return err },
			"Whole":                 func() error { _, err := s.Whole(ctx, "no"); return err },
			"LatestRun":             func() error { _, err := s.LatestRun(ctx, bare.Run.SpecID, "tasks"); return err },
			"Synthesis of no run":   func() error { _, err := s.Synthesis(ctx, "no"); return err },
			"Synthesis of none":     func() error { _, err := s.Synthesis(ctx, bare.Run.RunID); return err },
			"Receipt of no content": func() error { _, err := s.Receipt(ctx, "", ""); return err },
		}
		for name, ask := range questions {
			if err := ask(); !errors.Is(err, ErrNotFound) {
				t.Errorf("%s = %v, want %v", name, err, ErrNotFound)
			}
		}
		artifacts, err1 := s.Artifacts(ctx, "no")
		agents, err2 := s.Agents(ctx, "no")
		findings, err3 := s.CountFindings(ctx, "no")
		if len(artifacts)+len(agents)+int(findings) != 0 || err1 != nil || err2 != nil || err3 != nil {
			t.Errorf("of no run there are %v, %v, %v and %d findings, %v", artifacts, err1, agents, findings, errors.Join(err2, err3))
		}
	})
}

func TestPartsOfARunAreReadInTheirOrder(t *testing.T) {
	eachEngine(t, func(t *testing.T, s *Store) {
		r := sample(1)
		retry := answer(r.Run, "claude", "second try")
		retry.CreatedAt = r.Artifacts[0].CreatedAt + 1
		r.Artifacts = []Artifact{r.Artifacts[0], retry, r.Artifacts[1]}
		mustRecord(t, s, Record{Run: r.Run, Artifacts: []Artifact{r.Artifacts[2], retry, r.Artifacts[0]}, Findings: r.Findings})
		got, err := s.Artifacts(t.Context(), r.Run.RunID)
		if diff := cmp.Diff(r.Artifacts, got); diff != "" || err != nil {
			t.Errorf("Artifacts (-want +got): %v\n%s", err, diff)
		}
		agents, err := s.Agents(t.Context(), r.Run.RunID)
		if diff := cmp.Diff([]string{"claude", "gemini"}, agents); diff != "" || err != nil {
			t.Errorf("Agents (-want +got): %v\n%s", err, diff)
		}
		if n, err := s.CountFindings(t.Context(), r.Run.RunID); n != 2 || err != nil {
			t.Errorf("CountFindings = %d, %v, want 2", n, err)
		}
	})
}

func TestTotalsCountRunsAndDocuments(t *testing.T) {
	eachEngine(t, func(t *testing.T, s *Store) {
		empty, err := s.Totals(t.Context())
		if err != nil || empty.Runs != 0 || !empty.Newest.IsZero() || len(empty.Documents) != 0 || empty.Bytes == 0 {
			t.Errorf("Totals of an empty database = %+v, %v", empty, err)
		}
		mustRecord(t, s, sample(3), sample(9), sample(5))
		e := Entry{Record: Record{Run: sample(3).Run, Receipts: []Receipt{document(sample(3).Run, "late.json", "answer")}}}
		e.Merge = func(stored Record) (Record, error) { return stored, nil }
		mustRecordAll(t, s, e)
		if _, err := s.Reject(t.Context(), document(Run{}, "bad.json", "malformed")); err != nil {
			t.Fatal(err)
		}
		got, err := s.Totals(t.Context())
		want := Totals{
			Runs: 3, Newest: Time(sample(9).Run.Timestamp), Bytes: got.Bytes,
			Documents: map[string]int64{string(Recorded): 6, string(Amended): 1, Rejected: 1},
		}
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("Totals (-want +got): %v\n%s", err, diff)
		}
		if got.Bytes <= empty.Bytes {
			t.Errorf("%d bytes with three runs, %d before", got.Bytes, empty.Bytes)
		}
	})
}

func TestNobodyIsAnsweredWhoNoLongerWaits(t *testing.T) {
	eachEngine(t, func(t *testing.T, s *Store) {
		r := sample(1)
		mustRecord(t, s, r)
		ctx, cancel := context.WithCancel(t.Context())
		for range 2 { // the first question prepares its statement
			if _, err := s.LatestRun(ctx, r.Run.SpecID, r.Run.Stage); err != nil {
				t.Error(err)
			}
		}
		cancel()
		if _, err := s.LatestRun(ctx, r.Run.SpecID, r.Run.Stage); !errors.Is(err, context.Canceled) {
			t.Errorf("LatestRun = %v, want %v", err, context.Canceled)
		}
		if _, err := s.Runs(ctx, Filter{}); !errors.Is(err, context.Canceled) {
			t.Errorf("Runs = %v, want %v", err, context.Canceled)
		}
	})
}
