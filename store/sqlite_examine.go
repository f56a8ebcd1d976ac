package store

import (
	"context"
	"database/sql"
	"os"
	"syscall"

	"github.com/mattn/go-sqlite3"
)

// examinedBytes is the size up to which a database is read whole before anything
// is recorded, which takes some tenths of a second. Of a larger one SQLite looks
// at the header, the length and the schema, and finds other damage when it comes
// to it.
const examinedBytes = 64 << 20

// examineSQLite returns what is wrong with a database, nil when nothing is found.
func examineSQLite(ctx context.Context, db *sql.DB, path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if info.Size() > examinedBytes {
		return nil
	}
	lines, err := pragmaRows(ctx, db, "PRAGMA quick_check(1)", "")
	if err != nil {
		return explainSQLite(err)
	}
	if len(lines) != 1 || lines[0] != "ok" {
		return damaged(lines[0])
	}
	return nil
}

// damaged is the error for a database that is not what SQLite wrote.
func damaged(what string) error {
	return &hintedError{"the database is damaged: " + what, "stop, keep a copy of it and its -wal, restore a backup, and start again", nil}
}

// codeOf is the code of SQLite that says best what the system's error means to
// somebody who reads it.
func codeOf(errno syscall.Errno) sqlite3.ErrNo {
	switch errno {
	case syscall.ENOSPC, syscall.EDQUOT:
		return sqlite3.ErrFull
	case syscall.EROFS, syscall.EPERM, syscall.EACCES:
		return sqlite3.ErrReadonly
	}
	return sqlite3.ErrIoErr
}
