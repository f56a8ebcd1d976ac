package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/consensusd/consensusd/schema"
)

// Examine returns why [Open] would refuse what is at target, nil when it would
// not, or when there is nothing yet. It creates and changes nothing. What only a
// server can tell is left to Open.
func Examine(ctx context.Context, target string) error {
	if EngineOf(target) != schema.SQLite {
		return nil
	}
	s, err := OpenReadOnly(ctx, target)
	var older *schema.OlderError
	if errors.Is(err, ErrNoDatabase) || errors.As(err, &older) {
		return nil
	}
	if err != nil {
		return err
	}
	return s.Close()
}

// placeSQLite returns why there cannot be a database at path, and whether there
// is a file that may be one. It never opens anything: closing a database's file
// takes SQLite's locks away.
func placeSQLite(path string) (exists bool, err error) {
	path, err = filepath.Abs(path)
	if err != nil {
		return false, err
	}
	kind := networkMount(path) // a server that does not answer would keep all else waiting
	if kind == "" {
		kind = networkKind(existing(path))
	}
	if kind != "" {
		return false, &hintedError{"it is on a network file system (" + kind + "), which SQLite cannot rely on", "name a file on a local disk with --db, or a PostgreSQL database; the inbox may stay where it is", nil}
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, syscall.ELOOP):
		return false, &hintedError{"it is a symbolic link that leads nowhere but to itself", "remove it, or name another with --db", err}
	case errors.Is(err, fs.ErrNotExist), err == nil && info.Mode().IsRegular() && info.Size() == 0:
		return false, cmp.Or(lonelyLog(path), interruptedRestore(path)) // else somebody is just creating it, or never did
	case err != nil:
		return false, err
	case info.IsDir():
		return false, &hintedError{"it is a folder", "name a file with --db", nil}
	case !info.Mode().IsRegular():
		return false, &hintedError{"it is no regular file", "name another with --db", nil}
	}
	return true, nil
}

// lonelyLog returns the error for a log whose database is gone: SQLite would
// take the log for rubbish and delete it with all that it holds.
func lonelyLog(path string) error {
	log := path + "-wal"
	info, err := os.Stat(log)
	if err != nil || info.Size() == 0 {
		return nil
	}
	return &hintedError{
		fmt.Sprintf("its log %s is there, with %d bytes that may be recorded nowhere else, and the database is not", filepath.Base(log), info.Size()),
		"put the database back beside it, or move the log away to begin a new one", nil,
	}
}

// existing returns what there is of path: itself, or the nearest folder above,
// with no links in it. Of a link that leads to nothing yet it follows the link.
func existing(path string) string {
	for range 40 { // as many links as the kernel follows
		if real, err := filepath.EvalSymlinks(path); err == nil {
			return real
		}
		if to, err := os.Readlink(path); err == nil {
			if !filepath.IsAbs(to) {
				to = filepath.Join(filepath.Dir(path), to)
			}
			path = to
			continue
		}
		if parent := filepath.Dir(path); parent != path {
			path = parent
		}
	}
	return path
}

// isBelow reports whether a clean path is folder or lies in it.
func isBelow(path, folder string) bool {
	return path == folder || folder == "/" || strings.HasPrefix(path, folder+"/")
}
