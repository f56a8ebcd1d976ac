package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/consensusd/consensusd/dbgen/sqlite"
	"github.com/consensusd/consensusd/store/archive"
)

// Reasons to give nothing up.
var (
	ErrFileThere = errors.New("it is there")                              // whatever is in it
	ErrElsewhere = errors.New("this home has no archive; another has it") // see [Archive.Elsewhere]
)

// A Loss is what is lost with a file of the archive that is gone.
type Loss struct {
	File  string     `json:"file"`
	Runs  int64      `json:"runs"`
	Specs []SpecRuns `json:"specs"` // in alphabetical order
}

// SpecRuns is how many runs of a spec there are.
type SpecRuns struct {
	SpecID string `json:"spec_id"`
	Runs   int64  `json:"runs"`
}

// Loss returns what is lost with a file, and changes nothing. The error is
// [ErrFileThere] or [ErrElsewhere] when nothing is lost, and [ErrNotFound] when the
// database says of no run that it is in such a file.
func (a *Archive) Loss(ctx context.Context, file string) (Loss, error) {
	specs := map[string]int64{}
	err := a.eachLost(ctx, file, func(runs []ArchivedRun) error {
		for _, r := range runs {
			specs[r.SpecID]++
		}
		return nil
	})
	if err == nil && len(specs) == 0 {
		err = ErrNotFound
	}
	l := Loss{File: file}
	for _, spec := range slices.Sorted(maps.Keys(specs)) {
		l.Specs = append(l.Specs, SpecRuns{spec, specs[spec]})
		l.Runs += specs[spec]
	}
	return l, a.store.explain("archive file "+file, err)
}

// Forget gives up the runs that were in a file which is gone, as if retention had
// deleted them: each gets its line in deleted.jsonl, then its row says so, in
// transactions of some runs each. Receipts stay. It returns what was lost, and how
// many runs are deleted: one that was restored meanwhile, where the file still is,
// is not. The errors are those of [Archive.Loss], and [ErrCleaning] while somebody
// else holds the archive. Interrupted, it goes on when it is called again. progress
// is called with runs dealt with and of all.
func (a *Archive) Forget(ctx context.Context, file string, now time.Time, progress func(done, all int64)) (lost Loss, deleted int64, err error) {
	if a.store.writer == nil {
		return lost, 0, ErrReadOnly
	}
	if lost, err = a.Loss(ctx, file); err != nil {
		return lost, 0, err // before anything is made
	}
	release, err := a.lockFor("consensusd archive forget")
	if err != nil {
		return lost, 0, err
	}
	defer release()
	if lost, err = a.Loss(ctx, file); err != nil {
		return lost, 0, err
	}
	var done int64
	err = a.eachLost(ctx, file, func(runs []ArchivedRun) error {
		n, err := a.giveUp(ctx, runs, now.UTC().Truncate(time.Second))
		deleted += n
		if done += int64(len(runs)); progress != nil {
			progress(done, lost.Runs)
		}
		return err
	})
	return lost, deleted, a.store.explain("forget archive file "+file, err)
}

func (a *Archive) giveUp(ctx context.Context, runs []ArchivedRun, now time.Time) (deleted int64, err error) {
	if err := a.noteDeleted(runs, now); err != nil {
		return 0, fmt.Errorf("note what is deleted: %w", err)
	}
	Step("noted")
	rows := make([]sqlite.ExpireRunParams, len(runs))
	for i, r := range runs {
		rows[i] = sqlite.ExpireRunParams{RunID: r.RunID, File: r.File, SHA256: r.SHA256}
	}
	return a.store.expireRuns(ctx, rows)
}

// eachLost calls do with the runs that the database says are in a file, some at a
// time, after it has seen each time that the file is not there.
func (a *Archive) eachLost(ctx context.Context, file string, do func([]ArchivedRun) error) error {
	month, err := archive.Month(file)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNotFound, err)
	}
	next := sqlite.ListArchivedRunsParams{Since: month.Unix(), Before: month.AddDate(0, 1, 0).Unix(), PageSize: planPage}
	for {
		if err := a.mustBeGone(file); err != nil {
			return err
		}
		runs, err := a.store.read().ListArchivedRuns(ctx, next)
		if err != nil || len(runs) == 0 {
			return err
		}
		last := runs[len(runs)-1]
		next.Before, next.BeforeID = last.Timestamp, last.RunID
		runs = slices.DeleteFunc(runs, func(r ArchivedRun) bool { return r.File != file })
		if err := do(runs); err != nil {
			return err
		}
	}
}

func (a *Archive) mustBeGone(file string) error {
	if a.Elsewhere() {
		return ErrElsewhere
	}
	if _, err := os.Stat(a.folder); err != nil && exists(a.folder) { // a link to a disk that is not there
		return err
	}
	_, err := os.Lstat(filepath.Join(a.folder, file))
	switch {
	case err == nil:
		return ErrFileThere
	case errors.Is(err, fs.ErrNotExist):
		return nil
	}
	return err
}
