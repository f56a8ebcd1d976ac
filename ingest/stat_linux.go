package ingest

import (
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

// renameNew renames the file from of one folder to to in another unless to is
// taken, in one step. The error is then [fs.ErrExist].
func renameNew(fromDir int, from string, toDir int, to string, otherwise renaming) error {
	err := unix.Renameat2(fromDir, from, toDir, to, unix.RENAME_NOREPLACE)
	if err == unix.ENOSYS || err == unix.EINVAL {
		return otherwise(fromDir, from, toDir, to) // a file system that cannot
	}
	return err
}
