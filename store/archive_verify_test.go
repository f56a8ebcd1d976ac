package store

import (
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/consensusd/consensusd/store/archive"
)

func TestVerifyBesideACleanupRaisesNoFalseAlarm(t *testing.T) {
	s := open(t, newFile(t))
	a := s.Archive(t.TempDir())
	var ids []string
	for i := range 40 {
		r := aged(i, "S", cleanupNow, time.Duration(31+i)*day)
		mustRecord(t, s, r)
		ids = append(ids, r.Run.RunID)
	}
	var over atomic.Bool
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer over.Store(true)
		for range 5 {
			if _, _, err := a.Cleanup(t.Context(), keep, cleanupNow, nil); err != nil {
				t.Error(err)
			}
			if _, err := a.Restore(t.Context(), cleanupNow, ids...); err != nil {
				t.Error(err)
			}
			for _, id := range ids {
				if _, err := s.Unpin(t.Context(), id); err != nil {
					t.Error(err)
				}
			}
		}
		if _, _, err := a.Cleanup(t.Context(), keep, cleanupNow, nil); err != nil {
			t.Error(err)
		}
		if _, _, err := a.Cleanup(t.Context(), keep, cleanupNow.AddDate(0, 0, 70), nil); err != nil {
			t.Error(err)
		}
	}()
	for !over.Load() {
		if x, err := a.Verify(t.Context(), nil); err != nil || len(x.Problems) > 0 {
			t.Errorf("verify: %+v, %v", x, err)
		}
	}
	<-done
	verified(t, s, a)
}

func TestVerifyFindsWhatIsNotInTheArchive(t *testing.T) {
	eachEngine(t, func(t *testing.T, s *Store) {
		folder := t.TempDir()
		a := s.Archive(folder)
		mustRecord(t, s, aged(0, "S", cleanupNow, 40*day))
		mustRecord(t, s, aged(1, "S", cleanupNow, 41*day))
		cleaned(t, a, cleanupNow)
		code := func() string {
			t.Helper()
			x, err := a.Verify(t.Context(), nil)
			if err != nil || len(x.Problems) != 1 || x.Files != 1 || x.Runs != 2 {
				t.Fatal(x, err)
			}
			return x.Problems[0].Code
		}
		path := filepath.Join(folder, "2026-05.zst")
		one := 0
		_, err := archive.Rewrite(t.Context(), path, archive.Change{Keep: func(archive.Entry) (bool, error) { one++; return one == 1, nil }})
		if got := code(); err != nil || got != "archive_count" {
			t.Errorf("a run is gone: %s, %v", got, err)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		if got := code(); got != "archive_gone" {
			t.Errorf("a file is gone: %s", got)
		}
	})
}

// Only the home that cleans a server's database up has an archive.
func TestAHomeWithoutAnArchiveMissesNoneOfAServer(t *testing.T) {
	eachEngine(t, func(t *testing.T, s *Store) {
		mustRecord(t, s, aged(0, "S", cleanupNow, 40*day))
		cleaned(t, s.Archive(t.TempDir()), cleanupNow)
		other := s.Archive(filepath.Join(t.TempDir(), "archive"))
		_, isFile := s.engine.(sqliteEngine)
		x, err := other.Verify(t.Context(), nil)
		if missed := len(x.Problems) > 0; err != nil || missed != isFile || other.Elsewhere() == isFile {
			t.Errorf("%+v, %v, elsewhere: %v", x, err, other.Elsewhere())
		}
	})
}
