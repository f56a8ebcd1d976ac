package main

import (
	"context"
	"embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/consensusd/consensusd/store"
)

// others is what somebody else would load the documents with.
//
//go:embed others
var others embed.FS

const (
	sqliteShell = "sqlite3 shell, one transaction" // with a rollback journal, which writes a new file once only
	shellWAL    = "sqlite3 shell, likewise, with a write-ahead log"
	pythonLoop  = "Python, a transaction a run" // as sqlite3.connect has it, with a rollback journal
	pythonWAL   = "Python, likewise, with a write-ahead log"
	duckDB      = "DuckDB, one transaction"
)

// others returns those who can load the corpus here, and the names of those who
// cannot.
func (b *sqliteBench) others(c *corpus) (present []*contender, absent []string) {
	for _, o := range []struct {
		name, program string
		load          func(context.Context, string, *corpus) (time.Duration, error)
	}{
		{sqliteShell, "sqlite3", loadedByShell("DELETE")},
		{shellWAL, "sqlite3", loadedByShell("WAL")},
		{pythonLoop, "python3", loadedByPython("DELETE")},
		{pythonWAL, "python3", loadedByPython("WAL")},
		{duckDB, "node", b.loadedByDuckDB},
	} {
		path, err := exec.LookPath(o.program)
		if err == nil && o.name == duckDB {
			_, err = os.Stat(filepath.Join(b.duckdb, "node_modules", "@duckdb", "node-api"))
		}
		if err != nil {
			absent = append(absent, o.name)
			continue
		}
		present = append(present, b.rate(c, o.name, func(ctx context.Context, c *corpus) (time.Duration, error) {
			return o.load(ctx, path, c)
		}))
	}
	return present, absent
}

// emptyDatabase makes the tables of the store, as others find them.
func emptyDatabase(ctx context.Context, path string) error {
	s, err := store.Open(ctx, path)
	if err != nil {
		return err
	}
	return s.Close()
}

// loadedByShell is the shell with a journal of a kind.
func loadedByShell(journal string) func(context.Context, string, *corpus) (time.Duration, error) {
	return func(ctx context.Context, program string, c *corpus) (time.Duration, error) {
		if err := emptyDatabase(ctx, c.home.Database()); err != nil {
			return 0, err
		}
		cmd := exec.CommandContext(ctx, program, "-batch", c.home.Database())
		inbox := ".param set :inbox \"'" + strings.ReplaceAll(c.home.Inbox(), "'", "''") + "'\"\nPRAGMA journal_mode = " + journal + ";\nBEGIN"
		cmd.Stdin = strings.NewReader(strings.Replace(other("shell.sql"), "BEGIN", inbox, 1))
		took, err := timed(cmd)
		if err != nil {
			return 0, err
		}
		return took, c.mustHoldAll(ctx, c.home.Database())
	}
}

// loadedByPython is Python's loop with a journal of a kind.
func loadedByPython(journal string) func(context.Context, string, *corpus) (time.Duration, error) {
	return func(ctx context.Context, program string, c *corpus) (time.Duration, error) {
		if err := emptyDatabase(ctx, c.home.Database()); err != nil {
			return 0, err
		}
		// What PATH leads to may be a script that looks for it, a tenth of a second and more.
		python, err := exec.CommandContext(ctx, program, "-c", "import sys; print(sys.executable, end='')").Output()
		if err != nil {
			return 0, err
		}
		took, err := timed(exec.CommandContext(ctx, string(python), "-c", other("loop.py"), c.home.Database(), c.home.Inbox(), journal))
		if err != nil {
			return 0, err
		}
		return took, c.mustHoldAll(ctx, c.home.Database())
	}
}

func (b *sqliteBench) loadedByDuckDB(ctx context.Context, program string, c *corpus) (time.Duration, error) {
	script := filepath.Join(b.folder, "duckdb.mjs")
	if err := os.WriteFile(script, []byte(other("duckdb.mjs")), 0o644); err != nil {
		return 0, err
	}
	cmd := exec.CommandContext(ctx, program, script, c.home.Database(), c.home.Inbox(), fmt.Sprint(c.documents), fmt.Sprint(c.content))
	cmd.Dir = b.duckdb
	return timed(cmd)
}

func other(name string) string {
	text, err := others.ReadFile("others/" + name)
	if err != nil {
		panic(err) // it is embedded
	}
	return string(text)
}
