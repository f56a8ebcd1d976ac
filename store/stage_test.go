package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
)

// mixedStage records runs of S plan, four of them in each second, of which every
// second one is archived, one active one has no answers, and others that are not of
// the stage. It returns what [Archive.StageRuns] has to say.
func mixedStage(t *testing.T, s *Store, a *Archive) (want []StageRun) {
	t.Helper()
	runs := map[string]Run{}
	for n := range 12 {
		r := aged(n, "S", cleanupNow, time.Duration(31+15*(n/4))*day)
		if n == 2 {
			r.Artifacts, r.Findings = nil, append(r.Findings, Finding{RunID: r.Run.RunID, Code: "no_artifacts"})
		}
		mustRecord(t, s, r, aged(12+n, "OTHER", cleanupNow, 8*day), small(n, "S", "tasks", "claude"))
		if n%2 == 0 {
			if _, err := s.Pin(t.Context(), r.Run.RunID, cleanupNow); err != nil {
				t.Fatal(err)
			}
		}
		runs[r.Run.RunID] = r.Run
		want = append(want, StageRun{RunID: r.Run.RunID, Archived: n%2 == 1, Artifacts: r.Artifacts})
	}
	cleaned(t, a, cleanupNow)
	slices.SortFunc(want, func(a, b StageRun) int {
		return cmp.Or(cmp.Compare(runs[b.RunID].Timestamp, runs[a.RunID].Timestamp), cmp.Compare(b.RunID, a.RunID))
	})
	return want
}

// Whatever the pages: each run once, newest first, in whichever tier it is.
func TestRunsOfAStageArePagedThroughBothTiers(t *testing.T) {
	eachEngine(t, func(t *testing.T, s *Store) {
		a := s.Archive(t.TempDir())
		want := mixedStage(t, s, a)
		archived := slices.DeleteFunc(slices.Clone(want), func(r StageRun) bool { return !r.Archived })
		for _, f := range []StageFilter{
			{SpecID: "S", Stage: "plan"}, {SpecID: "S", Stage: "plan", ArchivedOnly: true}, {SpecID: "S", Stage: "audit"},
		} {
			want := map[bool][]StageRun{false: want, true: archived}[f.ArchivedOnly]
			if f.Stage == "audit" {
				want = nil
			}
			for f.Limit = range len(want) + 2 {
				var got []StageRun
				for f.After = ""; ; {
					page, next, err := a.StageRuns(t.Context(), f)
					if err != nil || f.Limit > 0 && (len(page) > f.Limit || next != "" && len(page) != f.Limit) {
						t.Fatalf("%+v: %d runs, next %q, %v", f, len(page), next, err)
					}
					got = append(got, page...)
					if f.After = next; next == "" {
						break
					}
				}
				if diff := gocmp.Diff(want, got); diff != "" {
					t.Fatalf("%+v (-want +got):\n%s", f, diff)
				}
			}
		}
	})
}

// The next page takes one more, to be told of.
func TestAPageMayHaveAllRuns(t *testing.T) {
	eachEngine(t, func(t *testing.T, s *Store) {
		a := s.Archive(t.TempDir())
		want := mixedStage(t, s, a)
		stage, _, err := a.StageRuns(t.Context(), StageFilter{SpecID: "S", Stage: "plan", Limit: math.MaxInt})
		if err != nil || len(stage) != len(want) {
			t.Errorf("%d runs of the stage, %v", len(stage), err)
		}
		active, err := s.Runs(t.Context(), Filter{Limit: math.MaxInt})
		if err != nil || len(active.Runs) != 18 {
			t.Errorf("%d runs, %v", len(active.Runs), err)
		}
		archived, _, err := a.Runs(t.Context(), Filter{Limit: math.MaxInt})
		if err != nil || len(archived) != 18 {
			t.Errorf("%d archived runs, %v", len(archived), err)
		}
	})
}

// Whose patience ends is told that, and not that an archived run cannot be read.
func TestARunIsNotUnreadBecauseNobodyWaits(t *testing.T) {
	eachEngine(t, func(t *testing.T, s *Store) {
		folder := t.TempDir()
		a := s.Archive(folder)
		mixedStage(t, s, a)
		rows, _, err := a.Runs(t.Context(), Filter{SpecID: "S", Limit: 1})
		if err != nil || len(rows) != 1 {
			t.Fatal(rows, err)
		}
		if err := os.Remove(filepath.Join(folder, rows[0].File)); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		months := monthReader{archive: a}
		if run, err := months.run(ctx, rows[0]); !errors.Is(err, context.Canceled) {
			t.Errorf("%+v, %v", run, err)
		}
	})
}

func TestAnArchivedRunThatCannotBeReadKeepsNoOtherOfItsStageAway(t *testing.T) {
	eachEngine(t, func(t *testing.T, s *Store) {
		folder := t.TempDir()
		a := s.Archive(folder)
		want := mixedStage(t, s, a)
		names, err := a.files()
		if err != nil || len(names) != 3 {
			t.Fatalf("files %q, %v", names, err)
		}
		if err := os.Remove(filepath.Join(folder, names[1])); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, names[2]), []byte("no archive"), 0o600); err != nil {
			t.Fatal(err)
		}
		got, next, err := a.StageRuns(t.Context(), StageFilter{SpecID: "S", Stage: "plan", Limit: 50})
		if err != nil || next != "" || len(got) != len(want) {
			t.Fatalf("%d runs, next %q, %v", len(got), next, err)
		}
		var gone, damaged int
		for i, r := range got {
			switch {
			case errors.Is(r.Unread, fs.ErrNotExist):
				gone++
			case errors.As(r.Unread, new(*DamagedArchive)):
				damaged++
			}
			if r.Unread != nil {
				r.Unread, r.Artifacts = nil, want[i].Artifacts
			}
			if diff := gocmp.Diff(want[i], r); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		}
		if gone == 0 || damaged == 0 || gone+damaged != 6 {
			t.Errorf("%d in a file that is gone, %d in a damaged one", gone, damaged)
		}
	})
}

func TestARunThatIsMovedMeanwhileIsOnItsPageOnce(t *testing.T) {
	eachEngine(t, func(t *testing.T, s *Store) {
		a := s.Archive(t.TempDir())
		want := mixedStage(t, s, a)
		var ids []string
		for _, r := range want {
			if r.Archived {
				ids = append(ids, r.RunID)
			}
		}
		var over atomic.Bool
		go func() {
			defer over.Store(true)
			for range 20 {
				if _, err := a.Restore(t.Context(), cleanupNow, ids...); err != nil {
					t.Error(err)
				}
				for _, id := range ids {
					if _, err := s.Unpin(t.Context(), id); err != nil {
						t.Error(err)
					}
				}
				if _, _, err := a.Cleanup(t.Context(), keep, cleanupNow, nil); err != nil {
					t.Error(err)
				}
			}
		}()
		tiers := map[string]bool{}
		for last := false; !last; {
			last = over.Load()
			got, _, err := a.StageRuns(t.Context(), StageFilter{SpecID: "S", Stage: "plan", Limit: 50})
			if err != nil {
				t.Fatal(err)
			}
			for i := range got {
				tiers[fmt.Sprint(got[i].RunID, got[i].Archived)] = true
				got[i].Archived = i < len(want) && want[i].Archived
			}
			if diff := gocmp.Diff(want, got); diff != "" {
				t.Fatalf("(-want +got):\n%s", diff)
			}
		}
		if len(tiers) <= len(want) {
			t.Errorf("no run was seen in both tiers")
		}
		verified(t, s, a)
	})
}

func TestARunThatIsDeletedIsOnNoPage(t *testing.T) {
	eachEngine(t, func(t *testing.T, s *Store) {
		a := s.Archive(t.TempDir())
		mixedStage(t, s, a)
		cleaned(t, a, cleanupNow.AddDate(1, 0, 0))
		got, _, err := a.StageRuns(t.Context(), StageFilter{SpecID: "S", Stage: "plan", Limit: 50})
		archived := slices.ContainsFunc(got, func(r StageRun) bool { return r.Archived })
		if len(got) != 6 || archived || err != nil {
			t.Errorf("%+v, %v", got, err)
		}
	})
}
