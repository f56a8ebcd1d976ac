package main

import (
	"context"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"

	"github.com/consensusd/consensusd/store"
	"github.com/consensusd/consensusd/store/postgrestest"
)

const postgresUsage = `usage: bench postgres [flags]

It starts a PostgreSQL of its own with durable commits, measures, ends it, and
prints a table. Everybody talks to it over TCP on the loopback, without TLS.

  transactions/s  one run a transaction, in three tables, with 1 KB of content
  runs/s          consensusd ingest, from inboxes of documents of 4 KB
  queries         on 10,000, 100,000 and 1,000,000 runs

`

// durable is what a server has that loses nothing. What is not named has the
// value that PostgreSQL comes with.
var durable = []string{
	"fsync = on", "full_page_writes = on", "synchronous_commit = on",
	"shared_buffers = 256MB", "max_wal_size = 4GB",
}

// A postgresBench is one run of the command.
type postgresBench struct {
	rounds      int
	amount      amount // of transactions, for each contender in each round
	runs        int    // recorded by daemons in each round
	calls       int    // of each query in each round
	connections []int
	sizes       []int // numbers of runs to query among
	profile     string

	server   *postgrestest.Server
	folder   string // for files of its own
	progress io.Writer
	table    table
}

func postgres(ctx context.Context, args []string, stdout, stderr io.Writer) (err error) {
	b, err := parsePostgres(args, stderr)
	if err != nil {
		return err
	}
	if b.server, err = postgrestest.Run(durable...); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.server.Close()) }()
	if b.folder, err = os.MkdirTemp("", "consensusd bench "); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(b.folder)) }()
	facts, err := b.facts(ctx)
	if err != nil {
		return err
	}
	for _, part := range []func(context.Context) error{b.transactions, b.daemons, b.queries} {
		if err := part(ctx); err != nil {
			return err
		}
	}
	fmt.Fprintf(stdout, "%s\n\n", facts)
	return b.table.print(stdout)
}

func parsePostgres(args []string, stderr io.Writer) (*postgresBench, error) {
	b := &postgresBench{progress: stderr, calls: 1000, connections: []int{1, 4, 8}, sizes: []int{10_000, 100_000, 1_000_000}}
	var smoke bool
	flags := flag.NewFlagSet("postgres", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() {
		fmt.Fprint(stderr, postgresUsage)
		flags.PrintDefaults()
	}
	flags.IntVar(&b.rounds, "rounds", 9, "`times` that each figure is measured; its median is printed")
	flags.IntVar(&b.amount.seconds, "seconds", 2, "`time` that transactions are made in each round")
	flags.IntVar(&b.runs, "runs", 4000, "`number` of runs that daemons record in each round, at least 64")
	flags.StringVar(&b.profile, "cpuprofile", "", "write a CPU profile of recording over 4 connections to `file`")
	flags.BoolVar(&smoke, "smoke", false, "do everything once, and so little of it that the figures mean nothing")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return nil, err
	case err != nil:
		return nil, errUsage
	case flags.NArg() > 0 || b.rounds < 1 || b.amount.seconds < 1 || b.runs < 64:
		flags.Usage()
		return nil, errUsage
	}
	if smoke {
		b.rounds, b.amount, b.runs, b.calls = 1, amount{transactions: 2}, 100, 10
		b.connections, b.sizes = []int{1, 2}, []int{100, 1000, 10_000}
	}
	return b, nil
}

// facts tells on what is measured, in one line.
func (b *postgresBench) facts(ctx context.Context) (string, error) {
	fsync, err := syncTime(b.server.Folder(), (*os.File).Sync)
	if err != nil {
		return "", err
	}
	fdatasync, err := syncTime(b.server.Folder(), dataSync)
	if err != nil {
		return "", err
	}
	var version string
	err = b.inDatabase(ctx, func(url string) error {
		return b.sql(url, func(db *sql.DB) error { return db.QueryRowContext(ctx, "SHOW server_version").Scan(&version) })
	})
	return fmt.Sprintf("%s, PostgreSQL %s, fsync %s ms, fdatasync %s ms; medians of %s",
		count(runtime.NumCPU(), "core"), version, number(fsync), number(fdatasync), count(b.rounds, "round")), err
}

// inDatabase calls do with the URL of a new database that has our tables, right
// after a checkpoint, and drops the database.
func (b *postgresBench) inDatabase(ctx context.Context, do func(url string) error) (err error) {
	url, drop, err := b.server.CreateDatabase(ctx)
	if err != nil {
		return err
	}
	url += "?sslmode=disable"
	defer func() { err = errors.Join(err, drop(context.WithoutCancel(ctx))) }()
	s, err := store.Open(ctx, url)
	if err != nil {
		return err
	}
	if err := s.Close(); err != nil {
		return err
	}
	if err := b.checkpoint(ctx, url); err != nil {
		return err
	}
	return do(url)
}

// checkpoint leaves the server nothing to write of what happened before.
func (b *postgresBench) checkpoint(ctx context.Context, url string) error {
	return b.sql(b.server.As(postgrestest.Superuser, url), func(db *sql.DB) error {
		_, err := db.ExecContext(ctx, "CHECKPOINT")
		return err
	})
}

// sql runs plain SQL past the store.
func (b *postgresBench) sql(url string, do func(*sql.DB) error) error {
	db, err := sql.Open("pgx", url)
	if err != nil {
		return err
	}
	return errors.Join(do(db), db.Close())
}
