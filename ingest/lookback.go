package ingest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// LookBack finds what was moved out of the inbox since the last daemon that
// stopped in good order: a producer may have put a new version in place of the
// one that was read just as it was moved. It is read once more from where it
// lies; what is recorded turns out to be, and what failed has its reason beside it.
// Who records the inbox calls it first, as Watch does.
func (in *Ingester) LookBack(ctx context.Context, lock *Lock) error {
	in.lock = lock
	since, unsettled := lock.Unsettled()
	if !unsettled {
		return nil
	}
	if err := in.lookIntoDone(ctx, since); err != nil {
		return err
	}
	failed := source{in.home.Failed(), settledPlace}
	return failed.scan(ctx, nil, func(f file) error {
		if strings.HasSuffix(f.path, reasonSuffix) {
			return nil
		}
		if _, err := os.Lstat(f.path + reasonSuffix); errors.Is(err, fs.ErrNotExist) {
			in.again = append(in.again, file{place: settledPlace, path: f.path, rel: f.rel})
		}
		return nil
	}, stopAt)
}

// lookIntoDone finds what came to done/ or changed there since then. The folders
// of the days before hold nothing of the kind, and are not read.
func (in *Ingester) lookIntoDone(ctx context.Context, since time.Time) error {
	done := source{in.home.Done(), settledPlace}
	days, err := os.ReadDir(done.root)
	if err != nil {
		return fmt.Errorf("look back: %w", err)
	}
	for _, d := range days {
		day, err := time.Parse(time.DateOnly, d.Name())
		if !d.IsDir() || err == nil && day.Before(since.Truncate(24*time.Hour)) {
			continue
		}
		err = done.scanDir(ctx, d.Name(), nil, func(f file) error {
			info, err := os.Lstat(f.path)
			if err != nil || f.ignored || stampOf(info).lastChange().Before(since) {
				return nil
			}
			_, rel, _ := strings.Cut(f.rel, string(filepath.Separator)) // behind the day's folder
			in.again = append(in.again, file{place: settledPlace, path: f.path, rel: rel})
			return nil
		}, stopAt)
		if err != nil {
			return err
		}
	}
	return nil
}

// readAgain reads what a look back found before anything else, and notes that it
// is through: a daemon that is killed again and again, at the head of a long
// queue, would else read ever more of done/ and come to nothing.
func (in *Ingester) readAgain(ctx context.Context) error {
	if in.lock == nil || in.lock.mark.since.IsZero() {
		return nil
	}
	again := in.again
	p := &pass{in: in, memory: newMemory(readAhead)}
	if err := p.read(ctx, nil, nil); err != nil {
		in.again = append(again, in.again...)
		return err
	}
	if !in.Settled() {
		return nil
	}
	return in.lock.lookedAt(wallClock())
}

// pruneEvery is how often it is looked whether something is to be pruned.
const pruneEvery = time.Hour

// pruneDone deletes the folders of done/ that are older than is kept. One that
// cannot be deleted is told of, and keeps nothing else from going on.
func (in *Ingester) pruneDone(now time.Time) {
	if now.Before(in.pruneAt) {
		return
	}
	in.pruneAt = now.Add(pruneEvery)
	days, err := os.ReadDir(in.home.Done())
	if err != nil {
		in.tellOnce("cannot prune", in.home.Done(), err)
	}
	oldest := now.Add(-max(in.opts.KeepDone, 0) - 24*time.Hour)
	for _, d := range days {
		day, err := time.Parse(time.DateOnly, d.Name())
		if err != nil || !day.Before(oldest) {
			continue
		}
		path := filepath.Join(in.home.Done(), d.Name())
		if err := os.RemoveAll(path); err != nil {
			in.tellOnce("cannot prune", path, err)
		}
	}
}
