package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"github.com/consensusd/consensusd/ingest"
	"github.com/consensusd/consensusd/store"
)

// many is how many daemons are compared with one.
const many = 4

// groupRuns is how many runs a daemon puts into a transaction at most.
const groupRuns = 64

// daemons compares many homes with one, and both with what the server bears.
func (b *postgresBench) daemons(ctx context.Context) error {
	program, err := build(ctx, b.folder, b.progress)
	if err != nil {
		return err
	}
	one, all := b.daemonContenders(program, 1), b.daemonContenders(program, many)
	if err := alternate(ctx, b.progress, b.rounds, append(one, all...)); err != nil {
		return err
	}
	b.compareDaemons(one, all)
	return nil
}

// compareDaemons holds many daemons to twice the rate of one, or to what
// pgbench reaches over as many connections.
func (b *postgresBench) compareDaemons(one, all []*contender) {
	limitOfOne, modeOfOne := faster(one[1], one[2])
	limit, mode := faster(all[1], all[2])
	want := atLeast(2)
	want.text += ", or pgbench's " + number(limit.median)
	want.missed = func(ratio float64) bool { return ratio < 2 && all[0].median < limit.median }
	ofOne, ofAll := "runs from 1 home", fmt.Sprintf("runs from %d homes at once", many)
	b.table.compare(ofAll, all[0].figure(""), one[0].figure("from 1 home"), want)
	b.table.compare(fmt.Sprintf("pgbench, transactions of %d runs", groupRuns),
		limit.figure(fmt.Sprintf("over %d connections %s", many, mode)), limitOfOne.figure("over 1 connection "+modeOfOne), target{})
	b.table.compare(ofOne, one[0].figure(""), limitOfOne.figure("pgbench, as above, over 1 connection"), target{})
	b.table.compare(ofAll, all[0].figure(""), limit.figure(fmt.Sprintf("pgbench, as above, over %d connections", many)), target{})
}

// daemonContenders are so many daemons, and pgbench over as many connections,
// first -M simple, then -M prepared, with all that is recorded of such documents.
func (b *postgresBench) daemonContenders(program string, n int) []*contender {
	simple := load{
		script:      "BEGIN;\n" + strings.Repeat(script("run.sql"), groupRuns) + "COMMIT;\n",
		connections: n, amount: b.amount, texts: texts(), numbers: map[string]int{"n": 0},
	}
	prepared := simple
	prepared.prepared = true
	name := fmt.Sprintf("runs over %s, %d a transaction, pgbench -M ", count(n, "connection"), groupRuns)
	return []*contender{
		{name: "runs from " + count(n, "home"), unit: "/s", measure: func(ctx context.Context) (float64, error) {
			return b.ingestRate(ctx, program, n)
		}},
		b.pgbenchRate(name+"simple", groupRuns, simple),
		b.pgbenchRate(name+"prepared", groupRuns, prepared),
	}
}

// build makes the program that is measured in folder, with the race detector if
// this one has it, so that a test finds it half made.
func build(ctx context.Context, folder string, progress io.Writer) (program string, err error) {
	program = filepath.Join(folder, "consensusd")
	args := []string{"build", "-o", program}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "-race" {
				args = append(args, "-race="+s.Value)
			}
		}
	}
	fmt.Fprintln(progress, "building consensusd")
	cmd := exec.CommandContext(ctx, "go", append(args, "github.com/consensusd/consensusd/cmd/consensusd")...)
	cmd.Stderr = progress
	return program, cmd.Run()
}

// ingestRate returns the runs a second that as many daemons as homes record
// together in a new database, from the start of the first to the end of the last.
func (b *postgresBench) ingestRate(ctx context.Context, program string, homes int) (rate float64, err error) {
	folder := filepath.Join(b.folder, "homes")
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	runs := b.runs / homes
	for i := range homes {
		if err := fill(homeIn(folder, i), i*runs, runs, contentSize); err != nil {
			return 0, err
		}
	}
	syscall.Sync() // else the first commit writes the documents too
	err = b.inDatabase(ctx, func(url string) error {
		took, err := ingestAll(ctx, program, folder, homes, url)
		if err != nil {
			return err
		}
		rate = float64(homes*runs) / took.Seconds()
		return mustHold(ctx, url, int64(homes*runs))
	})
	return rate, err
}

func homeIn(folder string, i int) ingest.Home {
	return ingest.Home(filepath.Join(folder, fmt.Sprint("home", i)))
}

// ingestAll lets a daemon record every home, and returns how long the last took.
func ingestAll(ctx context.Context, program, folder string, homes int, url string) (took time.Duration, err error) {
	begin := time.Now()
	said := make([]bytes.Buffer, homes)
	started := make([]*exec.Cmd, homes)
	errs := make([]error, homes)
	for i := range homes {
		cmd := exec.CommandContext(ctx, program, "ingest", "--quiet", "--home", string(homeIn(folder, i)))
		cmd.Env = append(withoutPrefix(withoutPrefix(os.Environ(), "CONSENSUSD_"), "PG"), "CONSENSUSD_DB="+url)
		cmd.Stderr = &said[i]
		started[i], errs[i] = cmd, cmd.Start()
	}
	for i, cmd := range started {
		if errs[i] == nil {
			errs[i] = cmd.Wait()
		}
	}
	took = time.Since(begin)
	for i, err := range errs {
		if err != nil {
			errs[i] = fmt.Errorf("consensusd ingest: %w\n%s", err, &said[i])
		}
	}
	return took, errors.Join(errs...)
}

// mustHold fails when a database does not hold so many runs: what records less
// is no faster.
func mustHold(ctx context.Context, url string, runs int64) error {
	s, err := store.OpenReadOnly(ctx, url)
	if err != nil {
		return err
	}
	totals, err := s.Totals(ctx)
	if err == nil && totals.Runs != runs {
		err = fmt.Errorf("%d of %d runs are recorded", totals.Runs, runs)
	}
	return errors.Join(err, s.Close())
}
