package store

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

// A transaction that failed for a passing reason is tried again, within bounds:
// who has more patience calls again.
const (
	maxAttempts = 8
	maxTrying   = 20 * time.Second
	minPause    = 20 * time.Millisecond
)

// errVanished reports a row that another program deleted between two statements
// of a transaction.
var errVanished = errors.New("row was deleted meanwhile")

// repeat calls attempt, which is a whole transaction, until it succeeds, fails
// for good, or has failed for passing reasons often and long enough. Its last
// error then tells the first one too, which is often the cause.
func (s *Store) repeat(ctx context.Context, attempt func(context.Context) error) error {
	var first error
	begin := time.Now()
	pause := minPause
	for n := 1; ; n++ {
		bounded, cancel := s.engine.deadline(ctx, int(s.slow.Load()))
		err := attempt(bounded)
		tooSlow := bounded.Err() != nil && ctx.Err() == nil
		cancel()
		switch {
		case tooSlow:
			s.slow.Add(1)
		case err == nil:
			s.slow.Store(0)
		}
		if err == nil || !errors.Is(err, errVanished) && !s.engine.transient(err) {
			return err
		}
		if first == nil {
			first = err
		}
		s.engine.reconnect(s.writer)
		if n == maxAttempts || time.Since(begin) > maxTrying || !wait(ctx, pause/2+rand.N(pause)) {
			return gaveUp(n, time.Since(begin), s.engine.explain(first), s.engine.explain(err))
		}
		pause *= 2
	}
}

func gaveUp(attempts int, after time.Duration, first, last error) error {
	if attempts == 1 {
		return last
	}
	if first.Error() == last.Error() {
		return fmt.Errorf("%w, %d times in %s", last, attempts, after.Round(time.Millisecond))
	}
	return fmt.Errorf("%w, after %d attempts in %s, of which the first: %s", last, attempts, after.Round(time.Millisecond), first)
}

// wait reports whether ctx is still wanted after d.
func wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return ctx.Err() == nil
	}
}
