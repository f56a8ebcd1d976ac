package ingest

import (
	"io"
	"io/fs"
	"iter"
	"os"
	"slices"
	"strings"
)

// maxEntries is how many entries of a folder are held at a time: a million at
// once would take more than a hundred megabytes.
const maxEntries = 10_000

// entriesIn yields what is in the folder that open opens: all of it in the order of names or, where
// it is much, one portion after the other, each in that order. What comes or goes
// meanwhile may be among it or not; all else is, once. An error is the last thing
// yielded.
func entriesIn(open func() (*os.File, error)) iter.Seq2[fs.DirEntry, error] {
	return func(yield func(fs.DirEntry, error) bool) {
		d, err := open()
		if err != nil {
			yield(nil, err)
			return
		}
		defer d.Close()
		for {
			entries, err := d.ReadDir(maxEntries)
			if err == io.EOF {
				return
			}
			last := len(entries) < maxEntries
			if last {
				d.Close() // folders in folders may be very many
			}
			slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
			for _, e := range entries {
				if !yield(e, nil) {
					return
				}
			}
			if err != nil {
				yield(nil, err)
			}
			if err != nil || last {
				return
			}
		}
	}
}
