// Package schema holds the tables of consensus.db, which are at once sqlc's
// input and the migrations, and the Go types of their columns.
package schema

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
)

//go:embed sqlite/*.sql
var migrations embed.FS

// An Engine is a kind of database, and the name of the folder of its migrations.
type Engine string

// The engines.
const SQLite Engine = "sqlite"

var dialects = map[Engine]goose.Dialect{SQLite: goose.DialectSQLite3}

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
// returns a [*NewerError] when db is ahead of this program.
func Migrate(ctx context.Context, db *sql.DB, engine Engine) error {
	p, err := provider(db, engine)
	if err != nil {
		return err
	}
	have, know, err := p.GetVersions(ctx)
	if err != nil {
		return fmt.Errorf("read schema version: %w", err)
	}
	if have > know {
		return &NewerError{have, know}
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("migrate schema %d to %d: %w", have, know, err)
	}
	return nil
}

// Check returns nil when db has exactly the newest schema, and a
// [*NewerError] or [*OlderError] otherwise. It changes nothing.
func Check(ctx context.Context, db *sql.DB, engine Engine) error {
	p, err := provider(db, engine)
	if err != nil {
		return err
	}
	have, know, err := p.GetVersions(ctx)
	switch {
	case err != nil:
		return fmt.Errorf("read schema version: %w", err)
	case have > know:
		return &NewerError{have, know}
	case have < know:
		return &OlderError{have, know}
	}
	return nil
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

func provider(db *sql.DB, engine Engine) (*goose.Provider, error) {
	files, err := fs.Sub(migrations, string(engine))
	if err != nil {
		return nil, err
	}
	return goose.NewProvider(dialects[engine], db, files)
}
