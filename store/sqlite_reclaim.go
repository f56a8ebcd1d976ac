package store

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"os"
	"strconv"
	"time"
)

const (
	// reclaimPages is how many pages are given back in a transaction: writers wait
	// for it.
	reclaimPages = 125
	// reclaimPatience is how long readers are waited for that hold the log.
	reclaimPatience = busyTimeout
)

// reclaim makes the file as small as what is in it, a part at a time, and then
// empties the log, at which the file shrinks. A reader that holds an old snapshot
// all the while keeps it from that.
func (e sqliteEngine) reclaim(ctx context.Context, db *sql.DB) (isHeld bool, err error) {
	for more := true; more; Step("reclaimed") {
		held := time.Now()
		if more, err = e.vacuum(ctx, db); err != nil {
			return false, err
		}
		leaveRoom(ctx, held)
		if isHeld, err = e.checkpoints.moveAll(ctx, "PASSIVE"); isHeld || err != nil {
			return isHeld, err // or the log would grow by all that is left
		}
	}
	return e.checkpoints.moveAll(ctx, "TRUNCATE")
}

// vacuum gives some free pages back in a transaction, and reports whether there are
// more.
func (e sqliteEngine) vacuum(ctx context.Context, db *sql.DB) (more bool, err error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return false, err
	}
	defer conn.Close()
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return false, err
	}
	defer tx.Rollback()
	if err := e.begun(conn); err != nil {
		return false, err
	}
	var before, after int64
	if err := tx.QueryRowContext(ctx, "PRAGMA freelist_count").Scan(&before); err != nil || before == 0 {
		return false, err
	}
	// With Exec it would free a single page: the work is in the rows.
	rows, err := tx.QueryContext(ctx, "PRAGMA incremental_vacuum("+strconv.Itoa(reclaimPages)+")")
	if err != nil {
		return false, err
	}
	for rows.Next() {
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return false, err
	}
	if err := tx.QueryRowContext(ctx, "PRAGMA freelist_count").Scan(&after); err != nil {
		return false, err
	}
	if after >= before {
		return false, nil // made without auto_vacuum, by another program
	}
	if err := tx.Commit(); err != nil {
		return false, err
	}
	return after > 0, e.committed(conn)
}

// fileBytes asks the file system, and SQLite how large it will make the file.
func (e sqliteEngine) fileBytes(ctx context.Context, db *sql.DB) (int64, error) {
	var pages int64
	err := db.QueryRowContext(ctx, "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()").Scan(&pages)
	return max(sizeOf(e.path), pages), err
}

// fileMode is that of the database's file.
func (e sqliteEngine) fileMode() fs.FileMode {
	info, err := os.Stat(e.path)
	if err != nil {
		return 0o600
	}
	return info.Mode() & 0o666
}
