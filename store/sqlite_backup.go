package store

import (
	"context"
	"database/sql"
	"errors"
	"net/url"
	"os"
	"sync"
	"time"

	"github.com/consensusd/consensusd/schema"
	"github.com/consensusd/consensusd/store/archive"
)

// location returns where the database is.
func (e sqliteEngine) location(string) (string, error) { return e.path, nil }

// snapshot writes the database as it is at one moment into a new file, while
// others write to it. Of the parts that are free nothing is written.
func (b *backingUp) snapshot(ctx context.Context, into string) error {
	info, err := os.Stat(b.source)
	if err != nil {
		return err
	}
	// Not over the readers: with query_only it does not write the other file either.
	db, err := sql.Open("sqlite3", sqliteDSN(b.source, url.Values{"mode": {"ro"}}))
	if err != nil {
		return err
	}
	defer db.Close()
	watched, flushed := b.watch(into, info.Size()), flush(into)
	var none *sql.Rows // a query: to be able to stop, go-sqlite3 executes anything else on another thread
	if none, err = db.QueryContext(ctx, "VACUUM INTO ?", into); err == nil {
		none.Next()
		err = errors.Join(none.Err(), none.Close())
	}
	flushed()
	watched()
	if err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return err
	}
	return os.Chmod(into, info.Mode().Perm())
}

// watch tells how far a file is that SQLite writes, until the function that it
// returns is called.
func (b *backingUp) watch(path string, all int64) (stop func()) {
	if b.progress == nil {
		return func() {}
	}
	done, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
			}
			if info, err := os.Stat(path); err == nil {
				b.progress(info.Size(), max(all, info.Size()))
			}
		}
	}()
	return func() {
		close(done)
		<-stopped
		b.progress(all, all)
	}
}

// flush has what SQLite appends to a new file written to the disk as it goes,
// until the function that it returns is called. Otherwise the sync at its end
// would write all of it at once, and every commit elsewhere would wait for that.
func flush(path string) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var flushing sync.WaitGroup
	flushing.Go(func() {
		var file *os.File
		var flushed int64
		for wait(ctx, time.Millisecond) {
			if file == nil {
				var err error
				if file, err = os.Open(path); err != nil {
					continue // it is not there yet
				}
				defer file.Close() // when SQLite has closed it: its locks go with this
			}
			for info, err := file.Stat(); err == nil && info.Size()-flushed >= flushBytes && ctx.Err() == nil; flushed += flushBytes {
				archive.Flush(file, flushed, flushBytes)
			}
		}
	})
	return func() {
		cancel()
		flushing.Wait()
	}
}

// flushBytes is how much is flushed at a time.
const flushBytes = 1 << 20

// openCopy opens a database that nobody writes to, and that may be of an earlier
// schema, whose version it returns. It leaves everything as it is.
func openCopy(ctx context.Context, path string) (s *Store, version int64, err error) {
	db, err := sql.Open("sqlite3", sqliteDSN(path, url.Values{"mode": {"ro"}}))
	if err != nil {
		return nil, 0, err
	}
	version, err = schema.VersionOf(ctx, db, schema.SQLite)
	if err != nil {
		db.Close()
		return nil, 0, explainSQLite(err)
	}
	return &Store{engine: sqliteEngine{path: path}, reader: db, target: path}, version, nil
}
