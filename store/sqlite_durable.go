package store

import (
	"context"
	"database/sql"
	"fmt"
)

// persist writes what the database's user_version is anyway: a page more in the
// log, which the commit syncs from its beginning. SQLite shows what a process has
// committed to whoever comes after it, also when it was killed before it could
// sync; a commit that has nothing to write syncs nothing.
func (sqliteEngine) persist(ctx context.Context, tx *sql.Tx) error {
	var version int64
	if err := tx.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, fmt.Sprintf("PRAGMA user_version = %d", version))
	return err
}

// persistSQLite makes safe what a process before this one has committed and may
// not have synced, so that readers are told of nothing that a power loss undoes.
// It does its best: what cannot be written now is told when something is to be
// recorded, and nothing that was read counts as recorded before a commit of its
// own ([engine]).
func persistSQLite(ctx context.Context, writer *sql.DB) {
	tx, err := writer.BeginTx(ctx, nil)
	if err != nil {
		return
	}
	defer tx.Rollback()
	if (sqliteEngine{}).persist(ctx, tx) == nil {
		tx.Commit()
	}
}
