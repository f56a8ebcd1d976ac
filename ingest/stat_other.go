//go:build unix && !linux

package ingest

import (
	"io/fs"
	"syscall"
)

type unixStat = syscall.Stat_t

func changeTime(s *unixStat) int64 { return s.Ctimespec.Nano() }

func linksOf(info fs.FileInfo) uint64 {
	if sys, ok := info.Sys().(*unixStat); ok {
		return uint64(sys.Nlink)
	}
	return 1
}

func renameNew(from, to string) error {
	if err := renameFree(from, to); err != nil {
		return &fs.PathError{Op: "rename to " + to + " from", Path: from, Err: err}
	}
	return nil
}
