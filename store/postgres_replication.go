package store

import (
	"database/sql"
	"database/sql/driver"
	"errors"

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
