package main

import (
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/consensusd/consensusd/store"
)

// A database of an earlier schema is counted when it is restored, not before.
func TestWhatOnlyADrillFindsInABackupIsSaidToBeWrong(t *testing.T) {
	home, b := backedUpHome(t, time.Now())
	verify := func(flags ...string) (status int, out string) {
		cmd := exec.CommandContext(t.Context(), "consensusd", append([]string{"backup", "verify", "--home", string(home)}, flags...)...)
		text, err := cmd.CombinedOutput()
		if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
			t.Fatal(err)
		}
		return cmd.ProcessState.ExitCode(), string(text)
	}
	if status, out := verify("--drill"); status != exitDone {
		t.Fatalf("it exits with %d: %s", status, out)
	}
	asOfAnEarlierSchema(t, b, b.Runs+1)
	if status, out := verify(); status != exitDone {
		t.Fatalf("it exits with %d: %s", status, out)
	}
	status, out := verify("--drill")
	if want := "backup  " + b.Name + "  it has {0 0 0} runs, receipts and archived runs, its manifest says {1 0 0}"; status != exitRejected || !strings.Contains(out, want) {
		t.Errorf("it exits with %d: %s", status, out)
	}
}

// asOfAnEarlierSchema makes a backup one of the schema before, whose manifest says
// that it has so many runs.
func asOfAnEarlierSchema(t *testing.T, b store.Backup, runs int64) {
	t.Helper()
	path := filepath.Join(b.Path, "consensus.db")
	db, err := sql.Open("sqlite3", path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec("DELETE FROM goose_db_version WHERE version_id = ?", b.Schema); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	m := b.BackupManifest
	m.Schema, m.Runs, m.Bytes, m.SHA256, m.Checksum = b.Schema-1, runs, int64(len(text)), sum(text), ""
	if text, err = json.Marshal(m); err != nil {
		t.Fatal(err)
	}
	m.Checksum = sum(text)
	if text, err = json.Marshal(m, jsontext.WithIndent("  ")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(b.Path, "manifest.json"), append(text, '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
}

func sum(b []byte) string {
	is := sha256.Sum256(b)
	return hex.EncodeToString(is[:])
}
