package ingest

import (
	"context"
	"time"
)

// maxRest is how long the daemon rests while there is something to record.
const maxRest = 5 * time.Millisecond

// follow calls scan at once, then after every hint, when scan said that
// something falls due, and in any case every rescan. Hints only say when to
// look: what is there is for scan to find out, and hints that come while it
// looks make it look once more. Between two scans it rests for as long as the
// last one took, so that hints that never pause neither starve nor saturate
// it, but only shortly when that one found something new: more is likely to
// wait. It returns when ctx is done.
func follow(ctx context.Context, hints <-chan struct{}, rescan time.Duration, scan func(context.Context) (next time.Time, news bool)) {
	for {
		begin := time.Now()
		next, news := scan(ctx)
		rest := min(time.Since(begin), rescan)
		if news {
			rest = min(rest, maxRest)
		}
		if !sleep(ctx, rest) {
			return
		}
		wait := rescan
		if !next.IsZero() {
			wait = min(wait, max(time.Until(next), 0))
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-hints:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// sleep waits for d and reports whether ctx is still wanted.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return ctx.Err() == nil
	}
}
