package ingest_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/consensusd/consensusd/ingest"
)

func TestAfterARestoreTheNextDaemonLooksBackToTheBackup(t *testing.T) {
	home := ingest.Home(t.TempDir())
	if err := home.Create(); err != nil {
		t.Fatal(err)
	}
	locked := func() *ingest.Lock {
		lock, err := home.Lock()
		if err != nil {
			t.Fatal(err)
		}
		return lock
	}
	release := func(lock *ingest.Lock, settled bool) {
		if err := lock.Release(settled); err != nil {
			t.Fatal(err)
		}
	}
	settled := filepath.Join(string(home), "daemon.lock") // as after a daemon that stopped in good order
	if err := os.WriteFile(settled, []byte("{}"), 0o644); err != nil {
		t.Fatal(err)
	}
	backup := time.Now().UTC().Add(-72 * time.Hour).Truncate(time.Second)
	for _, since := range []time.Time{backup, backup.Add(time.Hour)} { // a later one makes it forget nothing
		lock := locked()
		if err := lock.Unsettle(since); err != nil {
			t.Fatal(err)
		}
		release(lock, false)
	}
	lock := locked()
	if since, ok := lock.Unsettled(); !ok || !since.Equal(backup) {
		t.Errorf("it looks back to %v, %v, not %v", since, ok, backup)
	}
	release(lock, false)
}
