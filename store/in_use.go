package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// The bytes of a database's file that SQLite locks, shared, for as long as a
// process has the database open in WAL mode: https://sqlite.org/src/file/src/os.h
const sharedFirst, sharedSize = 0x40000002, 510

// notInUse returns an error that names another process that has the database at
// path open. Nothing must be open there in this process: its locks would go.
func notInUse(path string) error {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	lock := unix.Flock_t{Type: unix.F_WRLCK, Start: sharedFirst, Len: sharedSize}
	if err := unix.FcntlFlock(f.Fd(), unix.F_GETLK, &lock); err != nil || lock.Type == unix.F_UNLCK {
		return err
	}
	return &hintedError{
		fmt.Sprintf("process %d has the database %s open", lock.Pid, path),
		"stop it before you restore, perhaps the daemon of another home, and start it afterwards", nil,
	}
}
