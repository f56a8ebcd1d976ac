package main

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/consensusd/consensusd/ingest"
	"github.com/consensusd/consensusd/store"
)

// drains compares consensusd with others on the same files.
func (b *sqliteBench) drains(ctx context.Context) error {
	for _, c := range b.amounts.corpora {
		if err := b.drain(ctx, &c); err != nil {
			return fmt.Errorf("documents of %s: %w", c.name, err)
		}
	}
	return nil
}

func (b *sqliteBench) drain(ctx context.Context, c *corpus) (err error) {
	fmt.Fprintf(b.progress, "writing %s documents of %s\n", number(float64(c.documents)), c.name)
	if err := c.create(b.folder); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(string(c.home))) }()
	if err := c.refill(); err != nil {
		return err
	}
	if _, err := b.ingested(ctx, c); err != nil {
		return err
	}
	rows, err := readRows(ctx, c.home.Database())
	if err != nil {
		return err
	}
	if err := b.compareSize(c); err != nil {
		return err
	}
	ours, watch := b.rate(c, "ingest", b.ingested), b.rate(c, "watch", b.watched)
	limit := b.rate(c, "insert limit", func(ctx context.Context, c *corpus) (time.Duration, error) { return rows.insert(ctx, c) })
	others, absent := b.others(c)
	if err := alternate(ctx, b.progress, b.rounds, append([]*contender{ours, watch, limit}, others...)); err != nil {
		return err
	}
	b.compareDrains(c, ours, watch, limit, others, absent)
	if b.profile == "" {
		return nil
	}
	return b.profileDrain(ctx, c)
}

// profileDrain records the corpus once more, within this process.
func (b *sqliteBench) profileDrain(ctx context.Context, c *corpus) (err error) {
	if err := errors.Join(c.refill(), os.MkdirAll(b.profile, 0o755)); err != nil {
		return err
	}
	s, err := store.Open(ctx, c.home.Database())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	stop, err := startProfile(filepath.Join(b.profile, strings.ReplaceAll(c.name, " ", "")+".cpu"))
	if err != nil {
		return err
	}
	defer stop()
	return ingest.New(c.home, s, ingest.Options{}).Ingest(ctx)
}

func (b *sqliteBench) compareDrains(c *corpus, ours, watch, limit *contender, others []*contender, absent []string) {
	targets := map[string]float64{"insert limit": c.limit, sqliteShell: c.shell, shellWAL: c.shell, pythonLoop: c.python}
	drain := c.name + ": runs from a backlog"
	for _, other := range append([]*contender{limit}, others...) {
		want := target{}
		if least := targets[other.of]; least > 0 {
			want = atLeast(least)
		}
		b.table.compare(drain, ours.figure(""), other.figure(other.of), want)
	}
	for _, name := range absent {
		b.table.absent(drain, ours.figure(""), name)
	}
	b.table.compare(c.name+": runs from a busy inbox", watch.figure(""), limit.figure(limit.of), target{})
}

// compareSize compares the recorded corpus with what was written into it.
func (b *sqliteBench) compareSize(c *corpus) error {
	info, err := os.Stat(c.home.Database())
	if err != nil {
		return err
	}
	want := target{}
	if c.content >= 10_000 {
		want = atMost(1.1)
	}
	b.table.compare(c.name+": the database's size", figure{float64(info.Size()) / 1e6, "MB", ""},
		figure{float64(c.contentBytes()) * float64(c.documents) / 1e6, "MB", "of contents"}, want)
	return nil
}

// rate is how many documents a second somebody records, who says how long they took.
func (b *sqliteBench) rate(c *corpus, of string, record func(context.Context, *corpus) (time.Duration, error)) *contender {
	return &contender{name: c.name + ", " + of, unit: "/s", of: of, measure: func(ctx context.Context) (float64, error) {
		if err := c.refill(); err != nil {
			return 0, err
		}
		took, err := record(ctx, c)
		return float64(c.documents) / took.Seconds(), err
	}}
}

// consensusd is the program under test, with this home.
func (b *sqliteBench) consensusd(ctx context.Context, c *corpus, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, b.program, append(args, "--quiet", "--home", string(c.home))...)
	cmd.Env = withoutPrefix(os.Environ(), "CONSENSUSD_")
	return cmd
}

// ingested lets consensusd ingest record the corpus.
func (b *sqliteBench) ingested(ctx context.Context, c *corpus) (time.Duration, error) {
	took, err := timed(b.consensusd(ctx, c, "ingest"))
	return took, errors.Join(err, c.mustHoldAll(ctx, c.home.Database()))
}

// timed runs a program and says how long it took.
func timed(cmd *exec.Cmd) (time.Duration, error) {
	var said bytes.Buffer
	cmd.Stderr = &said
	begin := time.Now()
	if err := cmd.Run(); err != nil {
		return 0, fmt.Errorf("%s: %w\n%s", filepath.Base(cmd.Path), err, &said)
	}
	return time.Since(begin), nil
}

// producers is how many programs drop files at once.
const producers = 2

// watched lets consensusd watch record the corpus while producers drop it, and
// says how long it took from the first drop to the last run.
func (b *sqliteBench) watched(ctx context.Context, c *corpus) (took time.Duration, err error) {
	waiting := filepath.Join(string(c.home), "waiting")
	if err := errors.Join(os.Rename(c.home.Inbox(), waiting), os.Mkdir(c.home.Inbox(), 0o755)); err != nil {
		return 0, err
	}
	files, err := os.ReadDir(waiting)
	if err != nil {
		return 0, err
	}
	d, err := b.watch(ctx, c)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, d.stop(), os.Remove(waiting)) }()
	var all sync.WaitGroup
	errs := make([]error, producers)
	begin := time.Now()
	for i := range producers {
		all.Go(func() {
			for n := i; n < len(files) && errs[i] == nil; n += producers {
				name := files[n].Name()
				errs[i] = os.Rename(filepath.Join(waiting, name), filepath.Join(c.home.Inbox(), name))
			}
		})
	}
	err = d.await(ctx, c.documents)
	took = time.Since(begin)
	all.Wait()
	return took, errors.Join(err, errors.Join(errs...), c.mustHoldAll(ctx, c.home.Database()))
}

// A daemon is a consensusd watch, and a reader of its database.
type daemon struct {
	cmd  *exec.Cmd
	said *bytes.Buffer
	db   *sql.DB
}

// patience is how long anything may take at most.
const patience = 2 * time.Minute

// watch starts a daemon and waits until it is recording.
func (b *sqliteBench) watch(ctx context.Context, c *corpus) (*daemon, error) {
	d := &daemon{cmd: b.consensusd(ctx, c, "watch", "--http", "off"), said: &bytes.Buffer{}}
	d.cmd.Stderr = d.said
	if err := d.cmd.Start(); err != nil {
		return nil, err
	}
	var err error
	if d.db, err = sql.Open("sqlite3", "file:"+c.home.Database()+"?mode=rw&_query_only=1"); err == nil {
		err = d.await(ctx, 0)
	}
	if err != nil {
		return nil, errors.Join(err, d.stop())
	}
	return d, nil
}

// await returns when so many runs were recorded in all since the database is new.
func (d *daemon) await(ctx context.Context, runs int) error {
	begin := time.Now()
	for pause := 200 * time.Microsecond; ; time.Sleep(pause) {
		var recorded int
		err := d.db.QueryRowContext(ctx, "SELECT COALESCE(MAX(rowid), 0) FROM consensus_runs").Scan(&recorded)
		if err == nil && recorded >= runs {
			return nil
		}
		if ctx.Err() != nil || time.Since(begin) > patience {
			return fmt.Errorf("%d of %d runs after %s: %w\n%s", recorded, runs, time.Since(begin), errors.Join(err, ctx.Err()), d.said)
		}
	}
}

func (d *daemon) stop() error { return d.end(syscall.SIGTERM) }

// end sends the daemon a signal and waits until it is gone.
func (d *daemon) end(signal syscall.Signal) error {
	if d.db != nil {
		d.db.Close()
	}
	if err := d.cmd.Process.Signal(signal); err != nil {
		return err
	}
	if err := d.cmd.Wait(); err != nil && signal != syscall.SIGKILL {
		return fmt.Errorf("consensusd watch: %w\n%s", err, d.said)
	}
	return nil
}
