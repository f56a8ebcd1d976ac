package archive

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
)

// A Line is the record of one run, as JSON without line breaks.
type Line struct {
	RunID string
	Data  []byte
}

// A Summary says what a file holds.
type Summary struct {
	Runs  int
	Plain int64 // bytes of lines
	Bytes int64 // of the file; 0 when there is none
}

// Rewrite puts a new file in the place of the one at path, if there is one: with
// those of its lines whose entries keep lets pass, and then the new lines. Of
// nothing it makes no file. It returns when the new file is on stable storage,
// was read back and is what it should be; until then, and on any error, the one
// before is as it was.
func Rewrite(ctx context.Context, path string, keep func(Entry) bool, lines iter.Seq2[Line, error]) (s Summary, err error) {
	old, err := Open(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return s, err
	default:
		defer old.Close()
	}
	temp := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+"."+rand.Text()+".tmp")
	file, err := os.OpenFile(temp, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return s, fmt.Errorf("write archive: %w", err)
	}
	defer os.Remove(temp) // gone already when all went well
	defer file.Close()
	w := newWriter(file)
	defer w.wait()
	if err := w.rewrite(ctx, old, keep, lines); err != nil {
		return s, fmt.Errorf("write archive %s: %w", path, err)
	}
	if err := readBack(file, temp, w.manifest); err != nil {
		return s, err
	}
	if err := put(temp, path, len(w.manifest.Entries) == 0); err != nil {
		return s, fmt.Errorf("write archive: %w", err)
	}
	return w.summary(), nil
}

// put moves the new file into its place, or takes the old one away.
func put(temp, path string, empty bool) error {
	var err error
	if empty {
		if err = os.Remove(path); errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
	} else {
		err = os.Rename(temp, path)
	}
	if err != nil {
		return err
	}
	return SyncFolder(filepath.Dir(path))
}

// SyncFolder makes the names in a folder durable.
func SyncFolder(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	defer dir.Close()
	return dir.Sync()
}

// readBack reads what was written from the disk, not from memory where the
// system knows how, and compares it with what was meant.
func readBack(file *os.File, path string, meant Manifest) error {
	forget(file)
	f, err := Open(path)
	if err != nil {
		return fmt.Errorf("read back: %w", err)
	}
	defer f.Close()
	if len(f.Manifest.Entries) != len(meant.Entries) {
		return fmt.Errorf("read back %s: %d runs, not %d", path, len(f.Manifest.Entries), len(meant.Entries))
	}
	for i, e := range f.Manifest.Entries {
		if e != meant.Entries[i] {
			return fmt.Errorf("read back %s: entry %d is not what was written", path, i)
		}
	}
	if err := f.Verify(); err != nil {
		return fmt.Errorf("read back: %w", err)
	}
	return nil
}
