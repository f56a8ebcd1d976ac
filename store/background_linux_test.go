package store

import (
	"testing"

	"golang.org/x/sys/unix"
)

func priority(t *testing.T) int { // 20 less the niceness
	t.Helper()
	p, err := unix.Getpriority(unix.PRIO_PROCESS, unix.Gettid())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestCleanupsAndBackupsYield(t *testing.T) {
	s := open(t, newFile(t))
	mustRecord(t, s, aged(0, "S", cleanupNow, 40*day))
	a, before := s.Archive(t.TempDir()), priority(t)
	seen := map[string]int{}
	if _, _, err := a.Cleanup(t.Context(), keep, cleanupNow, func(int64, int64) { seen["cleanup"] = priority(t) }); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Backup(t.Context(), Backups(t.TempDir()), a, cleanupNow, func(int64, int64) { seen["backup"] = priority(t) }); err != nil {
		t.Fatal(err)
	}
	for _, work := range []string{"cleanup", "backup"} {
		if want := min(before, 10); seen[work] != want {
			t.Errorf("%s has priority %d, want %d", work, seen[work], want)
		}
	}
}
