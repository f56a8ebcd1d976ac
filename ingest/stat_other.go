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

func renameNew(fromDir int, from string, toDir int, to string, otherwise renaming) error {
	return otherwise(fromDir, from, toDir, to)
}
