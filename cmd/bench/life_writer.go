package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"time"

	"github.com/consensusd/consensusd/store"
)

// A burden is what consensusd does beside a writer, once, and then again until
// the writer has made enough commits.
type burden struct {
	command []string // nothing, when there is none
	enough  int      // commits
	leaves  int      // runs of those that were there
}

// writing measures commits while old runs are cleaned up or backed up by a
// process of its own, and while nothing else happens.
func (b *sqliteBench) writing(ctx context.Context, old *corpus) error {
	measure := func(name string, beside burden) *spread {
		return spreadOf(name, 100, func(ctx context.Context) (times []float64, err error) {
			err = old.inCopy(func(c *corpus) (err error) {
				times, err = b.commitsBeside(ctx, c, beside)
				return err
			})
			return times, err
		})
	}
	alone := measure("commits", burden{nil, b.amounts.commits, old.documents})
	cleanup := measure("commits during a cleanup", burden{[]string{"cleanup", "--quiet-days", "0"}, 1, 0})
	backup := measure("commits during a backup", burden{[]string{"backup"}, b.amounts.commits / 2, old.documents})
	if err := alternate(ctx, b.progress, b.rounds, []*contender{&alone.contender, &cleanup.contender, &backup.contender}); err != nil {
		return err
	}
	for _, s := range []*spread{cleanup, backup} {
		b.table.compare("4 KB: "+s.name+", 99 of 100", s.slow(""), alone.slow("without"), atMost(3))
	}
	return nil
}

// commitsBeside returns how long commits to a database take, each of one new run,
// one after another, from the start of what consensusd does beside to its end.
func (b *sqliteBench) commitsBeside(ctx context.Context, c *corpus, beside burden) (times []float64, err error) {
	s, err := store.Open(ctx, c.home.Database())
	if err != nil {
		return nil, err
	}
	for err == nil && len(times) < beside.enough {
		if beside.command == nil {
			times, err = commitOneMore(ctx, s, times)
		} else {
			times, err = commitDuring(ctx, s, times, b.consensusd(ctx, c, beside.command...))
		}
	}
	if err := errors.Join(err, s.Close()); err != nil {
		return nil, err
	}
	fmt.Fprintf(b.progress, "%d commits\n", len(times))
	return times, mustHold(ctx, c.home.Database(), int64(beside.leaves+len(times)))
}

// commitDuring commits runs from the start of a process to its end.
func commitDuring(ctx context.Context, s *store.Store, times []float64, cmd *exec.Cmd) ([]float64, error) {
	ended := make(chan error, 1)
	go func() {
		_, err := timed(cmd)
		ended <- err
	}()
	for {
		select {
		case err := <-ended:
			return times, err
		default:
		}
		var err error
		if times, err = commitOneMore(ctx, s, times); err != nil {
			return times, errors.Join(err, <-ended)
		}
	}
}

// newer is the first run that no corpus has.
const newer = 1_000_000_000

// commitOneMore commits a run that is not there yet, of 4 KB, and adds how long
// it took.
func commitOneMore(ctx context.Context, s *store.Store, times []float64) ([]float64, error) {
	c := corpus{content: contentSize, documents: specRuns}
	r := c.recordAt(newer+len(times), time.Now())
	begin := time.Now()
	outcome, err := s.Record(ctx, r)
	if err == nil && outcome != store.Recorded {
		err = fmt.Errorf("a new run is %s", outcome)
	}
	return append(times, milliseconds(time.Since(begin))), err
}
