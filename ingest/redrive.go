package ingest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Retry puts a failed file back into the inbox under the path it had, for the
// daemon to try again. Its receipt goes on counting the attempts. The error is
// [ErrNoFailure] when there is none of that name, or somebody else was faster.
func (h Home) Retry(name string) error {
	return h.takeFailure(name, func(f *folders, path string) (changed []string, err error) {
		to, err := f.moveAway(path, h.Inbox(), name, "")
		return append(upTo(h.Inbox(), to), f.changed...), err
	})
}

// DropFailure deletes a failed file and its reason for good. The error is as that
// of Retry.
func (h Home) DropFailure(name string) error {
	return h.takeFailure(name, func(f *folders, path string) ([]string, error) { return nil, f.remove(path) })
}

// takeFailure has take remove a failed file from failed/, and sees to it that no
// reason stays without its file. The reason goes first: as soon as the file is in
// the inbox the daemon may write a new one, and a file without a reason, should
// this process die, gets it back from the next daemon.
func (h Home) takeFailure(name string, take func(f *folders, path string) (changed []string, err error)) error {
	path, err := h.failedPath(name)
	if err != nil {
		return err
	}
	none := fmt.Errorf("%s: %w", name, ErrNoFailure)
	if _, err := os.Lstat(path); err != nil {
		return none
	}
	folders := h.folders()
	defer folders.close()
	reason, err := h.readReason(name)
	hadReason := err == nil
	if err := folders.removeReason(path); err != nil {
		return err
	}
	changed, err := take(folders, path)
	switch {
	case isGone(path):
		if err != nil {
			return none
		}
		err = folders.removeReason(path) // which the daemon may have written meanwhile
	case err != nil && hadReason:
		err = errors.Join(err, folders.write(path+reasonSuffix, reason))
	}
	if err != nil {
		return err
	}
	return syncDirs(append(unique(changed), filepath.Dir(path))...)
}

// removeReason deletes the reason of the file at path, if it has one.
func (f *folders) removeReason(path string) error {
	if err := f.remove(path + reasonSuffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
