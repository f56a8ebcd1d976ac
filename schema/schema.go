// Package schema holds the tables of consensus.db, which are at once sqlc's
// input and the migrations, and the Go types of their columns.
package schema

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"
)

//go:embed sqlite/*.sql postgres/*.sql
var migrations embed.FS

// An Engine is a kind of database, and the name of the folder of its migrations.
type Engine string

// The engines.
const (
	SQLite   Engine = "sqlite"
	Postgres Engine = "postgres"
)

var dialects = map[Engine]goose.Dialect{SQLite: goose.DialectSQLite3, Postgres: goose.DialectPostgres}

// catalogues ask each engine whether goose's table of versions is there, whether
// ours are, and how many tables there are: of a PostgreSQL database only those of
// the schema that new tables would be created in.
var catalogues = map[Engine]string{
	SQLite: "SELECT COUNT(*) FILTER (WHERE name = '" + goose.DefaultTablename + "')," +
		" COUNT(*) FILTER (WHERE name = 'consensus_runs'), COUNT(*) FROM sqlite_schema WHERE type = 'table'",
	Postgres: "SELECT COUNT(*) FILTER (WHERE relname = '" + goose.DefaultTablename + "')," +
		" COUNT(*) FILTER (WHERE relname = 'consensus_runs'), COUNT(*) FROM pg_class" +
		" WHERE relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema()) AND relkind IN ('r', 'p')",
}

// locks keep two programs from migrating the same database at once, where the
// engine does not do so by itself. They end with their transaction, because a
// pooler may give the next one to another connection.
var locks = map[Engine]string{Postgres: "SELECT pg_advisory_xact_lock(7308325512386414)"}

// ErrForeign reports a database that holds another program's tables.
var ErrForeign = errors.New("database belongs to another program: name another one with --db")

// A NewerError reports a database that a later version of the program has
// migrated; this one must not touch it.
type NewerError struct{ Have, Know int64 }

func (e *NewerError) Error() string {
	return fmt.Sprintf("database has schema %d, this program knows up to %d: install the consensusd that wrote it, or a later one", e.Have, e.Know)
}

// An OlderError reports a database that needs a migration before it is read.
type OlderError struct{ Have, Need int64 }

func (e *OlderError) Error() string {
	return fmt.Sprintf("database has schema %d, this program needs %d: start consensusd watch, or run consensusd ingest, once to migrate it", e.Have, e.Need)
}

// Migrate brings db to the newest schema, forward only, each migration in a
// transaction of its own. It does nothing where there is nothing to do, and
// returns a [*NewerError] when db is ahead of this program, [ErrForeign] when
// it is another program's. When somebody else is migrating db at the same
// moment it may fail; trying again is safe.
func Migrate(ctx context.Context, db *sql.DB, engine Engine) error {
	have, found, err := version(ctx, db, engine)
	know := Version(engine)
	switch {
	case err != nil:
		return err
	case have > know:
		return &NewerError{have, know}
	case have == know:
		return nil
	}
	release, err := lock(ctx, db, engine)
	if err != nil {
		return fmt.Errorf("wait for another program's migration: %w", err)
	}
	defer release()
	if !found {
		if err := createVersions(ctx, db, engine); err != nil {
			return fmt.Errorf("create schema version: %w", err)
		}
	}
	files, err := fs.Sub(migrations, string(engine))
	if err != nil {
		return err
	}
	p, err := goose.NewProvider(dialects[engine], db, files)
	if err != nil {
		return err
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("migrate schema %d to %d: %w", have, know, err)
	}
	return nil
}

// lock keeps other programs from migrating db until release is called.
func lock(ctx context.Context, db *sql.DB, engine Engine) (release func() error, err error) {
	if locks[engine] == "" {
		return func() error { return nil }, nil
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return nil, err
	}
	if _, err := tx.ExecContext(ctx, locks[engine]); err != nil {
		tx.Rollback()
		return nil, err
	}
	return tx.Rollback, nil
}

// Check returns nil when db has exactly the newest schema, else a
// [*NewerError], an [*OlderError] or [ErrForeign]. It changes nothing.
func Check(ctx context.Context, db *sql.DB, engine Engine) error {
	have, _, err := version(ctx, db, engine)
	know := Version(engine)
	switch {
	case err != nil:
		return err
	case have > know:
		return &NewerError{have, know}
	case have < know:
		return &OlderError{have, know}
	}
	return nil
}

// VersionOf returns the version of the schema in db, which may be older than the
// newest, 0 where there are no tables yet. The error is a [*NewerError] or
// [ErrForeign] where this program can make nothing of it. It changes nothing.
func VersionOf(ctx context.Context, db *sql.DB, engine Engine) (int64, error) {
	have, _, err := version(ctx, db, engine)
	if know := Version(engine); err == nil && have > know {
		err = &NewerError{have, know}
	}
	return have, err
}

// version returns the version of the schema in db, and whether it is on record
// at all. Unlike goose's own function of this kind it changes nothing.
func version(ctx context.Context, db database.DBTxConn, engine Engine) (have int64, found bool, err error) {
	c, err := readCatalogue(ctx, db, engine)
	switch {
	case err != nil:
		return 0, false, err
	case c.versions == 0 && c.tables > 0:
		return 0, false, ErrForeign
	case c.versions == 0:
		return 0, false, nil
	}
	s, err := database.NewStore(dialects[engine], goose.DefaultTablename)
	if err != nil {
		return 0, false, err
	}
	have, err = s.GetLatestVersion(ctx, db)
	if err != nil {
		return 0, false, fmt.Errorf("read schema version: %w", err)
	}
	if have > 0 && c.ours == 0 { // somebody was just creating it, or migrates other tables with goose
		if c, err = readCatalogue(ctx, db, engine); err == nil && c.ours == 0 {
			err = ErrForeign
		}
	}
	return have, true, err
}

// A catalogue counts tables: goose's of versions, ours, and all.
type catalogue struct{ versions, ours, tables int64 }

func readCatalogue(ctx context.Context, db database.DBTxConn, engine Engine) (c catalogue, err error) {
	if err := db.QueryRowContext(ctx, catalogues[engine]).Scan(&c.versions, &c.ours, &c.tables); err != nil {
		return c, fmt.Errorf("read schema version: %w", err)
	}
	return c, nil
}

// createVersions creates goose's table of versions unless it is there, in one
// transaction: goose itself waits a second when another process was faster.
func createVersions(ctx context.Context, db *sql.DB, engine Engine) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	_, found, err := version(ctx, tx, engine)
	if err != nil || found {
		return err
	}
	s, err := database.NewStore(dialects[engine], goose.DefaultTablename)
	if err != nil {
		return err
	}
	if err := s.CreateVersionTable(ctx, tx); err != nil {
		return err
	}
	if err := s.Insert(ctx, tx, database.InsertRequest{Version: 0}); err != nil {
		return err
	}
	return tx.Commit()
}

// Version returns the newest schema this program knows.
func Version(engine Engine) int64 {
	files, err := fs.Glob(migrations, string(engine)+"/*.sql")
	if err != nil {
		panic(err) // the pattern is a constant
	}
	return int64(len(files))
}

// SQL returns the text of all migrations of engine in their order: the tables
// and views as they are.
func SQL(engine Engine) string {
	files, err := fs.Glob(migrations, string(engine)+"/*.sql")
	if err != nil {
		panic(err) // the pattern is a constant
	}
	var text []byte
	for _, f := range files {
		b, err := migrations.ReadFile(f)
		if err != nil {
			panic(err) // Glob has just listed it
		}
		text = append(text, b...)
	}
	return string(text)
}
