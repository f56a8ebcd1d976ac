package store

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/consensusd/consensusd/dbgen/sqlite"
)

func TestARunIsRestoredOnceHoweverOftenItIsNamed(t *testing.T) {
	eachEngine(t, func(t *testing.T, s *Store) {
		a := s.Archive(t.TempDir())
		one, two := aged(0, "S", cleanupNow, 40*day), aged(1, "S", cleanupNow, 41*day)
		mustRecord(t, s, one)
		mustRecord(t, s, two)
		cleaned(t, a, cleanupNow)
		if n, err := a.Restore(t.Context(), cleanupNow, one.Run.RunID, one.Run.RunID); n != 1 || err != nil {
			t.Errorf("named twice: %d, %v", n, err)
		}
		if n, err := a.Restore(t.Context(), cleanupNow, one.Run.RunID, two.Run.RunID, one.Run.RunID); n != 1 || err != nil {
			t.Errorf("one of them is there: %d, %v", n, err)
		}
		verified(t, s, a)
	})
}

func TestOfManyWhoRestoreARunOneDoes(t *testing.T) {
	eachEngine(t, func(t *testing.T, s *Store) {
		folder := t.TempDir()
		r := aged(0, "S", cleanupNow, 40*day)
		mustRecord(t, s, r)
		cleaned(t, s.Archive(folder), cleanupNow)
		var all sync.WaitGroup
		var restored atomic.Int64
		for range 4 {
			other := open(t, s.target)
			all.Go(func() {
				n, err := other.Archive(folder).Restore(t.Context(), cleanupNow, r.Run.RunID)
				if err != nil {
					t.Error(err)
				}
				restored.Add(int64(n))
			})
		}
		all.Wait()
		got, err := s.Whole(t.Context(), r.Run.RunID)
		if diff := cmp.Diff(r, got); diff != "" || err != nil || restored.Load() != 1 {
			t.Errorf("restored %d times, %v\n%s", restored.Load(), err, diff)
		}
	})
}

func TestARunThatIsDeletedWhileItIsRestoredStaysDeleted(t *testing.T) {
	eachEngine(t, func(t *testing.T, s *Store) {
		a := s.Archive(t.TempDir())
		r := aged(0, "S", cleanupNow, 40*day)
		mustRecord(t, s, r)
		cleaned(t, a, cleanupNow)
		whole, row, err := a.whole(t.Context(), r.Run.RunID)
		if err != nil {
			t.Fatal(err)
		}
		cleaned(t, a, cleanupNow.AddDate(1, 0, 0))
		err = s.update(t.Context(), func(ctx context.Context, _ *sql.Tx, q sqlite.Querier) error {
			_, err := unarchive(ctx, q, archivedWhole{whole, row.SHA256}, cleanupNow)
			return err
		})
		if got := tier(t, s, a, r.Run.RunID); !errors.Is(err, ErrDeleted) || got != Deleted {
			t.Errorf("it is %s, %v", got, err)
		}
	})
}

func TestARunThatIsArchivedAnewWhileItIsRestoredKeepsWhatWasAdded(t *testing.T) {
	eachEngine(t, func(t *testing.T, s *Store) {
		a := s.Archive(t.TempDir())
		r := aged(0, "S", cleanupNow, 40*day)
		mustRecord(t, s, r)
		cleaned(t, a, cleanupNow)
		before, row, err := a.whole(t.Context(), r.Run.RunID)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := a.Restore(t.Context(), cleanupNow, r.Run.RunID); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Unpin(t.Context(), r.Run.RunID); err != nil {
			t.Fatal(err)
		}
		r.Run.Conflicts = append(r.Run.Conflicts, "who is right?")
		err = s.update(t.Context(), func(ctx context.Context, _ *sql.Tx, q sqlite.Querier) error {
			_, err := q.UpdateRun(ctx, sqlite.UpdateRunParams{
				RunID: r.Run.RunID, Timestamp: r.Run.Timestamp, ConsensusOK: r.Run.ConsensusOK, Degraded: r.Run.Degraded,
				MissingAgents: r.Run.MissingAgents, Conflicts: r.Run.Conflicts,
			})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		cleaned(t, a, cleanupNow)
		var got error
		err = s.update(t.Context(), func(ctx context.Context, _ *sql.Tx, q sqlite.Querier) error {
			_, got = unarchive(ctx, q, archivedWhole{before, row.SHA256}, cleanupNow)
			return nil
		})
		if err != nil || !errors.Is(got, errVanished) {
			t.Errorf("%v, %v", err, got)
		}
		mustBeWhole(t, a, r)
	})
}

// In one tier it is not yet, in the other no more.
func TestARunThatIsOnItsWayIsFound(t *testing.T) {
	s := open(t, newFile(t))
	a := s.Archive(t.TempDir())
	r := aged(0, "S", cleanupNow, 40*day)
	mustRecord(t, s, r)
	var cleaning atomic.Bool
	cleaning.Store(true)
	var all sync.WaitGroup
	all.Go(func() {
		defer cleaning.Store(false)
		for range 30 {
			if _, err := s.Unpin(t.Context(), r.Run.RunID); err != nil {
				t.Error(err)
			}
			if _, _, err := a.Cleanup(t.Context(), keep, cleanupNow, nil); err != nil {
				t.Error(err)
			}
		}
	})
	for cleaning.Load() {
		if _, err := a.Restore(t.Context(), cleanupNow, r.Run.RunID); err != nil {
			t.Error(err)
		}
	}
	all.Wait()
}

func TestNoRunGetsIntoBothTiers(t *testing.T) {
	eachEngine(t, func(t *testing.T, s *Store) {
		a := s.Archive(filepath.Join(t.TempDir(), "archive"))
		r := aged(0, "S", cleanupNow, 40*day)
		mustRecord(t, s, r)
		cleaned(t, a, cleanupNow)
		row, err := a.Run(t.Context(), r.Run.RunID)
		if err != nil {
			t.Fatal(err)
		}
		if problems, err := s.restoreEach(t.Context(), []Record{r}); err != nil || len(problems) != 1 {
			t.Errorf("copied beside the archive: %v, %v", problems, err)
		}
		insert := func() (n int64) {
			err := s.update(t.Context(), func(ctx context.Context, _ *sql.Tx, q sqlite.Querier) (err error) {
				n, err = insertRetired(ctx, q, row)
				return err
			})
			if err != nil {
				t.Error(err)
			}
			return n
		}
		if _, err := a.Restore(t.Context(), cleanupNow, r.Run.RunID); err != nil || insert() != 0 {
			t.Errorf("listed beside the tables of runs, %v", err)
		}
		if got := tier(t, s, a, r.Run.RunID); got != "active" {
			t.Error(got)
		}
	})
}

// Whoever lists a run again and whoever records it do not see each other's rows
// before they are committed.
func TestARunThatIsListedAndRecordedAtOnceGetsIntoOneTier(t *testing.T) {
	eachEngine(t, func(t *testing.T, s *Store) {
		a := s.Archive(t.TempDir())
		for i := range 20 {
			r := aged(i%20, "S", cleanupNow, 40*day)
			other := open(t, s.target)
			var both sync.WaitGroup
			both.Go(func() {
				err := other.update(t.Context(), func(ctx context.Context, _ *sql.Tx, q sqlite.Querier) error {
					_, err := insertRetired(ctx, q, (&month{cleaning: &cleaning{plan: &Plan{At: cleanupNow}}, file: "2026-05.zst"}).row(r, nil))
					return err
				})
				if err != nil {
					t.Error(err)
				}
			})
			both.Go(func() {
				if _, err := s.restoreEach(t.Context(), []Record{r}); err != nil {
					t.Error(err)
				}
			})
			both.Wait()
			if got := tier(t, s, a, r.Run.RunID); got == "lost" {
				t.Errorf("run %d is in both", i)
			}
		}
	})
}
