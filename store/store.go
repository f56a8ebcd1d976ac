// Package store keeps consensus runs in a SQL database: it records each run
// whole or not at all, once, and durably, and answers questions about them.
//
// It is the only package that knows the database. [Open] is for the one who
// records, [OpenReadOnly] for everybody else; both are also a Go API for other
// programs. The row types are those that sqlc generates from schema/ and
// queries/.
//
// # What a caller may rely on
//
// A method that writes does so in one transaction and returns after it is on
// stable storage, a synchronous standby's included. Readers see whole runs only.
// Recording the same thing again changes nothing and says so. A transaction that
// a server could not finish is tried again, within bounds. When a method fails
// for a reason that is not the run's own ([RefusedError]), trying again is safe,
// also when the outcome of a commit is unknown: ids are deterministic.
//
// A Store may be used by many goroutines; writers queue.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync/atomic"
	"time"

	"github.com/consensusd/consensusd/dbgen/sqlite"
	"github.com/consensusd/consensusd/schema"
)

// Rows, as they are in the database.
type (
	Run       = sqlite.Run
	Artifact  = sqlite.Artifact
	Synthesis = sqlite.Synthesis
	Finding   = sqlite.Finding
	Receipt   = sqlite.Receipt
)

// A Record is a run with everything that belongs to it: the unit that is
// recorded, amended, archived and restored.
type Record struct {
	Run       Run
	Artifacts []Artifact
	Syntheses []Synthesis // newest first; mostly one or none
	Findings  []Finding
	Receipts  []Receipt // of the documents that made the run; none for runs recorded through the Go API
}

// ErrNotFound reports that no row matches.
var ErrNotFound = errors.New("not found")

// ErrNoDatabase reports that there is no database where one was to be read.
var ErrNoDatabase = errors.New("no database")

// ErrReadOnly reports an attempt to write through [OpenReadOnly].
var ErrReadOnly = errors.New("store is open for reading only")

// A Store is a database of consensus runs.
type Store struct {
	engine engine
	writer *sql.DB // one connection; nil when read-only
	reader *sql.DB
	stmts  statements // prepared on writer
	target string
	slow   atomic.Int32 // attempts at transactions that took too long since one succeeded
}

// statements makes the generated queries run in a transaction.
type statements interface {
	in(tx *sql.Tx) sqlite.Querier
	Close() error
}

// An engine is what differs from one kind of database to another.
type engine interface {
	// read returns the generated queries on a pool or connection.
	read(db sqlite.DBTX) sqlite.Querier
	// refusal tells whether a statement failed because of the values given to
	// it, so that the same statement with other values would succeed.
	refusal(err error) bool
	// explain adds to an error what a person can do about it.
	explain(err error) error
	// probe finds out whether a transaction could be written now.
	probe(ctx context.Context, db *sql.DB) error
	// check lets the database examine itself, and returns what is wrong.
	check(ctx context.Context, db *sql.DB) ([]string, error)
	// location is the path of the database when it is a file, else the error says
	// how the database at target is backed up.
	location(target string) (string, error)
	// bytes is what the database takes on disk.
	bytes(ctx context.Context, db *sql.DB) (int64, error)
	// fileBytes is what its file takes there, and needs for what is in its log.
	fileBytes(ctx context.Context, db *sql.DB) (int64, error)
	// transient tells whether a whole transaction that failed with err may
	// succeed when it is tried again.
	transient(err error) bool
	// deadline bounds an attempt at a transaction, after some that took too long.
	deadline(ctx context.Context, slow int) (context.Context, context.CancelFunc)
	// persist makes the commit of tx wait for stable storage also when tx changes
	// nothing: all that it could read is then as safe as what it writes.
	persist(ctx context.Context, tx *sql.Tx) error
	// begun returns why nothing should be recorded over conn, in a transaction
	// that has begun; nil mostly.
	begun(conn *sql.Conn) error
	// committed returns why the commit that conn has just reported is not to be
	// relied on, nil mostly.
	committed(conn *sql.Conn) error
	// reclaim gives disk space back that deleted rows took. isHeld says that some of
	// it has to wait for a reader.
	reclaim(ctx context.Context, db *sql.DB) (isHeld bool, err error)
	// fileMode is who may read what is in the database, for files with parts of it.
	fileMode() fs.FileMode
	// close ends what goes on beside the callers of a store that records.
	close() error
	// reconnect gives up connections after a transient error.
	reconnect(db *sql.DB)
}

// Open opens the database at target for recording and reading, creates its
// tables if they are not there, and brings its schema up to date. target is the
// path of a SQLite file, which is created, or the address of a PostgreSQL
// database (postgres://…, several hosts allowed). A database that a newer
// program wrote is refused with a [*schema.NewerError], another program's with
// [schema.ErrForeign]; neither is touched.
func Open(ctx context.Context, target string) (*Store, error) {
	return opened(ctx, target, func(o doors) door { return o.record })
}

// OpenReadOnly opens the database at target for reading. It creates nothing:
// where there is no database the error is [ErrNoDatabase].
func OpenReadOnly(ctx context.Context, target string) (*Store, error) {
	return opened(ctx, target, func(o doors) door { return o.read })
}

type door func(ctx context.Context, target string) (*Store, error)

// The doors to databases of one kind: to record, which makes and migrates the
// tables, or to read, which changes nothing.
type doors struct{ record, read door }

var entrances = map[schema.Engine]doors{
	schema.SQLite:   {openSQLite, openSQLiteReadOnly},
	schema.Postgres: {openPostgres, openPostgresReadOnly},
}

func opened(ctx context.Context, target string, to func(doors) door) (*Store, error) {
	doors, known := entrances[EngineOf(target)]
	if !known {
		return nil, fmt.Errorf("open %s: %w", Redacted(target), badAddress())
	}
	s, err := to(doors)(ctx, target)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", Redacted(target), err)
	}
	return s, nil
}

// Close closes the database. What was recorded stays recorded without it.
func (s *Store) Close() error {
	var errs []error
	if s.writer != nil {
		errs = append(errs, s.engine.close(), s.stmts.Close(), s.writer.Close())
	}
	return errors.Join(append(errs, s.reader.Close())...)
}

// Target returns what the store was opened with, without a password.
func (s *Store) Target() string { return Redacted(s.target) }

// Probe returns nil when a run could be recorded now, else why not.
func (s *Store) Probe(ctx context.Context) error {
	if s.writer == nil {
		return ErrReadOnly
	}
	return s.explain("probe", s.engine.probe(ctx, s.writer))
}

// update runs fn in one write transaction and commits it. fn may be called
// again, in another transaction, when that one came to nothing.
func (s *Store) update(ctx context.Context, fn func(context.Context, *sql.Tx, sqlite.Querier) error) error {
	if s.writer == nil {
		return ErrReadOnly
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return s.repeat(ctx, func(ctx context.Context) error {
		conn, err := s.writer.Conn(ctx)
		if err != nil {
			return err
		}
		defer conn.Close()
		// Whatever is the default: who waits for a lock must see what it was held for.
		tx, err := conn.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelReadCommitted})
		if err != nil {
			return err
		}
		defer tx.Rollback()
		Step("begun")
		if err := s.engine.begun(conn); err != nil {
			return err
		}
		if err := fn(ctx, tx, s.stmts.in(tx)); err != nil {
			return err
		}
		Step("written")
		if err := tx.Commit(); err != nil {
			return err
		}
		Step("committed")
		return s.engine.committed(conn)
	})
}

func (s *Store) read() sqlite.Querier { return s.engine.read(s.reader) }

// explain names what was being done when err happened, and turns the driver's
// errors into this package's.
func (s *Store) explain(doing string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, sql.ErrNoRows):
		return fmt.Errorf("%s: %w", doing, ErrNotFound)
	case isDamage(err) && !errors.Is(err, ErrDamaged):
		return &hintedError{fmt.Sprintf("%s: %v: %v", doing, ErrDamaged, err), damagedRemedy, errors.Join(ErrDamaged, err)}
	}
	return fmt.Errorf("%s: %w", doing, s.engine.explain(err))
}

// Verdict returns the verdict on a run.
func Verdict(r Run) schema.Verdict { return schema.VerdictOf(r.ConsensusOK, r.Degraded) }

// Time returns the time of a column of Unix seconds.
func Time(seconds int64) time.Time { return time.Unix(seconds, 0).UTC() }

// shortHash returns enough of a hex digest for a person to tell it from others.
func shortHash(sha256 string) string { return strings.ToLower(sha256[:min(12, len(sha256))]) }
