package store

import (
	"context"
	"database/sql"

	"github.com/consensusd/consensusd/dbgen/sqlite"
)

// retired copies what retention knows: which runs it took away, but for those that
// the target has in its tables, so that what comes for them later is known there
// too; and which are pinned. Their records are in the files of the archive, which
// are not copied.
func (c *copying) retired(ctx context.Context) error {
	for after := (sqlite.ListRetiredRunsParams{PageSize: planPage}); ; {
		runs, err := c.from.read().ListRetiredRuns(ctx, after)
		if err != nil {
			return err
		}
		if len(runs) == 0 {
			return c.pins(ctx)
		}
		var copied int64
		err = c.to.update(ctx, func(ctx context.Context, _ *sql.Tx, q sqlite.Querier) error {
			copied = 0
			for _, r := range runs {
				n, err := insertRetired(ctx, q, r)
				if err != nil {
					return err
				}
				copied += n
			}
			return nil
		})
		if err != nil {
			return err
		}
		c.result.Archived += copied
		after.After = runs[len(runs)-1].RunID
	}
}

func (c *copying) pins(ctx context.Context) error {
	pins, err := c.from.read().ListPinnedRuns(ctx)
	if err != nil || len(pins) == 0 {
		return err
	}
	return c.to.update(ctx, func(ctx context.Context, _ *sql.Tx, q sqlite.Querier) error {
		for _, p := range pins {
			if _, err := q.PinRun(ctx, sqlite.PinRunParams(p)); err != nil {
				return err
			}
		}
		return nil
	})
}
