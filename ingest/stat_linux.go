package ingest

import (
	"errors"
	"io/fs"
	"syscall"

	"golang.org/x/sys/unix"
)

type unixStat = syscall.Stat_t

func changeTime(s *unixStat) int64 { return s.Ctim.Nano() }

func linksOf(info fs.FileInfo) uint64 {
	if sys, ok := info.Sys().(*unixStat); ok {
		return uint64(sys.Nlink)
	}
	return 1
}

// renameNew renames from to to unless to is taken, in one step. The error is
// then [fs.ErrExist].
func renameNew(from, to string) error {
	err := unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, to, unix.RENAME_NOREPLACE)
	if errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EINVAL) {
		err = renameFree(from, to) // a file system that cannot
	}
	if err != nil {
		return &fs.PathError{Op: "rename to " + to + " from", Path: from, Err: err}
	}
	return nil
}
