package ingest

import "unsafe"

// A document may be as large as half of what the daemon is to take, so its text
// is not copied where it stays as it is: contents are parts of the bytes that were
// read, which nobody changes.

// textOf returns b as a text, without a copy. Nobody may change b afterwards.
func textOf(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// bytesOf returns the bytes of s, without a copy and for reading only.
func bytesOf(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }
