//go:build !linux

package store

// networkKind cannot tell here.
func networkKind(string) string { return "" }
