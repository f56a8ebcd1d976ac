package store

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWhatIsInAFileThatIsNotThereIsNotDeleted(t *testing.T) {
	eachEngine(t, func(t *testing.T, s *Store) {
		folder := t.TempDir()
		a := s.Archive(folder)
		r := aged(0, "S", cleanupNow, 40*day)
		mustRecord(t, s, r)
		cleaned(t, a, cleanupNow)
		aside := filepath.Join(t.TempDir(), "2026-05.zst")
		if err := os.Rename(filepath.Join(folder, "2026-05.zst"), aside); err != nil {
			t.Fatal(err)
		}
		later := cleanupNow.AddDate(1, 0, 0)
		cleaned(t, a, later)
		if plan := planned(t, a, later); len(plan.Stay) != 1 || plan.Stay[0].Why != StayGone {
			t.Errorf("%+v", plan)
		}
		if err := os.Rename(aside, filepath.Join(folder, "2026-05.zst")); err != nil {
			t.Fatal(err)
		}
		mustBeWhole(t, a, r)
		if c := cleaned(t, a, later); c.Deleted != 1 {
			t.Errorf("%+v", c)
		}
	})
}

// Whatever came into its place would be lost when it is brought back.
func TestNoFileIsBegunInThePlaceOfOneThatIsNotThere(t *testing.T) {
	eachEngine(t, func(t *testing.T, s *Store) {
		folder := t.TempDir()
		a := s.Archive(folder)
		path, aside := filepath.Join(folder, "2026-05.zst"), filepath.Join(t.TempDir(), "2026-05.zst")
		first, next := aged(0, "FIRST", cleanupNow, 40*day), aged(1, "NEXT", cleanupNow, 41*day)
		mustRecord(t, s, first)
		cleaned(t, a, cleanupNow)
		if err := os.Rename(path, aside); err != nil {
			t.Fatal(err)
		}
		mustRecord(t, s, next)
		plan := planned(t, a, cleanupNow)
		if diff := cmp.Diff([]Stay{{StayGone, 1, []string{"NEXT"}}}, plan.Stay); diff != "" {
			t.Error(diff)
		}
		cleaned(t, a, cleanupNow)
		if got := names(t, folder); tier(t, s, a, next.Run.RunID) != "active" || slices.Contains(got, "2026-05.zst") {
			t.Errorf("there are %v", got)
		}
		if err := os.Rename(aside, path); err != nil {
			t.Fatal(err)
		}
		cleaned(t, a, cleanupNow)
		mustBeWhole(t, a, first, next)
		verified(t, s, a)
	})
}

func TestAFileThatLacksRunsIsLeftAloneUntilTheyAreBack(t *testing.T) {
	eachEngine(t, func(t *testing.T, s *Store) {
		folder := t.TempDir()
		a := s.Archive(folder)
		path, aside := filepath.Join(folder, "2026-05.zst"), filepath.Join(t.TempDir(), "2026-05.zst")
		first, second, third := aged(0, "FIRST", cleanupNow, 40*day), aged(1, "SECOND", cleanupNow, 41*day), aged(2, "THIRD", cleanupNow, 42*day)
		mustRecord(t, s, first)
		cleaned(t, a, cleanupNow)
		older, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		mustRecord(t, s, second)
		cleaned(t, a, cleanupNow)
		if err := errors.Join(os.Rename(path, aside), os.WriteFile(path, older, 0o644)); err != nil {
			t.Fatal(err)
		}
		mustRecord(t, s, third)
		later := cleanupNow.AddDate(1, 0, 0)
		plan := planned(t, a, later)
		if diff := cmp.Diff([]Stay{{StayGone, 3, []string{"FIRST", "SECOND", "THIRD"}}}, plan.Stay); diff != "" {
			t.Error(diff)
		}
		cleaned(t, a, later)
		for r, want := range map[string]string{first.Run.RunID: Archived, second.Run.RunID: Archived, third.Run.RunID: "active"} {
			if got := tier(t, s, a, r); got != want {
				t.Errorf("%s is %s, not %s", r, got, want)
			}
		}
		if err := os.Rename(aside, path); err != nil {
			t.Fatal(err)
		}
		cleaned(t, a, cleanupNow)
		mustBeWhole(t, a, first, second, third)
		verified(t, s, a)
	})
}
