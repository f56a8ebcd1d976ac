//go:build !linux

package store

// yielding does some work.
func yielding(work func()) { work() }
