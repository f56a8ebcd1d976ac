package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"

	"github.com/consensusd/consensusd/store"
)

const sqliteUsage = `usage: bench sqlite [flags]

It measures recording into SQLite, and asking, beside others on the same files,
and prints a table. Where something else is not installed, its row says so.

  commands   runs, show and artifacts as processes, beside the sqlite3 shell
  drain      consensusd ingest and watch; the insert limit, which is the same rows
             already parsed, 64 runs a transaction; the sqlite3 shell, one
             transaction; Python, a transaction a run; DuckDB
  latency    from a file's drop to its being visible; commits under load
  memory     at its peak, of consensusd ingest
  queries    among many runs and few, and beside full-text search
  start      of consensusd watch in a home that has recorded much
  life       of runs once they are recorded: archiving, its size, the database's
             after it, commits during a cleanup and a backup, cleanup as a
             process, show of archived runs

`

// A sqliteBench is one run of the command.
type sqliteBench struct {
	rounds   int
	only     *regexp.Regexp
	profile  string // folder
	duckdb   string // folder with node_modules
	evidence string // folder of documents that somebody has
	amounts  amounts

	program  string // consensusd
	folder   string // for files of its own
	progress io.Writer
	table    table
}

// amounts say how much of everything there is.
type amounts struct {
	corpora    []corpus
	drops      int // of files into an idle inbox, in each round
	commits    int // of one run each, in each round
	memoryRuns int
	largeBytes int // of the largest document
	calls      int // of each command and query in each round
	few, many  int // runs to query among
	searched   int // runs in the table for full-text search
	done       int // files in done/
	receipts   int
	old, aging int // runs to archive at once, and a tenth of them later
}

var plentiful = amounts{
	corpora: []corpus{
		{name: "4 KB", content: 1000, documents: 10_000, limit: 0.55, shell: 1.5, python: 8},
		{name: "40 KB", content: 10_000, documents: 4000, limit: 0.65, shell: 2, python: 4.5},
		{name: "120 KB", content: 30_000, documents: 1500, limit: 0.65, shell: 2},
	},
	drops: 200, commits: 3000, memoryRuns: 100_000, largeBytes: 64 << 20, calls: 50,
	few: 10_000, many: 1_000_000, searched: 10_000, done: 100_000, receipts: 1_000_000, old: 2000, aging: 10_000,
}

var scarce = amounts{
	corpora: []corpus{
		{name: "4 KB", content: 1000, documents: 70, limit: 0.55, shell: 1.5, python: 8},
		{name: "40 KB", content: 10_000, documents: 10, limit: 0.65, shell: 2, python: 4.5},
	},
	drops: 3, commits: 10, memoryRuns: 70, largeBytes: 1 << 20, calls: 2,
	few: 100, many: 1000, searched: 100, done: 10, receipts: 100, old: 5, aging: 20,
}

// A part of the benchmark measures what belongs together.
type part struct {
	name string
	run  func(*sqliteBench, context.Context) error
}

// Commands come first: for a minute or more after many files were deleted, ext4 makes
// new ones slowly, and a command that is alone with its database makes two.
var parts = []part{
	{"commands", (*sqliteBench).commands},
	{"drain", (*sqliteBench).drains},
	{"latency", (*sqliteBench).latencies},
	{"memory", (*sqliteBench).memory},
	{"queries", (*sqliteBench).asking},
	{"start", (*sqliteBench).starts},
	{"life", (*sqliteBench).lives},
}

func sqlite(ctx context.Context, args []string, stdout, stderr io.Writer) (err error) {
	b, err := parseSQLite(args, stderr)
	if err != nil {
		return err
	}
	if b.folder, err = os.MkdirTemp("", "consensusd bench "); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(b.folder)) }()
	facts, err := b.facts(ctx)
	if err != nil {
		return err
	}
	if b.program, err = build(ctx, b.folder, b.progress); err != nil {
		return err
	}
	for _, p := range parts {
		if !b.only.MatchString(p.name) {
			continue
		}
		if err := p.run(b, ctx); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	fmt.Fprintf(stdout, "%s\n\n", facts)
	return b.table.print(stdout)
}

func parseSQLite(args []string, stderr io.Writer) (*sqliteBench, error) {
	b := &sqliteBench{progress: stderr, amounts: plentiful}
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	var only string
	var smoke bool
	flags := flag.NewFlagSet("sqlite", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() {
		fmt.Fprint(stderr, sqliteUsage)
		flags.PrintDefaults()
	}
	flags.IntVar(&b.rounds, "rounds", 5, "`times` that each figure is measured; its median is printed")
	flags.StringVar(&only, "only", "", "measure only those of the above that match this `regex`")
	flags.StringVar(&b.profile, "cpuprofile", "", "write a CPU profile of each drain, and of a cleanup, once more within this process, to `folder`")
	flags.StringVar(&b.duckdb, "duckdb", filepath.Join(cache, "consensusd-bench"), "`folder` that @duckdb/node-api is installed in")
	flags.StringVar(&b.evidence, "evidence", "", "`folder` of documents, which are read in place, whose archive's size is measured too")
	flags.BoolVar(&smoke, "smoke", false, "do everything once, and so little of it that the figures mean nothing")
	err = flags.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		return nil, err
	}
	if err == nil {
		b.only, err = regexp.Compile(only)
	}
	if err != nil || flags.NArg() > 0 || b.rounds < 1 {
		flags.Usage()
		return nil, errUsage
	}
	if smoke {
		b.rounds, b.amounts = 1, scarce
	}
	return b, nil
}

// facts tells on what is measured, and beside which programs.
func (b *sqliteBench) facts(ctx context.Context) (string, error) {
	fsync, err := syncTime(b.folder, (*os.File).Sync)
	if err != nil {
		return "", err
	}
	fdatasync, err := syncTime(b.folder, dataSync)
	return fmt.Sprintf("%s, %s, fsync %s ms, fdatasync %s ms; medians of %s%s", count(runtime.NumCPU(), "core"),
		store.EngineVersion(), number(fsync), number(fdatasync), count(b.rounds, "round"), versions(ctx)), err
}

// versions tells of the programs that are here to be measured beside.
func versions(ctx context.Context) (line string) {
	for _, program := range []string{"sqlite3", "python3", "node"} {
		said, err := exec.CommandContext(ctx, program, "--version").Output()
		if err != nil {
			continue // its rows say that it is not installed
		}
		number, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimSpace(string(said)), "Python "), " ")
		line += fmt.Sprintf(", %s %s", program, number)
	}
	return strings.Replace(line, ", ", "\nbeside ", 1)
}
