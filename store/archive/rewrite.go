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
	"strings"
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

// A Change says what becomes of a file.
type Change struct {
	Keep  func(Entry) (bool, error) // which lines stay; nil for all
	Add   iter.Seq2[Line, error]    // after those; nil for none
	LetGo func(gone []Entry) error  // told of what the new file does not have, before it takes the old one's place, and may refuse; nil lets all go
	Mode  fs.FileMode               // of the new file; 0 for what is usual
}

// Rewrite puts a new file in the place of the one at path, if there is one: with
// those of its lines that are kept, and then those that are added. Of nothing it
// makes no file. It returns when the new file is on stable storage, was read back
// and is what it should be; until then, and on any error, the one before is as it
// was.
func Rewrite(ctx context.Context, path string, change Change) (s Summary, err error) {
	old, err := Open(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return s, err
	default:
		defer old.Close()
	}
	temp := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+"."+rand.Text()+unfinished)
	file, err := os.OpenFile(temp, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return s, fmt.Errorf("write archive: %w", err)
	}
	defer os.Remove(temp) // gone already when all went well
	defer file.Close()
	if change.Mode != 0 {
		if err := file.Chmod(change.Mode); err != nil {
			return s, fmt.Errorf("write archive: %w", err)
		}
	}
	w := newWriter(file)
	defer w.wait()
	if err := w.rewrite(ctx, old, change); err != nil {
		return s, fmt.Errorf("write archive %s: %w", path, err)
	}
	if err := readBack(file, temp, w.manifest); err != nil {
		return s, err
	}
	if change.LetGo != nil {
		if err := change.LetGo(gone(old, w.manifest)); err != nil {
			return s, fmt.Errorf("write archive %s: %w", path, err)
		}
	}
	if err := put(temp, path, len(w.manifest.Entries) == 0); err != nil {
		return s, fmt.Errorf("write archive: %w", err)
	}
	return w.summary(), nil
}

// gone returns the entries of the old file whose records are not in the new one.
func gone(old *File, now Manifest) (entries []Entry) {
	if old == nil {
		return nil
	}
	type record struct{ runID, sha256 string }
	there := make(map[record]bool, len(now.Entries))
	for _, e := range now.Entries {
		there[record{e.RunID, e.SHA256}] = true
	}
	for _, e := range old.Manifest.Entries {
		if !there[record{e.RunID, e.SHA256}] {
			entries = append(entries, e)
		}
	}
	return entries
}

// unfinished ends the name of a file that is being written; it begins with a dot.
const unfinished = ".tmp"

// RemoveUnfinished removes what rewrites that were killed have left in a folder.
// None may be under way there.
func RemoveUnfinished(folder string) error {
	entries, err := os.ReadDir(folder)
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), unfinished)
		name = strings.TrimSuffix(name, filepath.Ext(name))
		if ok && strings.HasPrefix(name, ".") && IsFileName(name[1:]) {
			err = errors.Join(err, os.Remove(filepath.Join(folder, e.Name())))
		}
	}
	return err
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

// MakeFolder makes a folder, and those above it that are not there, and makes
// their names durable.
func MakeFolder(path string) error {
	parent := filepath.Dir(path)
	if _, err := os.Stat(parent); errors.Is(err, fs.ErrNotExist) {
		if err := MakeFolder(parent); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(path, 0o755); err != nil {
		return err
	}
	return SyncFolder(parent)
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
