package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// doneSize is how many bytes an answer of a file in done/ has: files are counted here.
const doneSize = 100

// starts measures how soon a daemon records in a home that has recorded much,
// after one that stopped in good order and after one that was killed.
func (b *sqliteBench) starts(ctx context.Context) (err error) {
	c := corpus{name: "start"}
	if err := c.create(b.folder); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(string(c.home))) }()
	fmt.Fprintf(b.progress, "filling done/ with %s files and a database with %s receipts\n", number(float64(b.amounts.done)), number(float64(b.amounts.receipts)))
	if err := fillDatabase(ctx, c.home.Database(), b.amounts.receipts); err != nil {
		return err
	}
	day := filepath.Join(c.home.Done(), time.Now().UTC().Format(time.DateOnly))
	if err := os.Mkdir(day, 0o755); err != nil {
		return err
	}
	runs := b.amounts.receipts
	for ; runs < b.amounts.receipts+b.amounts.done; runs++ {
		text, err := document(runs, doneSize)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(day, fmt.Sprintf("run-%09d.json", runs)), text, 0o644); err != nil {
			return err
		}
	}
	syscall.Sync()
	if _, err := b.started(ctx, &c, &runs, syscall.SIGTERM); err != nil {
		return err // the first one looks at everything, and records it
	}
	after := func(what string, end syscall.Signal) *contender {
		return &contender{name: "start after " + what, unit: "ms", measure: func(ctx context.Context) (float64, error) {
			if _, err := b.started(ctx, &c, &runs, end); err != nil {
				return 0, err
			}
			took, err := b.started(ctx, &c, &runs, syscall.SIGTERM)
			return milliseconds(took), err
		}}
	}
	all := []*contender{after("a stop", syscall.SIGTERM), after("a kill", syscall.SIGKILL)}
	if err := alternate(ctx, b.progress, b.rounds, all); err != nil {
		return err
	}
	for _, a := range all {
		b.table.compare(a.name+" to a recorded run", a.figure(""), figure{1000, "ms", "allowed"}, atMost(1))
	}
	return nil
}

// started drops a document, starts a daemon, and says how long it took until the
// document was recorded; runs counts what is. Then it sends end.
func (b *sqliteBench) started(ctx context.Context, c *corpus, runs *int, end syscall.Signal) (took time.Duration, err error) {
	text, err := document(*runs, contentSize)
	if err != nil {
		return 0, err
	}
	if err := os.WriteFile(filepath.Join(c.home.Inbox(), fmt.Sprintf("start-%d.json", *runs)), text, 0o644); err != nil {
		return 0, err
	}
	*runs++
	begin := time.Now()
	d, err := b.watch(ctx, c)
	if err != nil {
		return 0, err
	}
	err = d.await(ctx, *runs)
	took = time.Since(begin)
	return took, errors.Join(err, d.end(end))
}
