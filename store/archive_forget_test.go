package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/consensusd/consensusd/dbgen/sqlite"
	"github.com/consensusd/consensusd/schema"
)

func mustRemove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

// deletedLines are the lines of the list of deleted runs.
func deletedLines(t *testing.T, folder string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(folder, deletedFile))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
}

func TestTheRunsOfAForgottenFileAreDeletedAsRetentionDeletesThem(t *testing.T) {
	eachEngine(t, func(t *testing.T, s *Store) {
		folder, other := t.TempDir(), open(t, newFile(t))
		a, usual := s.Archive(folder), other.Archive(t.TempDir())
		one, two, three := aged(0, "S", cleanupNow, 45*day), aged(1, "S", cleanupNow, 41*day), aged(2, "R", cleanupNow, 42*day)
		april, younger := aged(3, "APRIL", cleanupNow, 70*day), aged(4, "NEXT", cleanupNow, 39*day)
		mustRecord(t, s, one, two, three, april)
		mustRecord(t, other, one, two, three)
		cleaned(t, a, cleanupNow)
		cleaned(t, usual, cleanupNow)
		mustRemove(t, filepath.Join(folder, "2026-05.zst"))
		mustRecord(t, s, younger)
		cleaned(t, a, cleanupNow)
		if got := tier(t, s, a, younger.Run.RunID); got != "active" {
			t.Fatalf("the younger run is %s already", got)
		}

		want := Loss{"2026-05.zst", 3, []SpecRuns{{"R", 1}, {"S", 2}}}
		loss, err := a.Loss(t.Context(), "2026-05.zst")
		if diff := cmp.Diff(want, loss); diff != "" || err != nil {
			t.Errorf("loss: %v\n%s", err, diff)
		}
		if got := tier(t, s, a, one.Run.RunID); got != Archived || deletedLines(t, folder)[0] != "" {
			t.Errorf("who only asks changes something: the run is %s", got)
		}
		later := cleanupNow.AddDate(0, 4, 0)
		lost, deleted, err := a.Forget(t.Context(), "2026-05.zst", later, nil)
		if diff := cmp.Diff(want, lost); diff != "" || err != nil || deleted != 3 {
			t.Errorf("forgotten: %d, %v\n%s", deleted, err, diff)
		}
		cleaned(t, usual, later)
		for _, r := range []Record{one, two, three} {
			is, _ := s.read().GetArchivedRun(t.Context(), r.Run.RunID)
			ought, _ := other.read().GetArchivedRun(t.Context(), r.Run.RunID)
			if diff := cmp.Diff(ought, is); diff != "" || is.State != Deleted {
				t.Errorf("not as retention leaves it:\n%s", diff)
			}
		}
		sorted := cmp.Transformer("sorted", func(lines []string) map[string]int {
			n := map[string]int{}
			for _, l := range lines {
				n[l]++
			}
			return n
		})
		if diff := cmp.Diff(deletedLines(t, usual.folder), deletedLines(t, folder), sorted); diff != "" {
			t.Errorf("listed otherwise than by retention:\n%s", diff)
		}

		again := mustRecordAll(t, s, Entry{Record: one})[0]
		late := one
		late.Receipts = []Receipt{document(one.Run, "late.json", "answer")}
		refused := mustRecordAll(t, s, Entry{Record: late})[0]
		var why *RefusedError
		if again.Outcome != Duplicate || !errors.As(refused.Err, &why) || why.Code != CodeDeleted {
			t.Errorf("dropped again: %+v; another document: %+v", again, refused)
		}
		cleaned(t, a, cleanupNow)
		mustBeWhole(t, a, younger, april)
		if _, _, err := a.Forget(t.Context(), "2026-05.zst", later, nil); !errors.Is(err, ErrFileThere) {
			t.Errorf("the file is there anew: %v", err)
		}
		verified(t, s, a)
	})
}

func TestNothingIsForgottenOfAFileThatIsThere(t *testing.T) {
	eachEngine(t, func(t *testing.T, s *Store) {
		home := t.TempDir()
		folder := filepath.Join(home, "archive")
		a := s.Archive(folder)
		r := aged(0, "S", cleanupNow, 40*day)
		mustRecord(t, s, r)
		cleaned(t, a, cleanupNow)
		path, aside := filepath.Join(folder, "2026-05.zst"), filepath.Join(home, "aside")
		mustRefuse := func(what, file string, want error) {
			t.Helper()
			_, asked := a.Loss(t.Context(), file)
			_, n, err := a.Forget(t.Context(), file, cleanupNow, nil)
			if !errors.Is(asked, want) || !errors.Is(err, want) || n != 0 {
				t.Errorf("%s: %v, and %d are forgotten, %v", what, asked, n, err)
			}
		}
		mustRefuse("it is whole", "2026-05.zst", ErrFileThere)
		mustRefuse("another month", "2026-04.zst", ErrNotFound)
		mustRefuse("a path", "../archive/2026-05.zst", ErrNotFound)
		mustRefuse("no file of an archive", deletedFile, ErrNotFound)
		flip(t, path, 30)
		mustRefuse("it is damaged", "2026-05.zst", ErrFileThere)
		flip(t, path, 30)
		if err := errors.Join(os.Rename(path, aside), os.Symlink("nowhere", path)); err != nil {
			t.Fatal(err)
		}
		mustRefuse("it is a link to a disk that is not there", "2026-05.zst", ErrFileThere)
		mustRemove(t, path)
		if _, _, err := openReadOnly(t, s.target).Archive(folder).Forget(t.Context(), "2026-05.zst", cleanupNow, nil); !errors.Is(err, ErrReadOnly) {
			t.Errorf("opened for reading: %v", err)
		}
		release, err := a.lock()
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := a.Forget(t.Context(), "2026-05.zst", cleanupNow, nil); !errors.Is(err, ErrCleaning) {
			t.Errorf("while it is backed up: %v", err)
		}
		if err := release(); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(os.Rename(folder, folder+" there"), os.Symlink("no disk", folder)); err != nil {
			t.Fatal(err)
		}
		if _, _, err := a.Forget(t.Context(), "2026-05.zst", cleanupNow, nil); err == nil {
			t.Error("forgotten while the archive's disk is not there")
		}
		mustRemove(t, folder)
		if err := errors.Join(os.Rename(folder+" there", folder), os.Rename(aside, path)); err != nil {
			t.Fatal(err)
		}
		mustBeWhole(t, a, r)
		verified(t, s, a)
	})
}

func TestAHomeWithoutAnArchiveForgetsNothingOfAServer(t *testing.T) {
	eachEngine(t, func(t *testing.T, s *Store) {
		r := aged(0, "S", cleanupNow, 40*day)
		mustRecord(t, s, r)
		cleaned(t, s.Archive(t.TempDir()), cleanupNow)
		folder := filepath.Join(t.TempDir(), "archive")
		_, n, err := s.Archive(folder).Forget(t.Context(), "2026-05.zst", cleanupNow, nil)
		want, isServer := int64(1), EngineOf(s.target) != schema.SQLite
		if isServer {
			want = 0
		}
		if n != want || errors.Is(err, ErrElsewhere) != isServer || gone(folder) != isServer {
			t.Errorf("%d are forgotten, %v", n, err)
		}
	})
}

func TestForgettingGoesOnWhereItWasInterrupted(t *testing.T) {
	eachEngine(t, func(t *testing.T, s *Store) {
		const runs = 2*planPage + 7
		folder := t.TempDir()
		a := s.Archive(folder)
		err := s.update(t.Context(), func(ctx context.Context, _ *sql.Tx, q sqlite.Querier) error {
			for n := range runs { // as copied from the home that has the file
				r := small(n, "S", "plan", "claude").Run
				_, err := insertRetired(ctx, q, ArchivedRun{
					RunID: r.RunID, SpecID: r.SpecID, Stage: r.Stage, Timestamp: r.Timestamp, MissingAgents: schema.Strings{}, Conflicts: schema.Strings{},
					Agents: schema.Strings{"claude"}, State: Archived, File: "2025-10.zst", SHA256: fmt.Sprintf("%064x", n),
				})
				if err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		_, n, err := a.Forget(ctx, "2025-10.zst", cleanupNow, func(done, all int64) {
			if cancel(); done != planPage || all != runs {
				t.Errorf("%d of %d", done, all)
			}
		})
		if !errors.Is(err, context.Canceled) || n != planPage {
			t.Fatalf("interrupted after %d: %v", n, err)
		}
		loss, err := a.Loss(t.Context(), "2025-10.zst")
		if err != nil || loss.Runs != runs-planPage {
			t.Errorf("left: %+v, %v", loss, err)
		}
		lost, n, err := a.Forget(t.Context(), "2025-10.zst", cleanupNow, nil)
		if err != nil || n != runs-planPage || lost.Runs != n {
			t.Errorf("then %d of %+v, %v", n, lost, err)
		}
		seen := map[string]bool{}
		for _, line := range deletedLines(t, folder) {
			seen[line] = true
		}
		if lines := deletedLines(t, folder); len(lines) != runs || len(seen) != runs {
			t.Errorf("%d lines, %d different ones", len(lines), len(seen))
		}
		verified(t, s, a)
	})
}

// Between a look at its row and the deletion a run may be restored where the file
// still is, and archived again.
func TestARunThatWasArchivedAnewIsNotDeletedForItsRecordBefore(t *testing.T) {
	eachEngine(t, func(t *testing.T, s *Store) {
		a := s.Archive(t.TempDir())
		r := aged(0, "S", cleanupNow, 40*day)
		mustRecord(t, s, r)
		cleaned(t, a, cleanupNow)
		is, err := a.Run(t.Context(), r.Run.RunID)
		if err != nil {
			t.Fatal(err)
		}
		n, err := s.expireRuns(t.Context(), []sqlite.ExpireRunParams{{RunID: is.RunID, File: is.File, SHA256: hexSum(nil)}, {RunID: is.RunID, File: "2026-04.zst", SHA256: is.SHA256}})
		if err != nil || n != 0 {
			t.Errorf("%d deleted, %v", n, err)
		}
		mustBeWhole(t, a, r)
		verified(t, s, a)
	})
}
