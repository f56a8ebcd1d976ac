package main

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/consensusd/consensusd/ingest"
	"github.com/consensusd/consensusd/schema"
	"github.com/consensusd/consensusd/store"
)

// examine returns why nothing could be recorded at this home, or into this
// database, for as long as somebody does not put them elsewhere. It creates
// nothing. moves tells that files are to be moved out of the inbox.
func (c *cli) examine(ctx context.Context, moves bool) error {
	if err := store.Examine(ctx, c.database()); err != nil {
		return err
	}
	if err := c.outsideHome(); err != nil {
		return err
	}
	var apart *ingest.PlaceError
	if err := c.Home().CheckPlace(); moves && errors.As(err, &apart) {
		return &failure{
			exit: exitFailed, code: "place", text: err.Error(), err: err,
			hint: "make " + shellQuoted(apart.To) + " a plain folder of the home, or choose a --home where all of it is on one file system",
		}
	}
	return nil
}

// outsideHome refuses a database among the files that the daemon moves and
// deletes.
func (c *cli) outsideHome() error {
	if store.EngineOf(c.database()) != schema.SQLite {
		return nil
	}
	folder := realPath(filepath.Dir(c.database()))
	for _, own := range []string{c.Home().Inbox(), c.Home().Staging(), c.Home().Done(), c.Home().Failed()} {
		if rel, err := filepath.Rel(realPath(own), folder); err == nil && rel != ".." && !strings.HasPrefix(rel, "../") {
			return &failure{
				exit: exitFailed, code: "place", text: "database " + c.database() + " lies in " + own + ", whose files are taken for documents, moved and deleted",
				hint: "name a file elsewhere with --db, such as " + shellQuoted(c.Home().Database()),
			}
		}
	}
	return nil
}

// realPath is path without links, as far as it leads anywhere.
func realPath(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	real, err := filepath.EvalSymlinks(path)
	if err == nil {
		return real
	}
	if parent := filepath.Dir(path); parent != path {
		return filepath.Join(realPath(parent), filepath.Base(path))
	}
	return path
}

// missLost warns of files that were recorded into a database that is not this
// one, as when it was deleted.
func (c *cli) missLost(ctx context.Context, s *store.Store, log *slog.Logger) error {
	page, err := s.Runs(ctx, store.Filter{Limit: 1})
	if err != nil || len(page.Runs) > 0 {
		return err
	}
	var first string
	filepath.WalkDir(c.Home().Done(), func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			first = path
			return fs.SkipAll
		}
		return nil
	})
	if first != "" {
		log.Warn("the database is empty, and files lie in done/ that were recorded into another", "such as", first, "remedy", c.command("ingest", c.Home().Done()))
	}
	return nil
}

// systemHints are what to do when the machine does not let us.
var systemHints = map[syscall.Errno]string{
	syscall.EROFS:  "make its file system writable, or choose another --home or --db",
	syscall.ENOSPC: "free space on its disk",
	syscall.EDQUOT: "free space within the user's quota",
	syscall.EXDEV:  "make both plain folders of one file system",
}

func systemHint(err error) string {
	var errno syscall.Errno
	errors.As(err, &errno)
	return systemHints[errno]
}
