package store

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/consensusd/consensusd/store/postgrestest"
)

func TestAnExportHoldsAllRunsAndOverwritesNothing(t *testing.T) {
	eachEngine(t, func(t *testing.T, s *Store) {
		mustRecord(t, s, sample(1), sample(2))
		path := newFile(t)
		copied, err := s.Export(t.Context(), path, nil)
		if err != nil || copied.Runs != 2 || copied.Same != 2 {
			t.Fatalf("%+v, %v", copied, err)
		}
		if _, err := s.Export(t.Context(), path, nil); !errors.Is(err, fs.ErrExist) {
			t.Errorf("again: %v", err)
		}
		if diff := cmp.Diff([]string{filepath.Base(path)}, names(t, filepath.Dir(path))); diff != "" {
			t.Error(diff)
		}
		there := open(t, path)
		for _, n := range []int{1, 2} {
			if diff := cmp.Diff(sample(n), mustWhole(t, there, sample(n).Run.RunID)); diff != "" {
				t.Error(diff)
			}
		}
		mustBeWell(t, there)
	})
}

func TestACopyKnowsWhatIsArchivedDeletedAndPinned(t *testing.T) {
	h := newBackupHome(t)
	if _, err := h.store.Pin(t.Context(), aged(3, "SD", backupNow, 3*day).Run.RunID, backupNow); err != nil {
		t.Fatal(err)
	}
	eachEngine(t, func(t *testing.T, to *Store) {
		active := aged(2, "SC", backupNow, 40*day) // archived there, and active here
		mustRecord(t, to, active)
		for _, want := range []int64{2, 0} {
			if copied, err := Copy(t.Context(), h.store, to, nil); err != nil || copied.Archived != want || len(copied.Problems) > 0 {
				t.Errorf("%+v, %v", copied, err)
			}
		}
		a := to.Archive(h.archive.folder)
		for n, want := range map[int]string{0: Deleted, 1: Archived, 2: "active", 3: "active"} {
			age := []time.Duration{200 * day, 70 * day, 40 * day, 3 * day}[n]
			if got := tier(t, to, a, aged(n, "S"+string(rune('A'+n)), backupNow, age).Run.RunID); got != want {
				t.Errorf("run %d is %s, not %s", n, got, want)
			}
		}
		if pinned, err := to.Pinned(t.Context()); err != nil || len(pinned) != 1 {
			t.Errorf("pinned: %v, %v", pinned, err)
		}
		mustBeWell(t, to)
	})
}

func TestBackupsOfAServerAreItsOwnJob(t *testing.T) {
	s := open(t, postgrestest.Start(t).Database(t))
	folder := Backups(filepath.Join(t.TempDir(), "backups"))
	_, err := s.Backup(t.Context(), folder, s.Archive(t.TempDir()), backupNow, nil)
	var hinted *hintedError
	if !errors.As(err, &hinted) {
		t.Fatal(err)
	}
	for _, want := range []string{"pg_basebackup --dbname='" + s.Target(), "pg_dump ", "--export"} {
		if !strings.Contains(hinted.Hint(), want) {
			t.Errorf("%s lacks %s", hinted.Hint(), want)
		}
	}
	if got := names(t, string(folder)); len(got) > 0 {
		t.Errorf("and yet there is %v", got)
	}
}
