package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"time"

	"github.com/mattn/go-sqlite3"
)

// A connector opens connections for who writes. They leave checkpoints to
// somebody else, and cut a log that had to become too long when they begin it
// anew. DSNs cannot say so.
type connector struct {
	dsn    string
	driver *sqlite3.SQLiteDriver
}

func openWithoutCheckpoints(dsn string) *sql.DB {
	db := sql.OpenDB(connector{dsn, &sqlite3.SQLiteDriver{ConnectHook: func(conn *sqlite3.SQLiteConn) error {
		_, err := conn.Exec(fmt.Sprintf("PRAGMA wal_autocheckpoint = 0; PRAGMA journal_size_limit = %d", 2*longestLog*frameBytes), nil)
		return err
	}}})
	db.SetMaxOpenConns(1)
	return db
}

func (c connector) Connect(context.Context) (driver.Conn, error) {
	conn, err := c.driver.Open(c.dsn)
	if err != nil {
		return nil, err
	}
	return &writingConn{conn.(*sqlite3.SQLiteConn), busyTimeout}, nil
}

func (c connector) Driver() driver.Driver { return c.driver }

// A writingConn waits for another process's write lock by itself. SQLite's own
// pauses between two looks grow to a tenth of a second at once: who waits like
// that hardly ever comes by between two transactions of somebody who makes one
// after another.
type writingConn struct {
	*sqlite3.SQLiteConn
	patience time.Duration
}

// shortestLook is the first pause between two looks, of which each takes a tenth
// of that; later ones are a small part of what was waited already.
const shortestLook = 100 * time.Microsecond

// BeginTx begins a transaction that may write, when the lock is free.
func (c *writingConn) BeginTx(ctx context.Context, options driver.TxOptions) (tx driver.Tx, err error) {
	if err := c.waitInSQLite(0); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, c.waitInSQLite(c.patience)) }()
	for begin := time.Now(); ; {
		tx, err := c.SQLiteConn.BeginTx(ctx, options)
		var e sqlite3.Error
		if !errors.As(err, &e) || e.Code != sqlite3.ErrBusy {
			return tx, err
		}
		waited := time.Since(begin)
		if waited >= c.patience || !wait(ctx, max(shortestLook, waited/64)) {
			return nil, err
		}
	}
}

// waitInSQLite says how long a statement waits for another process's lock.
func (c *writingConn) waitInSQLite(d time.Duration) error {
	_, err := c.Exec(fmt.Sprintf("PRAGMA busy_timeout = %d", d.Milliseconds()), nil)
	return err
}
