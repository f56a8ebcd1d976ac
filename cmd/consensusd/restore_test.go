package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/consensusd/consensusd/ingest"
	"github.com/consensusd/consensusd/store"
)

// backedUpHome makes a home without runs, and a backup of it as of a time.
func backedUpHome(t *testing.T, made time.Time) (ingest.Home, store.Backup) {
	t.Helper()
	home := ingest.Home(filepath.Join(t.TempDir(), "my home"))
	if err := home.Create(); err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(t.Context(), home.Database())
	if err != nil {
		t.Fatal(err)
	}
	b, err := s.Backup(t.Context(), store.Backups(home.Backups()), s.Archive(home.Archive()), made, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return home, b
}

func TestARestoreLeavesWordHowFarBackTheNextDaemonMustLook(t *testing.T) {
	made := time.Now().Add(-48 * time.Hour)
	home, b := backedUpHome(t, made)
	settled := filepath.Join(string(home), "daemon.lock") // as after a daemon that stopped in good order
	if err := os.WriteFile(settled, []byte("{}"), 0o644); err != nil {
		t.Fatal(err)
	}
	if status := run(t.Context(), []string{"restore", b.Name, "--replace", "--quiet", "--home", string(home)}); status != exitDone {
		t.Fatalf("restore exits with %d", status)
	}
	text, err := os.ReadFile(filepath.Join(string(home), "daemon.lock"))
	if err != nil {
		t.Fatal(err)
	}
	var left ingest.Holder
	if err := json.Unmarshal(text, &left); err != nil || left.Unsettled.IsZero() || !left.Unsettled.Before(b.CreatedAt) || b.CreatedAt.Sub(left.Unsettled) > time.Hour {
		t.Errorf("%s: %v; the backup is of %v", text, err, b.CreatedAt)
	}
}
