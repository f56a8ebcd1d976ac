// Package archive keeps the records of runs in files, a month each: compressed,
// checksummed, and readable one by one.
//
// # The format
//
// A file is a row of zstd frames, so that zstdcat prints its lines:
//
//	block …     some 1 MiB of lines, compressed; a line is one run's record as JSON
//	manifest    a skippable frame: the compressed [Manifest]
//	trailer     a skippable frame of fixed size: where the manifest is, and its SHA-256
//
// Who wants one run reads trailer, manifest and one block. Every line and every
// block has its SHA-256 in the manifest, the manifest has its own in the trailer,
// so that a bit that flipped anywhere is found by whoever reads there.
//
// A file is never changed: [Rewrite] puts another in its place.
package archive

import (
	"fmt"
	"strings"
	"time"
)

// Suffix is how the names of archive files end.
const Suffix = ".zst"

// FileName returns the name of the file for runs of the month of t, in UTC:
// 2026-03.zst.
func FileName(t time.Time) string { return t.UTC().Format("2006-01") + Suffix }

// IsFileName reports whether FileName made name.
func IsFileName(name string) bool {
	_, err := Month(name)
	return err == nil
}

// Month returns when the month begins whose file has a name that FileName made.
func Month(name string) (time.Time, error) {
	month, ok := strings.CutSuffix(name, Suffix)
	begin, err := time.Parse("2006-01", month)
	if !ok || err != nil {
		return begin, fmt.Errorf("%q is no name of an archive file", name)
	}
	return begin, nil
}

// A DamagedError reports a file that is none of ours, or not as it was written.
type DamagedError struct {
	Path string
	Why  string
}

func (e *DamagedError) Error() string {
	return fmt.Sprintf("archive %s is damaged or foreign: %s", e.Path, e.Why)
}
