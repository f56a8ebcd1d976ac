package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/consensusd/consensusd/dbgen/sqlite"
)

// Bounds of a transaction that deletes rows: writers wait for it.
const (
	removeRuns  = 2
	removeBytes = 128 << 10
)

// leaveRoom waits as long as a lock was held that is given back now: one
// transaction after another without a pause would keep other processes' writers
// from it.
func leaveRoom(ctx context.Context, held time.Time) { wait(ctx, time.Since(held)) }

// chunks cuts runs into what one transaction deletes.
func chunks(runs []agingRun) iter.Seq[[]agingRun] {
	return func(yield func([]agingRun) bool) {
		for len(runs) > 0 {
			n, bytes := 1, runs[0].bytes
			for n < len(runs) && n < removeRuns && bytes+runs[n].bytes <= removeBytes {
				bytes += runs[n].bytes
				n++
			}
			if !yield(runs[:n]) {
				return
			}
			runs = runs[n:]
		}
	}
}

// remove deletes the rows of runs that are still what stands in the file, and
// leaves room for others then.
func (m *month) remove(ctx context.Context, runs []agingRun) error {
	var removed, changed, bytes int64
	var held time.Time
	err := m.store.update(ctx, func(ctx context.Context, _ *sql.Tx, q sqlite.Querier) error {
		removed, changed, bytes, held = 0, 0, 0, time.Now() // it may be called again
		for _, r := range runs {
			w := m.written[r.runID]
			if w.row.RunID == "" {
				continue // it could not be read, or was gone
			}
			ok, err := removeRun(ctx, q, w)
			switch {
			case err != nil:
				return fmt.Errorf("run %s: %w", r.runID, err)
			case ok:
				removed++
				bytes += w.row.Bytes
			default:
				changed++
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	m.result.Archived += removed
	m.result.Changed += changed
	m.result.Content += bytes
	leaveRoom(ctx, held)
	return nil
}

// removeRun deletes the rows of a run, unless it has changed or is pinned.
func removeRun(ctx context.Context, q sqlite.Querier, w written) (ok bool, err error) {
	run, err := q.LockRun(ctx, w.row.RunID)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	now := marks{run: run}
	if now.artifacts, err = q.ListArtifactMarks(ctx, run.RunID); err != nil {
		return false, err
	}
	if now.syntheses, err = q.ListSynthesisMarks(ctx, run.RunID); err != nil {
		return false, err
	}
	if now.findings, err = q.ListFindings(ctx, run.RunID); err != nil {
		return false, err
	}
	pins, err := q.CountPin(ctx, run.RunID)
	if err != nil || pins > 0 || !now.equal(w.marks) {
		return false, err
	}
	if n, err := q.InsertArchivedRun(ctx, sqlite.InsertArchivedRunParams(w.row)); err != nil || n == 0 {
		return false, err
	}
	return true, deleteRun(ctx, q, run.RunID)
}

func deleteRun(ctx context.Context, q sqlite.Querier, runID string) error {
	for _, rows := range []func(context.Context, string) (int64, error){q.DeleteFindings, q.DeleteArtifacts, q.DeleteSyntheses, q.DeleteRun} {
		if _, err := rows(ctx, runID); err != nil {
			return err
		}
	}
	return nil
}

// insertRetired lists a run as archived or deleted, unless it is in the tables of
// runs. For a moment it takes the run's place there, so that who inserts the run at
// the same time waits, and then finds it listed.
func insertRetired(ctx context.Context, q sqlite.Querier, r ArchivedRun) (n int64, err error) {
	isFree, err := q.InsertRun(ctx, sqlite.InsertRunParams{
		RunID: r.RunID, SpecID: r.SpecID, Stage: r.Stage, Timestamp: r.Timestamp,
		ConsensusOK: r.ConsensusOK, Degraded: r.Degraded, MissingAgents: r.MissingAgents, Conflicts: r.Conflicts,
	})
	if err != nil || isFree == 0 {
		return 0, err
	}
	if _, err := q.DeleteRun(ctx, r.RunID); err != nil {
		return 0, err
	}
	return q.InsertArchivedRun(ctx, sqlite.InsertArchivedRunParams(r))
}
