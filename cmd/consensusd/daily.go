package main

import (
	"context"
	"time"
)

const (
	// settleIn is how long a daemon that has just begun is left to what waits for it.
	settleIn = 5 * time.Minute
	// tryAgain is when what failed is tried again.
	tryAgain = time.Hour
	// clockCheck is how often the clock is looked at: a timer stands still while the
	// machine sleeps, and knows nothing of a clock that is set.
	clockCheck = time.Minute
)

// daily calls do again and again until ctx is done: every so often after last,
// which is zero when it was never done, and not just after the start. What fails
// is tried again within the hour.
func daily(ctx context.Context, every time.Duration, last time.Time, do func(context.Context) error) {
	now := wallClock()
	due := last.Add(every)
	if soonest := now.Add(min(every, settleIn)); due.Before(soonest) || last.After(now) {
		due = soonest
	}
	for waitUntil(ctx, due) {
		begun := wallClock()
		due = begun.Add(every)
		if err := do(ctx); err != nil {
			due = begun.Add(min(every, tryAgain))
		}
	}
}

// waitUntil reports whether the clock has reached due before ctx was done.
func waitUntil(ctx context.Context, due time.Time) bool {
	for {
		left := due.Sub(wallClock())
		if left <= 0 {
			return ctx.Err() == nil
		}
		select {
		case <-ctx.Done():
			return false
		case <-time.After(min(left, clockCheck)):
		}
	}
}

// wallClock is the time without the monotonic clock, which stands still while the
// machine sleeps.
func wallClock() time.Time { return time.Now().Round(0) }
