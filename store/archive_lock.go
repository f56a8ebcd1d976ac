package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/gofrs/flock"

	"github.com/consensusd/consensusd/store/archive"
)

// ErrCleaning reports that somebody else holds the archive. The error that it is
// in names who, as far as that is known.
var ErrCleaning = errors.New("a cleanup or a backup is under way")

// A heldError names who holds the archive.
type heldError struct{ who string }

func (e *heldError) Error() string { return e.who + " is under way" }

func (e *heldError) Is(target error) bool { return target == ErrCleaning }

// lock keeps cleanups away while a backup copies the archive.
func (a *Archive) lock() (release func() error, err error) { return a.lockFor("a backup") }

// lockFor makes the archive's folder, durably, and keeps other processes from
// rewriting what is in it. What they are told is who.
func (a *Archive) lockFor(who string) (release func() error, err error) {
	if _, err := os.Stat(a.folder); errors.Is(err, fs.ErrNotExist) {
		if err := archive.MakeFolder(a.folder); err != nil {
			return nil, fmt.Errorf("make archive: %w", err)
		}
	}
	path := filepath.Join(a.folder, ".lock")
	l := flock.New(path)
	ok, err := l.TryLock()
	if err != nil {
		return nil, fmt.Errorf("lock archive %s: %w", a.folder, err)
	}
	if !ok {
		return nil, fmt.Errorf("archive %s: %w", a.folder, heldBy(path))
	}
	if err := archive.SyncFolder(filepath.Dir(a.folder)); err != nil { // who made it may have been killed before
		return nil, errors.Join(fmt.Errorf("make archive: %w", err), l.Unlock())
	}
	// Best effort: without it the others are told less.
	os.WriteFile(path, fmt.Appendf(nil, "%s (process %d)\n", who, os.Getpid()), 0o644)
	return func() error {
		os.WriteFile(path, nil, 0o644)
		return l.Unlock()
	}, nil
}

// heldBy reads who holds the lock; whoever has just taken it may not have said so.
func heldBy(path string) error {
	b, err := os.ReadFile(path)
	who := strings.TrimSpace(string(b))
	if err != nil || who == "" {
		return ErrCleaning
	}
	return &heldError{who}
}
