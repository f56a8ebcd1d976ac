package store

import (
	"database/sql"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"github.com/mattn/go-sqlite3"
)

// An openedFile is a database as it was when it was opened. A name may come to
// mean another file, or none: what is committed then is lost when the last of
// those who have the old one open closes it.
type openedFile struct {
	path     string
	database fs.FileInfo
	damage   atomic.Pointer[error] // what was found out under way

	mu       sync.Mutex
	conn     any         // the driver's connection that log and index belong to
	log, shm fs.FileInfo // the files beside the database
}

// openedAt is called when the database has just been opened.
func openedAt(path string) (*openedFile, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	return &openedFile{path: path, database: info}, nil
}

// check returns why what is committed over conn would be lost, nil when it would
// not. A transaction has begun on conn, or has just been committed. A file that
// comes back under its name is as good as before; damage stays.
func (f *openedFile) check(conn *sql.Conn) error {
	if err := f.damage.Load(); err != nil {
		return *err
	}
	if err := f.isStill("", f.database); err != nil {
		return err
	}
	var id any
	if err := conn.Raw(func(c any) error { id = c; return nil }); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.conn == id {
		return errors.Join(f.isStill("-wal", f.log), f.isStill("-shm", f.shm))
	}
	log, err := os.Stat(f.path + "-wal")
	if err != nil {
		return f.gone("-wal", err)
	}
	shm, err := os.Stat(f.path + "-shm")
	if err != nil {
		return f.gone("-shm", err)
	}
	f.conn, f.log, f.shm = id, log, shm
	return nil
}

// isStill compares the file of that name with the one that was opened.
func (f *openedFile) isStill(suffix string, opened fs.FileInfo) error {
	switch info, err := os.Stat(f.path + suffix); {
	case err != nil:
		return f.gone(suffix, err)
	case !os.SameFile(info, opened):
		return f.lost(filepath.Base(f.path)+suffix+" was replaced by another file while it was recorded into", nil)
	}
	return nil
}

func (f *openedFile) gone(suffix string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return f.lost(filepath.Base(f.path)+suffix+" was deleted or renamed while it was recorded into", err)
	}
	return err
}

func (f *openedFile) lost(what string, err error) error {
	return &hintedError{what, "put it back; else restart the daemon, and then run consensusd ingest on its folder done/ to record once more what only the old file held", err}
}

// note remembers that the database turned out to be damaged: what SQLite may
// still write into it could make that worse.
func (f *openedFile) note(err error) {
	var e sqlite3.Error
	if f == nil || !errors.As(err, &e) || e.Code != sqlite3.ErrCorrupt && e.Code != sqlite3.ErrNotADB {
		return
	}
	found := damaged(e.Error())
	f.damage.CompareAndSwap(nil, &found)
}
