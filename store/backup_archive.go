package store

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// archivePatience is how long a backup waits for a cleanup of the archive.
const archivePatience = 30 * time.Minute

// wait locks the archive when nobody cleans it any more.
func (a *Archive) wait(ctx context.Context) (release func() error, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, archivePatience, ErrCleaning)
	defer cancel()
	for {
		release, err := a.lock()
		if !errors.Is(err, ErrCleaning) {
			return release, err
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// allFiles lists all that belongs to the archive: the files of months, oldest
// first, and the list of what was deleted.
func (a *Archive) allFiles() ([]string, error) {
	names, err := a.files()
	if err != nil {
		return nil, err
	}
	switch _, err := os.Stat(filepath.Join(a.folder, deletedFile)); {
	case err == nil:
		names = append(names, deletedFile)
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	return names, nil
}

// counts are what a copy is compared with its original by.
type counts struct{ runs, receipts, archived int64 }

// between reports whether the counts may be those of a moment between two others.
// While no cleanup is under way there are ever more runs and receipts, and fewer
// in the archive.
func (is counts) between(before, after counts) bool {
	return before.runs <= is.runs && is.runs <= after.runs &&
		before.receipts <= is.receipts && is.receipts <= after.receipts &&
		before.archived >= is.archived && is.archived >= after.archived
}

func (s *Store) counts(ctx context.Context) (c counts, err error) {
	runs, err := s.read().CountRuns(ctx)
	if err != nil {
		return c, err
	}
	receipts, err := s.read().CountReceipts(ctx)
	if err != nil {
		return c, err
	}
	archived, err := s.read().CountArchivedRuns(ctx)
	c.runs = runs.Runs
	for _, r := range receipts {
		c.receipts += r.Documents
	}
	for _, r := range archived {
		c.archived += r.Runs
	}
	return c, err
}
