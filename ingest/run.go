package ingest

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// Ingest records what is there now. Without paths that is the inbox, which the
// caller must have locked; else the files and folders named, which are read in
// place and not touched. It waits for files that are still being written for
// as long as they may need, and then records every run as it is.
func (in *Ingester) Ingest(ctx context.Context, paths ...string) error {
	sources, err := in.sources(paths)
	if err != nil {
		return err
	}
	for {
		next, err := in.pass(ctx, sources, nil)
		if err != nil {
			return err
		}
		if len(in.unfinished)+len(in.again) > 0 {
			if !sleep(ctx, max(time.Until(next), minReread)) {
				return ctx.Err()
			}
			continue
		}
		if done, err := in.closeAll(ctx); done || err != nil {
			return err
		}
	}
}

func (in *Ingester) sources(paths []string) (sources []source, err error) {
	if len(paths) == 0 {
		return []source{{in.home.Inbox(), inboxPlace}}, nil
	}
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			return nil, err
		}
		at := namedPlace
		if info.IsDir() {
			at = inPlace
		}
		sources = append(sources, source{filepath.Clean(path), at})
	}
	return sources, nil
}

// Watch records what is dropped into the inbox, and what appears in the trees
// it observes, until ctx is done. It finishes the group it is at before it
// returns. Whatever keeps it from recording is kept as [Ingester.Trouble] until
// it is gone; the files wait where they are.
func (in *Ingester) Watch(ctx context.Context, lock *Lock) error {
	sources := []source{{in.home.Inbox(), inboxPlace}}
	for _, dir := range in.opts.Observe {
		if info, err := os.Stat(dir); err != nil || !info.IsDir() {
			return fmt.Errorf("observe %s: not a folder that can be read", dir)
		}
		sources = append(sources, source{filepath.Clean(dir), inPlace})
	}
	if err := in.lookBack(ctx, lock); err != nil {
		return err
	}
	hints := newHinter(in.opts.Log)
	ctx, cancel := context.WithCancel(ctx)
	listening := make(chan struct{})
	go func() {
		defer close(listening)
		hints.run(ctx)
	}()
	var r retry
	follow(ctx, hints.hints, in.opts.Rescan, func(ctx context.Context) time.Time {
		return in.look(ctx, &r, sources, hints.enter)
	})
	cancel()
	<-listening
	return nil
}

// look is one scan of the daemon: it notes trouble, and tries again later.
func (in *Ingester) look(ctx context.Context, r *retry, sources []source, enter func(string)) time.Time {
	if in.Trouble() != nil {
		if time.Now().Before(r.at) {
			return r.at
		}
		if err := in.store.Probe(ctx); err != nil {
			return in.fail(ctx, r, err)
		}
	}
	next, err := in.pass(ctx, sources, enter)
	if err == nil {
		err = in.pruneDone(time.Now())
	}
	if err != nil {
		return in.fail(ctx, r, err)
	}
	if in.trouble.Swap(nil) != nil {
		in.opts.Log.Info("recording again")
	}
	r.succeeded()
	return next
}

func (in *Ingester) fail(ctx context.Context, r *retry, err error) time.Time {
	if ctx.Err() != nil {
		return time.Time{} // stopping is no trouble
	}
	r.failed(time.Now())
	since := time.Now().UTC()
	if was := in.Trouble(); was != nil {
		since = was.Since
	}
	if was := in.trouble.Swap(&Trouble{err, since}); was == nil || was.Err.Error() != err.Error() {
		in.opts.Log.Error("cannot record, the files wait in the inbox", "error", err)
	}
	return r.at
}

// lookBack reads what was moved to done/ since the last daemon that stopped in
// good order, and is not recorded: a producer may have put a new version in
// place of the one that was recorded just as it was moved.
func (in *Ingester) lookBack(ctx context.Context, lock *Lock) error {
	since, unsettled := lock.Unsettled()
	if !unsettled {
		return nil
	}
	src := source{in.home.Done(), settledPlace}
	err := src.scan(ctx, nil, func(f file) error {
		info, err := os.Lstat(f.path)
		if err != nil || f.ignored || stampOf(info).lastChange().Before(since) {
			return nil
		}
		c, err := readFile(f.path, in.opts.MaxBytes, false)
		if err == nil {
			receipts, err := in.store.ReceiptsOf(ctx, c.sha256)
			if err != nil {
				return err
			}
			if len(receipts) > 0 && receipts[0].State != "rejected" {
				return nil
			}
		}
		_, rel, _ := cutFirst(f.rel) // the day's folder
		in.again = append(in.again, file{place: settledPlace, path: f.path, rel: rel})
		return nil
	})
	if err != nil {
		return err
	}
	return lock.Settled()
}

// cutFirst splits a path at its first folder.
func cutFirst(path string) (first, rest string, ok bool) {
	for i := range len(path) {
		if os.IsPathSeparator(path[i]) {
			return path[:i], path[i+1:], true
		}
	}
	return path, path, false
}

// pruneDone deletes the folders of done/ that are older than is kept.
func (in *Ingester) pruneDone(now time.Time) error {
	days, err := os.ReadDir(in.home.Done())
	if err != nil {
		return fmt.Errorf("prune done: %w", err)
	}
	oldest := now.Add(-max(in.opts.KeepDone, 0) - 24*time.Hour)
	for _, d := range days {
		day, err := time.Parse(time.DateOnly, d.Name())
		if err == nil && day.Before(oldest) {
			if err := os.RemoveAll(filepath.Join(in.home.Done(), d.Name())); err != nil {
				return fmt.Errorf("prune done: %w", err)
			}
		}
	}
	return nil
}

// Ready returns nil when a run could be recorded now, else why not.
func (in *Ingester) Ready(ctx context.Context) error {
	if t := in.Trouble(); t != nil {
		return t.Err
	}
	for _, dir := range []string{in.home.Inbox(), in.home.Done(), in.home.Failed()} {
		if err := unix.Access(dir, unix.R_OK|unix.W_OK|unix.X_OK); err != nil {
			return &fs.PathError{Op: "use folder", Path: dir, Err: err}
		}
	}
	return in.store.Probe(ctx)
}
