package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/consensusd/consensusd/store/archive"
)

// A BackupFailure is why the last backup failed, or what is wrong with it.
type BackupFailure struct {
	At    time.Time `json:"at"`
	Error string    `json:"error"`
}

// failurePath is beside the folder, which may be what fails: a link to a disk that
// is not there.
func (to Backups) failurePath() string { return filepath.Clean(string(to)) + ".failed.json" }

// Failure returns what was wrong with the last backup; ok is false when it
// succeeded.
func (to Backups) Failure() (f BackupFailure, ok bool) {
	text, err := os.ReadFile(to.failurePath())
	if errors.Is(err, fs.ErrNotExist) {
		return f, false
	}
	if err == nil {
		err = json.Unmarshal(text, &f)
	}
	if err != nil {
		f.Error = "a backup failed, and why cannot be read: " + err.Error()
	}
	return f, true
}

// note writes down that a backup failed, or that what it copied is damaged; of a
// success nothing is left.
func (to Backups) note(now time.Time, err error, problems []Problem) error {
	if err == nil && len(problems) > 0 {
		p := problems[0]
		err = fmt.Errorf("it is made, but the archive in it is damaged as the original is: %s %s: %s (%d in all): consensusd archive verify", p.What, p.Which, p.Why, len(problems))
	}
	if err == nil {
		err := os.Remove(to.failurePath())
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	text, err := json.Marshal(BackupFailure{now.UTC().Truncate(time.Second), err.Error()})
	if err != nil {
		return err
	}
	folder, name := filepath.Split(to.failurePath())
	temp := filepath.Join(folder, "."+name+unfinished)
	os.Remove(temp)
	if err := writeSynced(temp, append(text, '\n')); err != nil {
		return fmt.Errorf("note the failure: %w", err)
	}
	if err := os.Rename(temp, to.failurePath()); err != nil {
		return err
	}
	return archive.SyncFolder(filepath.Dir(to.failurePath()))
}
