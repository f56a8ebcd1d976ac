//go:build !linux

package main

import "os"

// dataSync does more than it must where fdatasync is not to be had.
func dataSync(f *os.File) error { return f.Sync() }
