package main

import (
	"os"
	"syscall"
)

// dataSync is what PostgreSQL calls at a commit.
func dataSync(f *os.File) error { return syscall.Fdatasync(int(f.Fd())) }
