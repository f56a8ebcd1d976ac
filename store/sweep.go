package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"

	"github.com/consensusd/consensusd/dbgen/sqlite"
	"github.com/consensusd/consensusd/store/archive"
)

// sweep rewrites the files that hold records which are not wanted any more, of
// deleted and restored runs and of an interrupted cleanup, and lists the runs
// again that the database has forgotten.
func (c *cleaning) sweep(ctx context.Context) error {
	names, err := c.archive.files()
	if err != nil {
		return err
	}
	for _, name := range names {
		if c.damaged[name] {
			continue
		}
		if err := c.goOn(name, c.sweepFile(ctx, name)); err != nil {
			return err
		}
	}
	return nil
}

func (c *cleaning) sweepFile(ctx context.Context, name string) error {
	f, err := c.archive.open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	unwanted := map[string]bool{}
	for _, e := range f.Manifest.Entries {
		is, err := c.archive.standing(ctx, name, e)
		if err == nil && is == entryUnlisted {
			err = c.adopt(ctx, f, name, e)
		}
		if err != nil {
			return err
		}
		unwanted[e.RunID] = is == entryStale
	}
	if !slices.Contains(slices.Collect(maps.Values(unwanted)), true) {
		return nil
	}
	_, err = archive.Rewrite(ctx, filepath.Join(c.archive.folder, name), archive.Change{
		Keep:  func(e archive.Entry) (bool, error) { return !unwanted[e.RunID], nil },
		LetGo: c.letGo(ctx, name), Mode: c.store.engine.fileMode(),
	})
	if err == nil {
		Step("swept")
	}
	return err
}

// A standing is what the database says about an entry of a file.
type standing int

const (
	entryListed   standing = iota // that this record is in this file
	entryUnlisted                 // nothing about its run
	entryStale                    // that this record is not wanted: its run is deleted, restored, not removed yet, or in another version or file
)

func (a *Archive) standing(ctx context.Context, name string, e archive.Entry) (standing, error) {
	row, err := a.store.read().GetArchivedRun(ctx, e.RunID)
	switch {
	case err == nil && (row.State == Deleted || row.File != name || row.SHA256 != e.SHA256):
		return entryStale, nil
	case err == nil:
		return entryListed, nil
	case !errors.Is(err, sql.ErrNoRows):
		return entryStale, err
	}
	_, err = a.store.read().GetRun(ctx, e.RunID)
	if errors.Is(err, sql.ErrNoRows) {
		return entryUnlisted, nil
	}
	return entryStale, err
}

// adopt lists the run of an entry that the database knows nothing of.
func (c *cleaning) adopt(ctx context.Context, f *archive.File, name string, e archive.Entry) error {
	line, err := f.Line(e.RunID)
	if err != nil {
		return err
	}
	r, err := decodeRecord(line)
	if err != nil {
		c.problem(fmt.Sprintf("list run %s of archive file %s again", e.RunID, name), err)
		return nil
	}
	row := (&month{cleaning: c, file: name}).row(r, line)
	var n int64
	err = c.store.update(ctx, func(ctx context.Context, _ *sql.Tx, q sqlite.Querier) (err error) {
		n, err = insertRetired(ctx, q, row)
		return err
	})
	if err == nil {
		c.result.Listed += n
	}
	return err
}
