package ingest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// A Home is the directory on disk that holds one inbox and what becomes of it.
type Home string

// Inbox is where agents drop files, in any sub-folder.
func (h Home) Inbox() string { return filepath.Join(string(h), "inbox") }

// Staging is where Put writes before it renames into the inbox.
func (h Home) Staging() string { return filepath.Join(string(h), "staging") }

// Done is where recorded files go, in a folder a day.
func (h Home) Done() string { return filepath.Join(string(h), "done") }

// Failed is where files go that cannot be recorded, each with its reason.
func (h Home) Failed() string { return filepath.Join(string(h), "failed") }

// Archive is where the records of old runs are.
func (h Home) Archive() string { return filepath.Join(string(h), "archive") }

// Backups is where backups are, unless it leads elsewhere.
func (h Home) Backups() string { return filepath.Join(string(h), "backups") }

// isFailed reports whether a path lies in failed/.
func (h Home) isFailed(path string) bool {
	return strings.HasPrefix(path, h.Failed()+string(filepath.Separator))
}

// Database is where the database is unless another is named.
func (h Home) Database() string { return filepath.Join(string(h), "consensus.db") }

// Create makes the folders that are not there yet.
func (h Home) Create() error {
	for _, dir := range []string{h.Inbox(), h.Staging(), h.Done(), h.Failed()} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("create home %s: %w", h, err)
		}
	}
	return nil
}

// doneOn is the folder for what is recorded on the day of t.
func (h Home) doneOn(t time.Time) string {
	return filepath.Join(h.Done(), t.UTC().Format(time.DateOnly))
}
