//go:build !linux

package store

// Here it cannot be told.
func networkKind(string) string  { return "" }
func networkMount(string) string { return "" }
