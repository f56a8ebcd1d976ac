package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/mattn/go-sqlite3"

	"github.com/consensusd/consensusd/dbgen/sqlite"
)

// oldestSQLite is the first version without the WAL-reset bug
// (sqlite.org/wal.html#walresetbug), which can corrupt a database that several
// processes share.
const oldestSQLite = 3051003

// busyTimeout is how long a statement waits for another process's lock.
const busyTimeout = 5 * time.Second

// EngineVersion names the database library that is linked in.
func EngineVersion() string {
	version, _, _ := sqlite3.Version()
	return "SQLite " + version
}

type sqliteEngine struct {
	path        string
	file        *openedFile   // nil when read-only
	checkpoints *checkpointer // nil when read-only
	questions   *questions    // of the readers
}

func (e sqliteEngine) read(db sqlite.DBTX) sqlite.Querier {
	if pool, ok := db.(*sql.DB); ok && e.questions != nil && pool == e.questions.DB {
		return sqlite.New(e.questions)
	}
	return sqlite.New(db)
}

func prepareSQLite(ctx context.Context, db *sql.DB) (statements, error) {
	q, err := sqlite.Prepare(ctx, db)
	return sqliteStatements{q}, err
}

type sqliteStatements struct{ *sqlite.Queries }

func (s sqliteStatements) in(tx *sql.Tx) sqlite.Querier { return s.WithTx(tx) }

func (sqliteEngine) refusal(err error) bool {
	var e sqlite3.Error
	if !errors.As(err, &e) {
		return false
	}
	return e.Code == sqlite3.ErrConstraint || e.Code == sqlite3.ErrTooBig || e.Code == sqlite3.ErrMismatch
}

// transient: waiting for a lock is the busy timeout's business, and all else
// goes wrong again at once.
func (sqliteEngine) transient(error) bool { return false }

// deadline sets none, and takes the caller's away: a context that may end costs
// go-sqlite3 a goroutine for every statement, and a transaction that has begun is
// short.
func (sqliteEngine) deadline(ctx context.Context, _ int) (context.Context, context.CancelFunc) {
	return context.WithoutCancel(ctx), func() {}
}

func (sqliteEngine) reconnect(*sql.DB) {}

func (e sqliteEngine) begun(conn *sql.Conn) error { return e.file.check(conn) }

func (e sqliteEngine) close() error {
	if e.checkpoints == nil {
		return nil
	}
	return e.checkpoints.close()
}

func (e sqliteEngine) committed(conn *sql.Conn) error {
	if err := e.file.check(conn); err != nil {
		return err
	}
	e.checkpoints.committed(context.Background(), conn)
	return nil // whatever becomes of the log, it is committed
}

func (e sqliteEngine) explain(err error) error {
	e.file.note(err)
	return explainSQLite(err)
}

// explainSQLite says what to do about errors whose texts do not.
func explainSQLite(err error) error {
	var e sqlite3.Error
	if !errors.As(err, &e) {
		return err
	}
	code := e.Code
	if code == sqlite3.ErrIoErr {
		code = codeOf(e.SystemErrno)
	}
	hint := map[sqlite3.ErrNo]string{
		sqlite3.ErrFull:     "free space on its disk; recording goes on by itself",
		sqlite3.ErrBusy:     "another program holds its write lock; recording goes on when it lets go",
		sqlite3.ErrLocked:   "another program holds its write lock; recording goes on when it lets go",
		sqlite3.ErrReadonly: "make the file and its folder writable; beside a running daemon, who only asks needs neither",
		sqlite3.ErrPerm:     "make the file and its folder writable",
		sqlite3.ErrCantOpen: "check that its folder exists and is writable",
		sqlite3.ErrIoErr:    "check the disk",
		sqlite3.ErrCorrupt:  "it is damaged: stop the daemon, and restore a backup: consensusd restore --replace keeps the damaged file, too",
		sqlite3.ErrNotADB:   "it is not a SQLite database: move it away or name another with --db",
	}[code]
	if hint == "" {
		return err
	}
	return &hintedError{err.Error(), hint, err}
}

// minFreeBytes is what must be free on the disk for a run of usual size and its
// part of the WAL to fit.
const minFreeBytes = 1 << 20

// probe takes the write lock and gives it back, and looks whether there is
// space: a commit would tell for sure, but leaves something behind. Commits
// that do not reach the database itself make a log that grows and grows.
func (e sqliteEngine) probe(ctx context.Context, db *sql.DB) error {
	if err := e.checkpoints.err(); err != nil {
		return err
	}
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := errors.Join(e.begun(conn), tx.Rollback()); err != nil {
		return err
	}
	if free, err := freeBytes(filepath.Dir(e.path)); err == nil && free < minFreeBytes {
		return fmt.Errorf("disk is full: %d bytes free in %s", free, filepath.Dir(e.path))
	}
	return nil
}

// check runs SQLite's own examinations, which tell what they found in rows.
func (sqliteEngine) check(ctx context.Context, db *sql.DB) ([]string, error) {
	problems, err := pragmaRows(ctx, db, "PRAGMA integrity_check", "integrity: ")
	if err != nil {
		return problems, err // what was found before it got too bad to go on
	}
	if len(problems) == 1 && problems[0] == "integrity: ok" {
		problems = nil
	}
	foreign, err := pragmaRows(ctx, db, "PRAGMA foreign_key_check", foreignKeyPrefix)
	return append(problems, foreign...), err
}

func pragmaRows(ctx context.Context, db *sql.DB, pragma, prefix string) (lines []string, err error) {
	rows, err := db.QueryContext(ctx, pragma)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	for rows.Next() {
		cells := make([]sql.NullString, len(columns))
		into := make([]any, len(columns))
		for i := range cells {
			into[i] = &cells[i]
		}
		if err := rows.Scan(into...); err != nil {
			return lines, err
		}
		words := make([]string, len(cells))
		for i, c := range cells {
			words[i] = c.String
		}
		lines = append(lines, prefix+strings.Join(words, " "))
	}
	return lines, rows.Err()
}

func (e sqliteEngine) bytes(context.Context, *sql.DB) (int64, error) {
	var total int64
	for _, suffix := range []string{"", "-wal"} {
		info, err := os.Stat(e.path + suffix) // never open it: that drops SQLite's locks
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return 0, err
		}
		if err == nil {
			total += info.Size()
		}
	}
	return total, nil
}
