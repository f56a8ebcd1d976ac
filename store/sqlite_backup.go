package store

import (
	"context"
	"database/sql"
	"net/url"
	"os"
	"time"

	"github.com/consensusd/consensusd/schema"
)

// file returns where the database is.
func (e sqliteEngine) file(string) (string, error) { return e.path, nil }

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
	watched := b.watch(into, info.Size())
	_, err = db.ExecContext(ctx, "VACUUM INTO ?", into)
	watched()
	if err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return err
	}
	return os.Chmod(into, info.Mode().Perm())
}

// flushEvery is how often what a snapshot has written is sent to the disk. Sent
// at once, at its end, it would hold up everybody's commits.
const flushEvery = 50 * time.Millisecond

// watch follows a file that SQLite writes, until the function that it returns is
// called: it tells how far it is, and sends it to the disk little by little. No
// other process has it open, whose locks closing it would take away.
func (b *backingUp) watch(path string, all int64) (stop func()) {
	done, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		var f *os.File
		for tick := time.NewTicker(flushEvery); ; {
			select {
			case <-done:
				tick.Stop()
				f.Close()
				return
			case <-tick.C:
			}
			if f == nil {
				f, _ = os.Open(path)
			}
			info, err := f.Stat()
			if err != nil {
				continue // it is not there yet
			}
			f.Sync() // whether it lasts is found out at the end
			if b.progress != nil {
				b.progress(info.Size(), max(all, info.Size()))
			}
		}
	}()
	return func() {
		close(done)
		<-stopped
	}
}

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
	return &Store{engine: sqliteEngine{path}, reader: db, target: path}, version, nil
}
