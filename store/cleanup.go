package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"syscall"
	"time"

	"github.com/consensusd/consensusd/store/archive"
	"github.com/consensusd/consensusd/store/background"
)

// A Cleaned says what a cleanup did.
type Cleaned struct {
	Archived int64 `json:"archived"`              // runs that left the tables of runs
	Deleted  int64 `json:"deleted"`               // runs that left the archive
	Changed  int64 `json:"changed"`               // runs that were amended, pinned or restored meanwhile, and stay
	Listed   int64 `json:"listed"`                // runs in the archive that the database knew nothing of, as after it was lost
	Content  int64 `json:"content_bytes"`         // of the archived runs
	Archive  int64 `json:"archive_bytes"`         // of the archive's files now
	Before   int64 `json:"database_bytes_before"` // of its file, with what was in its log
	After    int64 `json:"database_bytes_after"`  // of its file
	LogHeld  bool  `json:"log_held"`              // by a reader: the database shrinks when it lets go
}

// rewriteRuns is how many runs are added to a file at a time: what is known of
// each is kept until its rows are deleted.
const rewriteRuns = 5000

// Cleanup works out what to do at the time now, as [Archive.Plan] does, and does
// it. Runs are written to the archive, and that is made durable, read back and
// verified, before their rows are deleted, in transactions of few runs each, from
// which a run is left out that was amended or pinned meanwhile. Then what has
// expired is deleted from the archive, and the disk space is given back.
// Interrupted anywhere, nothing is lost or doubled, and the next cleanup goes on.
//
// One at a time cleans, and none while a backup copies the archive: the error is
// [ErrCleaning] else, and there is no plan. A file that is damaged is left alone,
// and so are the runs that are in it or were to be; the others are dealt with, and
// the error, which may be several, tells of it. It works at a low priority where
// threads have one. progress is called with runs dealt with and of all.
func (a *Archive) Cleanup(ctx context.Context, keep Retention, now time.Time, progress func(done, all int64)) (*Plan, Cleaned, error) {
	if a.store.writer == nil {
		return nil, Cleaned{}, ErrReadOnly
	}
	release, err := a.lockFor("another cleanup")
	if err != nil {
		return nil, Cleaned{}, err
	}
	defer release()
	if err := archive.RemoveUnfinished(a.folder); err != nil {
		return nil, Cleaned{}, fmt.Errorf("remove what an interrupted cleanup left in %s: %w", a.folder, err)
	}
	plan, err := a.Plan(ctx, keep, now)
	if err != nil {
		return nil, Cleaned{}, err
	}
	c := &cleaning{archive: a, store: a.store, plan: plan, progress: progress}
	background.Do(func() { err = c.run(ctx) })
	return plan, c.result, err
}

// A cleaning is one cleanup under way. It holds the archive's lock.
type cleaning struct {
	archive  *Archive
	store    *Store
	plan     *Plan
	result   Cleaned
	damaged  map[string]bool // files that are left alone
	problems []error
	done     int64
	progress func(done, all int64)
}

func (c *cleaning) step(n int64) {
	c.done += n
	if c.progress != nil {
		c.progress(c.done, c.plan.Archive.Runs+c.plan.Delete.Runs)
	}
}

func (c *cleaning) problem(doing string, err error) {
	if err != nil {
		c.problems = append(c.problems, c.store.explain(doing, err))
	}
}

// leave leaves a file alone from now on.
func (c *cleaning) leave(file string, why error) {
	c.damaged[file] = true
	c.problem("clean up", why)
}

// goOn returns nil when err, from work on a file, is no reason to leave the
// others alone.
func (c *cleaning) goOn(file string, err error) error {
	var damaged *archive.DamagedError
	var wanted *wantedError
	if errors.As(err, &damaged) || errors.As(err, &wanted) || errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EIO) {
		c.leave(file, err)
		return nil
	}
	return err
}

// run carries out the plan. Whatever goes wrong, the disk space of what was
// deleted is given back; the next cleanup does so when this one is stopped. The
// error is all that went wrong, joined.
func (c *cleaning) run(ctx context.Context) (err error) {
	c.damaged = map[string]bool{}
	for _, file := range slices.Sorted(maps.Keys(c.plan.damaged)) {
		c.leave(file, c.plan.damaged[file])
	}
	c.result.Before, err = c.store.engine.fileBytes(ctx, c.store.reader)
	for _, part := range []func(context.Context) error{c.archiveAll, c.expire, c.sweep} {
		if err == nil {
			err = part(ctx)
		}
	}
	c.problem("clean up", err)
	if ctx.Err() == nil {
		c.result.LogHeld, err = c.store.engine.reclaim(ctx, c.store.writer)
		c.problem("give disk space back", err)
	}
	ctx = context.WithoutCancel(ctx) // also who stopped it is told what was done
	c.result.After, err = c.store.engine.fileBytes(ctx, c.store.reader)
	c.problem("measure the database", err)
	c.result.Archive, err = c.archive.bytes()
	c.problem("measure the archive", err)
	return errors.Join(c.problems...)
}

// archiveAll moves the runs that are old enough into the files of their months.
func (c *cleaning) archiveAll(ctx context.Context) error {
	months := map[string][]agingRun{}
	for _, r := range c.plan.aging {
		months[r.file()] = append(months[r.file()], r)
	}
	for _, file := range slices.Sorted(maps.Keys(months)) {
		for runs := range slices.Chunk(months[file], rewriteRuns) {
			if c.damaged[file] {
				break
			}
			if err := c.goOn(file, c.archiveRuns(ctx, file, runs)); err != nil {
				return err
			}
		}
	}
	return nil
}
