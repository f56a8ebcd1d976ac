package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
)

// With synchronous replication a COMMIT returns when the standby has it too. When
// that wait is cancelled (by an administrator or a timeout), the server reports
// success all the same, after a mere warning: the transaction is visible, and
// dies with this server. So it counts as failed, and is tried again, when its
// receipts are found and waited for.
//
// The same row may be seen by anybody, also after the server has restarted. So
// nobody may rely on a row that was only read: who needs to know locks it
// (LockRun, LockReceipt), which is written to the log as well, and has its own
// COMMIT wait for all that was written before.

// mayRecordOver lets nothing be recorded over a connection to a standby, or to a
// server whose COMMIT promises less than that what was committed stays, or that
// would not send the warning.
func mayRecordOver(ctx context.Context, c *pgconn.PgConn) error {
	results, err := c.Exec(ctx, "SHOW transaction_read_only; SHOW synchronous_commit; SHOW client_min_messages").ReadAll()
	if err != nil {
		return err
	}
	var is [3]string
	for i, r := range results {
		is[i] = string(r.Rows[0][0])
	}
	switch {
	case is[0] == "on":
		return pgconn.ErrReadOnlyConnection
	case is[1] == "off" || is[1] == "local":
		return &hintedError{text: "synchronous_commit is " + is[1] + ", so what is committed can be lost", hint: "ALTER ROLE … SET synchronous_commit = on"}
	case is[2] == "error":
		return &hintedError{text: "client_min_messages is error, which hides that a commit was not replicated", hint: "ALTER ROLE … SET client_min_messages = warning"}
	}
	return nil
}

// neverIdle has the server end a transaction of a program that froze in it, and
// with it its locks.
func neverIdle(ctx context.Context, c *pgx.Conn) error {
	_, err := c.Exec(ctx, "SET idle_in_transaction_session_timeout = '1min'")
	return err
}

// errUnreplicated reports a commit that only one server is known to have.
var errUnreplicated = errors.New("server gave up waiting for its standby")

// unreplicated is the name under which a connection notes that.
const unreplicated = "consensusd.unreplicated"

// noteUnreplicated notes the warning, which is told from others by the server's
// function that raises it: its text may be in any language.
func noteUnreplicated(c *pgconn.PgConn, n *pgconn.Notice) {
	if n.Routine == "SyncRepWaitForLSN" {
		c.CustomData()[unreplicated] = true
	}
}

func (postgresEngine) begun(*sql.Conn) error { return nil }

// committed returns [errUnreplicated] when conn has had that warning, and gives
// the connection up.
func (postgresEngine) committed(conn *sql.Conn) error {
	err := conn.Raw(func(c any) error {
		if c.(*stdlib.Conn).Conn().PgConn().CustomData()[unreplicated] == nil {
			return nil
		}
		return driver.ErrBadConn
	})
	if errors.Is(err, driver.ErrBadConn) {
		return errUnreplicated
	}
	return err
}
