package ingest

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// LookBack finds what was moved out of the inbox since the last daemon that
// stopped in good order: a producer may have put a new version in place of the
// one that was read just as it was moved. It is read once more from where it
// lies; what is recorded turns out to be. So is, whenever it came, what has no
// reason beside it in failed/. A folder that cannot be read is left to the next
// daemon. Who records the inbox calls it first, as Watch does.
func (in *Ingester) LookBack(ctx context.Context, lock *Lock) error {
	in.lock = lock
	since, unsettled := lock.Unsettled()
	if !unsettled {
		return in.lookIntoFailed(ctx, nil)
	}
	if err := in.lookIntoDone(ctx, since); err != nil {
		return err
	}
	// A reason that is there may yet be lost with the power, if who wrote it died
	// before its folder was synced.
	return in.lookIntoFailed(ctx, func(dir string) { in.leave(dir, syncDirs(dir)) })
}

// lookIntoFailed finds the files in failed/ that have no reason. Each folder is
// given to enter before it is read, if that is not nil.
func (in *Ingester) lookIntoFailed(ctx context.Context, enter func(dir string)) error {
	failed := source{in.home.Failed(), settledPlace}
	err := failed.scan(ctx, enter, func(f file) error {
		if strings.HasSuffix(f.path, reasonSuffix) {
			return nil
		}
		_, err := os.Lstat(f.path + reasonSuffix)
		if errors.Is(err, fs.ErrNotExist) {
			in.again = append(in.again, file{place: settledPlace, path: f.path, rel: f.rel})
			return nil
		}
		return in.leave(f.path, err)
	}, in.leave)
	return cmp.Or(ctx.Err(), in.leave(failed.root, err))
}

// leave leaves what cannot be looked at to the next daemon, unless err is nil.
func (in *Ingester) leave(path string, err error) error {
	if err != nil {
		in.leaveAt(path)
		in.tellOnce("cannot look back at", path, err)
	}
	return nil
}

// leaveAt notes that something at path is for the next daemon to look at.
func (in *Ingester) leaveAt(path string) {
	in.left = true
	if path != in.home.Failed() && !in.home.isFailed(path) {
		in.unseen = true
	}
}

// lookIntoDone finds what came to done/ or changed there since then. The folders
// of the days before hold nothing of the kind, and are not read.
func (in *Ingester) lookIntoDone(ctx context.Context, since time.Time) error {
	done := source{in.home.Done(), settledPlace}
	days, err := os.ReadDir(done.root)
	if err != nil {
		return in.leave(done.root, err)
	}
	for _, d := range days {
		day, err := time.Parse(time.DateOnly, d.Name())
		if !d.IsDir() || err == nil && day.Before(since.Truncate(24*time.Hour)) {
			continue
		}
		err = done.scanDir(ctx, d.Name(), nil, func(f file) error {
			info, err := os.Lstat(f.path)
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err != nil {
				return in.leave(f.path, err)
			}
			if f.ignored || stampOf(info).lastChange().Before(since) {
				return nil
			}
			_, rel, _ := strings.Cut(f.rel, string(filepath.Separator)) // behind the day's folder
			in.again = append(in.again, file{place: settledPlace, path: f.path, rel: rel})
			return nil
		}, in.leave)
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
	p := &pass{in: in, memory: newMemory(readAhead)}
	if err := p.read(ctx, nil, nil); err != nil {
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
