package ingest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// Where the kernel cannot refuse to overwrite by renaming, many put documents of
// one name into an inbox at the same time.
func TestNobodyOverwritesAnothersDocumentInTheInbox(t *testing.T) {
	const rounds, many = 50, 16
	staging, inbox := t.TempDir(), t.TempDir()
	from, err := openDir(staging)
	must(t, err)
	defer from.Close()
	to, err := openDir(inbox)
	must(t, err)
	defer to.Close()
	for round := range rounds {
		var put sync.WaitGroup
		begin := make(chan struct{})
		results := make([]error, many)
		for i := range many {
			must(t, os.WriteFile(filepath.Join(staging, fmt.Sprint(i)), nil, 0o644))
			put.Go(func() {
				<-begin
				results[i] = linkFree(int(from.Fd()), fmt.Sprint(i), int(to.Fd()), fmt.Sprint(round))
			})
		}
		close(begin)
		put.Wait()
		var moved int
		for i, err := range results {
			there := !isGone(filepath.Join(staging, fmt.Sprint(i)))
			switch {
			case err == nil && !there:
				moved++
			case !errors.Is(err, fs.ErrExist) || !there:
				t.Errorf("document %d: %v, still staged: %t", i, err, there)
			}
		}
		if moved != 1 {
			t.Fatalf("%d documents took one name", moved)
		}
	}
	folder := filepath.Join(staging, "folder")
	must(t, os.Mkdir(folder, 0o755))
	if err := linkFree(int(from.Fd()), "folder", int(to.Fd()), "folder"); err != nil || isGone(filepath.Join(inbox, "folder")) {
		t.Errorf("a folder: %v", err)
	}
}
