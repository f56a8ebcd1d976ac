package ingest

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

	"golang.org/x/sys/unix"
)

// Ingest records what is there now. Without paths that is the inbox, which the
// caller must have locked, and what [Ingester.LookBack] found; else the files and folders named, which are read in
// place and not touched. It waits for files that are still being written for
// as long as they may need, and then records every run as it is.
func (in *Ingester) Ingest(ctx context.Context, paths ...string) error {
	sources, err := in.sources(paths)
	if err != nil {
		return err
	}
	if err := in.readAgain(ctx); err != nil {
		return err
	}
	return in.readOnce(ctx, sources)
}

// readOnce records what is in the sources, and then every run as it is.
func (in *Ingester) readOnce(ctx context.Context, sources []source) error {
	for {
		p, err := in.pass(ctx, sources, nil)
		if err != nil {
			return err
		}
		if len(in.unfinished)+len(in.again) > 0 || in.anew {
			if !sleep(ctx, max(time.Until(p.next), minReread)) {
				return ctx.Err()
			}
			continue
		}
		done, err := in.closeAll(ctx)
		in.roots.close()
		if err != nil {
			return err
		}
		if done && in.Settled() {
			err = in.lock.lookedAt(wallClock())
		}
		if done {
			return errors.Join(err, in.unreadableError(), in.stuckError())
		}
	}
}

// unreadableError is about what the last scan could not read, nil when it read
// everything.
func (in *Ingester) unreadableError() error {
	for _, path := range slices.Sorted(maps.Keys(in.unreadable)) {
		return fmt.Errorf("%s (the first of %d that cannot be read or recorded now; all else is recorded): %w", path, len(in.unreadable), in.unreadable[path])
	}
	return nil
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
// it is gone; the files wait where they are. It ends with [ErrLockGone] when its
// lock does not keep other daemons out any more.
func (in *Ingester) Watch(ctx context.Context, lock *Lock) error {
	sources := []source{{in.home.Inbox(), inboxPlace}}
	for _, dir := range in.opts.Observe {
		if info, err := os.Stat(dir); err != nil || !info.IsDir() {
			return fmt.Errorf("observe %s: not a folder that can be read", dir)
		}
		sources = append(sources, source{filepath.Clean(dir), inPlace})
	}
	if err := in.LookBack(ctx, lock); err != nil {
		if ctx.Err() != nil {
			return nil // stopped; the next daemon looks back again
		}
		return err
	}
	hints := newHinter(in.opts.Log, &in.overflows)
	hints.roots = sources
	ctx, cancel := context.WithCancel(ctx)
	listening := make(chan struct{})
	go func() {
		defer close(listening)
		hints.run(ctx)
	}()
	in.watching = true
	var r retry
	var gone error
	follow(ctx, hints.hints, in.opts.Rescan, func(ctx context.Context) (time.Time, bool) {
		if err := in.lock.check(); errors.Is(err, ErrLockGone) {
			gone = err
			cancel()
			return time.Time{}, false
		}
		next := in.look(ctx, &r, sources, hints)
		return next, in.news
	})
	cancel()
	<-listening
	return gone
}

// Settled reports whether nothing waits outside of the inbox, where only a
// look back would find it.
func (in *Ingester) Settled() bool { return !in.left && in.lookedAtAll() }

// lookedAtAll is Settled but for what this daemon leaves to the next.
func (in *Ingester) lookedAtAll() bool {
	for _, p := range in.parts {
		if p.file.place == settledPlace {
			return false
		}
	}
	for _, s := range in.stuck {
		if s.file.place == settledPlace {
			return false
		}
	}
	return len(in.again) == 0 && !in.queued && in.behind == nil
}

// look is one scan of the daemon: it notes trouble, and tries again later.
func (in *Ingester) look(ctx context.Context, r *retry, sources []source, hints *hinter) time.Time {
	in.news = false
	if in.Trouble() != nil && time.Now().Before(r.at) {
		return r.at
	}
	before := hints.announced()
	in.countInbox(ctx)
	if err := in.home.remake(); err != nil {
		in.tellOnce("cannot use done/ and failed/ of", string(in.home), err)
	}
	p := &pass{}
	err := in.readAgain(ctx)
	if err == nil {
		p, err = in.pass(ctx, sources, hints.enter)
	}
	if err == nil && in.Settled() {
		err = in.lock.lookedAt(wallClock())
	}
	if err == nil && !in.unseen && in.lookedAtAll() {
		in.pruneDone(time.Now())
	}
	in.noteUnmoved()
	unread := in.unreadableError()
	if err != nil {
		in.counting = false
		return in.fail(ctx, r, err)
	}
	in.unread.Store(&unread)
	if in.trouble.Swap(nil) != nil {
		in.opts.Log.Info("recording again")
	}
	r.succeeded()
	in.finished(ctx, p, hints.announced().since(in.announced))
	in.announced = before
	return p.next
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

// Warnings are what is wrong although a run could be recorded: files or folders
// that cannot be read, or belong to a run that is damaged.
func (in *Ingester) Warnings() []string {
	if err := in.unread.Load(); err != nil && *err != nil {
		return []string{(*err).Error()}
	}
	return nil
}

// Ready returns nil when a run could be recorded now and its files moved away,
// else why not.
func (in *Ingester) Ready(ctx context.Context) error {
	if t := in.Trouble(); t != nil {
		return t.Err
	}
	for _, dir := range []string{in.home.Inbox(), in.home.Done(), in.home.Failed()} {
		if err := unix.Access(dir, unix.R_OK|unix.W_OK|unix.X_OK); err != nil {
			return &fs.PathError{Op: "use folder", Path: dir, Err: err}
		}
	}
	if err := in.unmoved.Load(); err != nil {
		return *err
	}
	return in.store.Probe(ctx)
}
