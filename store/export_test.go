package store

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

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
