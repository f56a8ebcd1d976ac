package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/consensusd/consensusd/store/archive"
)

// Export copies all runs and receipts into a new SQLite file, as [Copy] does. The
// file gets its name when all is in it; the error is [fs.ErrExist] when the name
// is taken.
func (s *Store) Export(ctx context.Context, path string, progress func(done, all int64)) (Copied, error) {
	if exists(path) {
		return Copied{}, fmt.Errorf("export to %s: %w", path, fs.ErrExist)
	}
	temp := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+unfinished)
	remove := func() (err error) {
		for _, suffix := range []string{"", "-wal", "-shm"} {
			err = errors.Join(err, os.RemoveAll(temp+suffix))
		}
		return err
	}
	if err := remove(); err != nil { // what an interrupted one left
		return Copied{}, err
	}
	defer remove()
	into, err := Open(ctx, temp)
	if err != nil {
		return Copied{}, err
	}
	copied, err := Copy(ctx, s, into, progress)
	if err := errors.Join(err, into.Close()); err != nil {
		return copied, err
	}
	if err := os.Link(temp, path); err != nil { // unlike a rename, never over another
		return copied, fmt.Errorf("export: %w", err)
	}
	return copied, archive.SyncFolder(filepath.Dir(path))
}
