package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/consensusd/consensusd/store"
)

// A burden is what consensusd does beside a writer, once, and then again until
// the writer has made enough commits.
type burden struct {
	work   func(context.Context, *store.Store, *corpus) error // nil, when there is none
	enough int                                                // commits
	leaves int                                                // runs of those that were there
}

// writing measures commits while old runs are cleaned up or backed up, by a process
// of its own and by the writer's, as the daemon does daily; and while nothing else
// happens.
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
	few, all := b.amounts.commits/2, old.documents
	alone := measure("commits", burden{nil, b.amounts.commits, all})
	beside := []*spread{
		measure("commits during a cleanup", burden{b.process("cleanup", "--quiet-days", "0"), 1, 0}),
		measure("commits during the daemon's own cleanup", burden{cleanUp, 1, 0}),
		measure("commits during a backup", burden{b.process("backup"), few, all}),
		measure("commits during the daemon's own backup", burden{backUp, few, all}),
	}
	contenders := []*contender{&alone.contender}
	for _, s := range beside {
		contenders = append(contenders, &s.contender)
	}
	if err := alternate(ctx, b.progress, b.rounds, contenders); err != nil {
		return err
	}
	for _, s := range beside {
		b.table.compare("4 KB: "+s.name+", 99 of 100", s.slow(""), alone.slow("without"), atMost(3))
	}
	return nil
}

// process is a command as a burden.
func (b *sqliteBench) process(command ...string) func(context.Context, *store.Store, *corpus) error {
	return func(ctx context.Context, _ *store.Store, c *corpus) error {
		_, err := timed(b.consensusd(ctx, c, command...))
		return err
	}
}

func cleanUp(ctx context.Context, s *store.Store, c *corpus) error {
	keep := store.Retention{Active: 30 * 24 * time.Hour, Archived: 90 * 24 * time.Hour}
	_, _, err := s.Archive(c.home.Archive()).Cleanup(ctx, keep, time.Now(), nil)
	return err
}

func backUp(ctx context.Context, s *store.Store, c *corpus) error {
	_, err := s.Backup(ctx, store.Backups(c.home.Backups()), s.Archive(c.home.Archive()), time.Now(), nil)
	return err
}

// commitsBeside returns how long commits to a database take, each of one new run,
// one after another, from the start of what consensusd does beside to its end.
func (b *sqliteBench) commitsBeside(ctx context.Context, c *corpus, beside burden) (times []float64, err error) {
	s, err := store.Open(ctx, c.home.Database())
	if err != nil {
		return nil, err
	}
	for err == nil && len(times) < beside.enough {
		if beside.work == nil {
			times, err = commitOneMore(ctx, s, times)
		} else {
			times, err = commitDuring(ctx, s, times, func() error { return beside.work(ctx, s, c) })
		}
	}
	if err := errors.Join(err, s.Close()); err != nil {
		return nil, err
	}
	fmt.Fprintf(b.progress, "%d commits\n", len(times))
	return times, mustHold(ctx, c.home.Database(), int64(beside.leaves+len(times)))
}

// commitDuring commits runs from the start of some work to its end.
func commitDuring(ctx context.Context, s *store.Store, times []float64, work func() error) ([]float64, error) {
	ended := make(chan error, 1)
	go func() { ended <- work() }()
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
