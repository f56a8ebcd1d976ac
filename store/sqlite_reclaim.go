package store

import (
	"context"
	"database/sql"
)

// reclaim makes the file as small as what is in it, a part at a time, and then
// writes the log back, at which the file shrinks.
func (sqliteEngine) reclaim(ctx context.Context, db *sql.DB) error {
	for {
		var free int64
		if err := db.QueryRowContext(ctx, "PRAGMA freelist_count").Scan(&free); err != nil {
			return err
		}
		if free == 0 {
			break
		}
		before := free
		// With Exec it would free a single page: the work is in the rows.
		if _, err := pragmaRows(ctx, db, "PRAGMA incremental_vacuum(1000)", ""); err != nil {
			return err
		}
		if err := db.QueryRowContext(ctx, "PRAGMA freelist_count").Scan(&free); err != nil {
			return err
		}
		if free >= before {
			break // made without auto_vacuum, by another program
		}
	}
	_, err := pragmaRows(ctx, db, "PRAGMA wal_checkpoint(TRUNCATE)", "")
	return err
}
