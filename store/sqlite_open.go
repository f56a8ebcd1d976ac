package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"time"

	"github.com/mattn/go-sqlite3"

	"github.com/consensusd/consensusd/schema"
)

func openSQLite(ctx context.Context, path string) (*Store, error) {
	if version, number, _ := sqlite3.Version(); number < oldestSQLite {
		return nil, fmt.Errorf("SQLite %s is linked in, which can lose committed data: build with the library that go-sqlite3 brings along, at least 3.51.3", version)
	}
	// Look first: a database of a later program, or another's, stays as it is.
	s, err := openSQLiteReadOnly(ctx, path)
	var older *schema.OlderError
	isNew := errors.Is(err, ErrNoDatabase)
	if err == nil {
		err = examineSQLite(ctx, s.reader, path)
	}
	if err != nil && !isNew && !errors.As(err, &older) {
		if s != nil {
			s.Close()
		}
		return nil, err
	}
	writer, err := openSQLiteWriter(ctx, path, isNew)
	var opened *openedFile
	if err == nil {
		if opened, err = openedAt(path); err != nil {
			writer.Close()
		}
	}
	if err != nil {
		if s != nil {
			s.Close()
		}
		return nil, err
	}
	if s == nil {
		if s, err = openSQLiteReadOnly(ctx, path); err != nil {
			writer.Close()
			return nil, err
		}
	}
	s.writer = writer
	if s.stmts, err = prepareSQLite(ctx, writer); err != nil {
		return nil, errors.Join(err, writer.Close(), s.reader.Close())
	}
	s.engine = sqliteEngine{path, opened, startCheckpointer(sqliteDSN(path, url.Values{"mode": {"rw"}})), &questions{DB: s.reader}}
	return s, nil
}

// writerCache is the memory in KiB for pages that the writer keeps: receipts have
// keys at random, and every commit changes as many pages of theirs.
const writerCache = 16 << 10

func openSQLiteWriter(ctx context.Context, path string, isNew bool) (*sql.DB, error) {
	options := url.Values{
		"mode":          {"rwc"},
		"_txlock":       {"immediate"}, // take the write lock at BEGIN, not midway
		"_journal_mode": {"WAL"},
		"_cache_size":   {fmt.Sprint(-writerCache)},
	}
	if isNew {
		options.Set("_auto_vacuum", "incremental") // too late for any other, and yet a write
	}
	writer := openWithoutCheckpoints(sqliteDSN(path, options)) // SQLite has one writer: queue for its connection
	if err := migrateSQLite(ctx, writer); err != nil {
		writer.Close()
		return nil, explainSQLite(err)
	}
	if !isNew {
		persistSQLite(ctx, writer)
	}
	return writer, nil
}

func openSQLiteReadOnly(ctx context.Context, path string) (*Store, error) {
	switch exists, err := placeSQLite(path); {
	case err != nil:
		return nil, err
	case !exists:
		return nil, ErrNoDatabase
	}
	// Not mode=ro: the last reader of a file left behind by a crash must be
	// able to recover its WAL. query_only keeps it from writing anything else.
	reader, err := sql.Open("sqlite3", sqliteDSN(path, url.Values{"mode": {"rw"}, "_query_only": {"1"}}))
	if err != nil {
		return nil, err
	}
	reader.SetConnMaxIdleTime(time.Minute)
	if err := schema.Check(ctx, reader, schema.SQLite); err != nil {
		reader.Close()
		var older *schema.OlderError
		if errors.As(err, &older) && older.Have == 0 {
			return nil, ErrNoDatabase // somebody is just creating it
		}
		return nil, explainSQLite(err)
	}
	return &Store{engine: sqliteEngine{path: path, questions: &questions{DB: reader}}, reader: reader, target: path}, nil
}

// sqliteDSN names the file by URI, so that ?, # and % in its path are not
// taken for syntax. Pragmas stand in it because they then reach every
// connection of the pool.
func sqliteDSN(path string, options url.Values) string {
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	options.Set("_busy_timeout", fmt.Sprint(busyTimeout.Milliseconds()))
	options.Set("_foreign_keys", "1")
	options.Set("_synchronous", "FULL") // what is committed survives power loss
	return (&url.URL{Scheme: "file", OmitHost: true, Path: path, RawQuery: options.Encode()}).String()
}

// migrateSQLite is [schema.Migrate], but tries again when another process is
// just creating the database: switching a new file to WAL ignores the busy
// timeout, and the tables that the other one made first are an error to us.
func migrateSQLite(ctx context.Context, db *sql.DB) error {
	for try := 1; ; try++ {
		err := schema.Migrate(ctx, db, schema.SQLite)
		var e sqlite3.Error
		if !errors.As(err, &e) || e.Code != sqlite3.ErrBusy && e.Code != sqlite3.ErrError || try == 10 {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Duration(try) * 10 * time.Millisecond):
		}
	}
}
