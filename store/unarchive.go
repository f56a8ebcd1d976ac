package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/consensusd/consensusd/dbgen/sqlite"
)

// Restore brings archived runs back into the tables of runs, equal to the byte,
// and pins them, so that the next cleanup does not take them away again. It does
// so in one transaction, all or none, and returns how many it brought back: a run
// that is in the tables already, or named twice, is left as it is. The error is
// [ErrNotFound] or [ErrDeleted] for a run that is not in the archive.
func (a *Archive) Restore(ctx context.Context, now time.Time, runIDs ...string) (restored int, err error) {
	var all []archivedWhole
	m := &monthReader{archive: a}
	defer m.close()
	for _, id := range a.byFile(ctx, runIDs) {
		r, isActive, err := m.find(ctx, id)
		if err != nil {
			return 0, err
		}
		if !isActive {
			all = append(all, r)
		}
	}
	err = a.store.update(ctx, func(ctx context.Context, _ *sql.Tx, q sqlite.Querier) error {
		restored = 0
		for _, r := range all {
			isNew, err := unarchive(ctx, q, r, now)
			if err != nil {
				return fmt.Errorf("run %s: %w", r.Run.RunID, err)
			}
			if isNew {
				restored++
			}
		}
		return nil
	})
	if err != nil {
		return 0, a.store.explain("restore from the archive", err)
	}
	return restored, nil
}

// An archivedWhole is a run as it was read from the archive.
type archivedWhole struct {
	Record
	sha256 string // of its line
}

// byFile returns each of these ids once, those in one file of the archive after
// one another.
func (a *Archive) byFile(ctx context.Context, runIDs []string) []string {
	files := make(map[string]string, len(runIDs))
	for _, id := range runIDs {
		row, _ := a.Run(ctx, id) // the error comes again when the run is looked for
		files[id] = row.File
	}
	return slices.SortedFunc(maps.Keys(files), func(x, y string) int {
		return cmp.Or(cmp.Compare(files[x], files[y]), cmp.Compare(x, y))
	})
}

// find returns a run from the archive, unless it is in the tables of runs. One that
// is moved just now may seem to be in neither.
func (m *monthReader) find(ctx context.Context, runID string) (r archivedWhole, isActive bool, err error) {
	if record, row, err := m.whole(ctx, runID); err == nil {
		return archivedWhole{record, row.SHA256}, false, nil
	}
	a := m.archive // the open file may be another one by now
	for range looks {
		record, row, err := a.whole(ctx, runID)
		if !errors.Is(err, ErrNotFound) {
			return archivedWhole{record, row.SHA256}, false, err
		}
		if _, err = a.store.Run(ctx, runID); !errors.Is(err, ErrNotFound) {
			return r, true, err
		}
	}
	return r, false, fmt.Errorf("run %s: %w", runID, ErrNotFound)
}

func unarchive(ctx context.Context, q sqlite.Querier, r archivedWhole, now time.Time) (isNew bool, err error) {
	n, err := q.DeleteArchivedRun(ctx, sqlite.DeleteArchivedRunParams{RunID: r.Run.RunID, SHA256: r.sha256})
	if err != nil {
		return false, err
	}
	if n == 0 { // something happened to it after it was read
		return false, isActive(ctx, q, r.Run.RunID)
	}
	if n, err = q.InsertRun(ctx, sqlite.InsertRunParams(r.Run)); err != nil {
		return false, err
	}
	if n == 0 {
		return false, refuse(r.Run.RunID, "it is in the tables of runs already")
	}
	if _, err := q.PinRun(ctx, sqlite.PinRunParams{RunID: r.Run.RunID, PinnedAt: now.Unix()}); err != nil {
		return false, err
	}
	return true, insertBelongings(ctx, q, r.Record)
}

// isActive returns nil for a run that is in the tables of runs, and else what has
// become of it.
func isActive(ctx context.Context, q sqlite.Querier, runID string) error {
	_, err := q.GetRun(ctx, runID)
	if !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	row, err := q.GetArchivedRun(ctx, runID)
	switch {
	case err != nil:
		return err
	case row.State == Deleted:
		return ErrDeleted
	}
	return errVanished // restored, and archived again
}

// Pin keeps a run out of retention, and reports whether it was not pinned
// before. The error is [ErrNotFound] when it is not in the tables of runs.
func (s *Store) Pin(ctx context.Context, runID string, now time.Time) (isNew bool, err error) {
	err = s.update(ctx, func(ctx context.Context, _ *sql.Tx, q sqlite.Querier) error {
		if _, err := q.LockRun(ctx, runID); err != nil {
			return err
		}
		n, err := q.PinRun(ctx, sqlite.PinRunParams{RunID: runID, PinnedAt: now.Unix()})
		isNew = n == 1
		return err
	})
	return isNew, s.explain("pin run "+runID, err)
}

// Unpin lets retention have a run again, and reports whether it was pinned.
func (s *Store) Unpin(ctx context.Context, runID string) (was bool, err error) {
	err = s.update(ctx, func(ctx context.Context, _ *sql.Tx, q sqlite.Querier) error {
		n, err := q.UnpinRun(ctx, runID)
		was = n == 1
		return err
	})
	return was, s.explain("unpin run "+runID, err)
}

// IsPinned reports whether a run is pinned.
func (s *Store) IsPinned(ctx context.Context, runID string) (bool, error) {
	n, err := s.read().CountPin(ctx, runID)
	return n > 0, s.explain("pin of run "+runID, err)
}

// Pinned returns which runs are pinned.
func (s *Store) Pinned(ctx context.Context) (map[string]bool, error) {
	rows, err := s.read().ListPinnedRuns(ctx)
	pinned := make(map[string]bool, len(rows))
	for _, r := range rows {
		pinned[r.RunID] = true
	}
	return pinned, s.explain("list pins", err)
}
