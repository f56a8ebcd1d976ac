package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"time"
)

// cleanups measures cleanups of many runs as processes, once each, what they
// leave, and how soon what they archived is shown.
func (b *sqliteBench) cleanups(ctx context.Context) (err error) {
	c := corpus{name: "aging", content: lifeContent, documents: b.amounts.aging}
	defer func() { err = errors.Join(err, os.RemoveAll(string(c.home))) }()
	young := c.documents / 10
	if err := b.record(ctx, &c, young); err != nil {
		return err
	}
	var took time.Duration
	err = c.inCopy(func(all *corpus) (err error) {
		took, err = b.cleanedUp(ctx, all, 0, "--active-days", "1")
		return err
	})
	if err != nil {
		return err
	}
	b.table.compare(fmt.Sprintf("40 KB: cleanup of %s runs, a process, once", number(float64(c.documents))),
		figure{took.Seconds(), "s", ""}, figure{30, "s", "allowed"}, atMost(1))
	before, err := os.Stat(c.home.Database())
	if err != nil {
		return err
	}
	if _, err := b.cleanedUp(ctx, &c, young); err != nil {
		return err
	}
	after, err := os.Stat(c.home.Database())
	if err != nil {
		return err
	}
	b.table.compare(fmt.Sprintf("40 KB: the database's size after cleanup of %s of %s runs", number(float64(c.documents-young)), number(float64(c.documents))),
		figure{float64(after.Size()) / 1e6, "MB", ""}, figure{float64(before.Size()) / 1e6, "MB", "before"}, atMost(0.15))
	return b.shows(ctx, &c, young)
}

// cleanedUp runs consensusd cleanup, which is to leave so many runs.
func (b *sqliteBench) cleanedUp(ctx context.Context, c *corpus, left int, flags ...string) (took time.Duration, err error) {
	took, err = timed(b.consensusd(ctx, c, append([]string{"cleanup", "--quiet-days", "0"}, flags...)...))
	if err != nil {
		return 0, err
	}
	fmt.Fprintf(b.progress, "a cleanup that leaves %d of %d runs: %s\n", left, c.documents, took)
	return took, mustHold(ctx, c.home.Database(), int64(left))
}

// shows compares consensusd show of runs in the archive with that of young ones.
func (b *sqliteBench) shows(ctx context.Context, c *corpus, young int) error {
	show := func(which string, first, runs int) *contender {
		return b.processTime("show of "+which+" run", func() *exec.Cmd {
			return b.consensusd(ctx, c, "show", lifeRun(first+rand.IntN(runs)))
		})
	}
	old := c.documents - young
	archived, active := show("an archived", 0, old), show("an active", old, young)
	if err := alternate(ctx, b.progress, b.rounds, []*contender{archived, active}); err != nil {
		return err
	}
	b.table.compare(fmt.Sprintf("40 KB: show of one of %s archived runs, a process", number(float64(old))),
		archived.figure(""), active.figure("of an active one"), atMost(5))
	return nil
}
