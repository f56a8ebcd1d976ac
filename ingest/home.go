package ingest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
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

// rootOf is the folder of the home in which path lies; "" when it lies in none.
func (h Home) rootOf(path string) string {
	for _, root := range []string{h.Inbox(), h.Done(), h.Failed(), h.Staging()} {
		if path == root || strings.HasPrefix(path, root+string(filepath.Separator)) {
			return root
		}
	}
	return ""
}

// Database is where the database is unless another is named.
func (h Home) Database() string { return filepath.Join(string(h), "consensus.db") }

// Create makes the folders that are not there yet, and returns when their names
// are on stable storage, also those that a process made which died before it
// could see to that.
func (h Home) Create() error {
	var changed []string
	for _, dir := range []string{h.Inbox(), h.Staging(), h.Done(), h.Failed()} {
		made, err := makeDirs(dir)
		if err != nil {
			return fmt.Errorf("create home %s: %w", h, err)
		}
		changed = append(changed, made...)
	}
	if err := syncDirs(unique(changed)...); err != nil {
		return fmt.Errorf("create home %s: %w", h, err)
	}
	for _, dir := range []string{string(h), filepath.Dir(filepath.Clean(string(h)))} {
		if slices.Contains(changed, dir) {
			continue
		}
		// Where we may not look, nothing was made in our name.
		if err := syncDirs(dir); err != nil && !errors.Is(err, fs.ErrPermission) {
			return fmt.Errorf("create home %s: %w", h, err)
		}
	}
	return nil
}

// remake makes done/ and failed/ again where somebody has deleted them.
func (h Home) remake() error {
	f := h.folders()
	defer f.close()
	return errors.Join(f.make(h.Done()), f.make(h.Failed()), f.syncChanged())
}

// makeDirs creates the folder at dir and those above it that are missing. It
// returns the folders that have got a new name in them, which is not on stable
// storage before they are synced.
func makeDirs(dir string) (changed []string, err error) {
	if info, err := os.Stat(dir); err == nil && info.IsDir() {
		return nil, nil
	}
	if above := filepath.Dir(dir); above != dir {
		if changed, err = makeDirs(above); err != nil {
			return changed, err
		}
	}
	return append(changed, filepath.Dir(dir)), os.MkdirAll(dir, 0o755)
}

// doneOn is the folder for what is recorded on the day of t.
func (h Home) doneOn(t time.Time) string {
	return filepath.Join(h.Done(), t.UTC().Format(time.DateOnly))
}
