//go:build !linux

// Package background is for work that can wait, beside commits in the same process
// that should not.
package background

// Do does some work.
func Do(work func()) { work() }

// Yield does nothing.
func Yield() {}
