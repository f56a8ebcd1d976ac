package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/consensusd/consensusd/ingest"
)

// A corpus is a home whose inbox holds documents of one size.
type corpus struct {
	name      string
	content   int // bytes of each of four contents
	documents int

	limit, shell, python float64 // what consensusd is to reach, as multiples of these; 0 is anything

	home ingest.Home
}

// create writes the documents.
func (c *corpus) create(folder string) error {
	c.home = ingest.Home(filepath.Join(folder, c.name))
	return fill(c.home, 0, c.documents, c.content)
}

// refill makes the home as it was before anybody recorded it: all documents in
// the inbox, no database, and nothing that the disk has yet to write.
func (c *corpus) refill() error {
	days, err := filepath.Glob(filepath.Join(c.home.Done(), "*"))
	if err != nil {
		return err
	}
	for _, day := range days {
		files, err := os.ReadDir(day)
		if err != nil {
			return err
		}
		for _, f := range files {
			if err := os.Rename(filepath.Join(day, f.Name()), filepath.Join(c.home.Inbox(), f.Name())); err != nil {
				return err
			}
		}
	}
	if err := removeDatabase(c.home.Database()); err != nil {
		return err
	}
	if err := removed(os.Remove(filepath.Join(string(c.home), "daemon.lock"))); err != nil {
		return err
	}
	syscall.Sync()
	return nil
}

// removeDatabase removes a database with its log, or DuckDB's.
func removeDatabase(path string) (err error) {
	for _, suffix := range []string{"", "-wal", "-shm", ".wal"} {
		err = errors.Join(err, removed(os.Remove(path+suffix)))
	}
	return err
}

// removed is the error of a removal that finds nothing there.
func removed(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// contentBytes is what agents and their synthesis have written into a document.
func (c *corpus) contentBytes() int64 { return int64(len(agents)*c.content + synthesisSize) }

// mustHoldAll fails when a SQLite database does not hold every document: who
// records less is no faster.
func (c *corpus) mustHoldAll(ctx context.Context, path string) error {
	db, err := sql.Open("sqlite3", "file:"+path+"?mode=ro")
	if err != nil {
		return err
	}
	var runs, artifacts, syntheses int
	var bytes int64
	err = db.QueryRowContext(ctx, `SELECT (SELECT COUNT(*) FROM consensus_runs), (SELECT COUNT(*) FROM agent_artifacts),
		(SELECT COUNT(*) FROM synthesis_results), (SELECT SUM(LENGTH(content)) FROM agent_artifacts)`).Scan(&runs, &artifacts, &syntheses, &bytes)
	if err == nil && (runs != c.documents || artifacts != len(agents)*runs || syntheses != runs || bytes != int64(artifacts*c.content)) {
		err = fmt.Errorf("%d runs, %d answers of %d bytes and %d syntheses are recorded of %d documents", runs, artifacts, bytes, syntheses, c.documents)
	}
	return errors.Join(err, db.Close())
}
