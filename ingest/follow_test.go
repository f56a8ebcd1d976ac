package ingest

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// A diary notes when scans began, in virtual time.
type diary struct {
	begin time.Time
	scans []time.Duration
	takes time.Duration // that a scan lasts
	due   time.Duration // after a scan's beginning; 0 is nothing
	news  bool          // that a scan finds
}

func (d *diary) scan(context.Context) (next time.Time, news bool) {
	d.scans = append(d.scans, time.Since(d.begin))
	if d.due > 0 {
		next = time.Now().Add(d.due)
	}
	time.Sleep(d.takes)
	return next, d.news
}

// follows runs follow for so long beside whatever gives hints, and checks that
// it returns when it is told to.
func (d *diary) follows(t *testing.T, rescan, during time.Duration, hint func(ctx context.Context, hints chan struct{})) {
	t.Helper()
	d.begin = time.Now()
	ctx, cancel := context.WithCancel(t.Context())
	hints := make(chan struct{}, 1)
	done := make(chan struct{})
	go func() {
		defer close(done)
		follow(ctx, hints, rescan, d.scan)
	}()
	go hint(ctx, hints)
	time.Sleep(during)
	cancel()
	synctest.Wait()
	if d.takes > 0 {
		time.Sleep(d.takes) // a scan that is under way is finished
		synctest.Wait()
	}
	select {
	case <-done:
	default:
		t.Error("it goes on after it was told to stop")
	}
}

func noHints(context.Context, chan struct{}) {}

// offer hints unless there is a hint already, as a hinter does.
func offer(hints chan struct{}) { (&hinter{hints: hints}).hint() }

func TestItScansAtOnceAndThenFromTimeToTimeWithoutHints(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := diary{}
		d.follows(t, 5*time.Second, 16*time.Second, noHints)
		if want := []time.Duration{0, 5 * time.Second, 10 * time.Second, 15 * time.Second}; !slices.Equal(d.scans, want) {
			t.Errorf("scans at %v, want %v", d.scans, want)
		}
	})
}

func TestAHintIsFollowedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := diary{takes: 10 * time.Millisecond}
		d.follows(t, 5*time.Second, 6*time.Second, func(_ context.Context, hints chan struct{}) {
			time.Sleep(time.Second)
			offer(hints)
		})
		if want := []time.Duration{0, time.Second}; len(d.scans) < 2 || !slices.Equal(d.scans[:2], want) {
			t.Errorf("scans at %v, want %v first", d.scans, want)
		}
	})
}

func TestABurstOfHintsIsAtMostOneMoreScan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := diary{takes: 10 * time.Millisecond}
		d.follows(t, time.Minute, 30*time.Second, func(_ context.Context, hints chan struct{}) {
			time.Sleep(5 * time.Millisecond) // within the first scan
			for range 10_000 {
				offer(hints)
			}
			time.Sleep(10 * time.Second) // and while it waits
			for range 10_000 {
				offer(hints)
			}
		})
		if n := len(d.scans); n > 4 {
			t.Errorf("%d scans: at %v", n, d.scans)
		}
		if want := []time.Duration{0, 20 * time.Millisecond, 10*time.Second + 5*time.Millisecond}; !slices.Equal(d.scans[:3], want) {
			t.Errorf("scans at %v, want %v first", d.scans, want)
		}
	})
}

func TestHintsThatNeverPauseNeitherStarveNorSaturate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := diary{takes: 10 * time.Millisecond}
		d.follows(t, time.Minute, 10*time.Second, func(ctx context.Context, hints chan struct{}) {
			for ctx.Err() == nil {
				offer(hints)
				time.Sleep(100 * time.Microsecond)
			}
		})
		busy := time.Duration(len(d.scans)) * d.takes
		if busy > 5*time.Second+d.takes {
			t.Errorf("it scans for %s of 10s", busy)
		}
		last := d.scans[0]
		for _, at := range d.scans[1:] {
			if pause := at - last; pause > 30*time.Millisecond {
				t.Errorf("nobody looks between %s and %s", last, at)
			}
			last = at
		}
		if end := d.scans[len(d.scans)-1]; end < 9*time.Second {
			t.Errorf("the last scan is at %s of 10s", end)
		}
	})
}

func TestAScanThatTakesLongDoesNotDelayTheNextForLonger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := diary{takes: time.Minute}
		d.follows(t, 5*time.Second, 3*time.Minute, func(ctx context.Context, hints chan struct{}) {
			for ctx.Err() == nil {
				offer(hints)
				time.Sleep(time.Second)
			}
		})
		if want := []time.Duration{0, 65 * time.Second, 130 * time.Second}; !slices.Equal(d.scans, want) {
			t.Errorf("scans at %v, want %v", d.scans, want)
		}
	})
}

func TestWhereMoreIsLikelyToWaitItHardlyRests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := diary{takes: time.Second, news: true}
		d.follows(t, 5*time.Second, 10*time.Second, func(ctx context.Context, hints chan struct{}) {
			for ctx.Err() == nil {
				offer(hints)
				time.Sleep(100 * time.Microsecond)
			}
		})
		if n := len(d.scans); n != 10 {
			t.Errorf("%d scans of a second in 10 seconds: at %v", n, d.scans)
		}
		d = diary{takes: time.Millisecond, news: true}
		d.follows(t, 5*time.Second, time.Second, func(ctx context.Context, hints chan struct{}) {
			for ctx.Err() == nil {
				offer(hints)
				time.Sleep(100 * time.Microsecond)
			}
		})
		if busy := time.Duration(len(d.scans)) * d.takes; busy > time.Second/2+d.takes {
			t.Errorf("it scans for %s of a second, for a file a scan", busy)
		}
	})
}

func TestWhatFallsDueIsLookedAtInTime(t *testing.T) {
	for _, test := range []struct {
		says       string
		takes, due time.Duration
		want       []time.Duration
	}{
		{"in a second", 0, time.Second, []time.Duration{0, time.Second, 2 * time.Second, 3 * time.Second}},
		{"before a scan is over", 100 * time.Millisecond, 50 * time.Millisecond, []time.Duration{0, 200 * time.Millisecond, 400 * time.Millisecond, 600 * time.Millisecond}},
		{"later than the next scan", 0, time.Hour, []time.Duration{0, 5 * time.Second, 10 * time.Second, 15 * time.Second}},
		{"just when the scan has rested", 100 * time.Millisecond, 200 * time.Millisecond, []time.Duration{0, 200 * time.Millisecond, 400 * time.Millisecond, 600 * time.Millisecond}},
	} {
		t.Run(test.says, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := diary{takes: test.takes, due: test.due}
				d.follows(t, 5*time.Second, test.want[3]+time.Nanosecond, noHints)
				if len(d.scans) < 4 || !slices.Equal(d.scans[:4], test.want) {
					t.Errorf("scans at %v, want %v", d.scans, test.want)
				}
			})
		})
	}
}

func TestItStopsWhereverItIs(t *testing.T) {
	for says, test := range map[string]struct{ takes, during time.Duration }{
		"before it begins":       {0, 0},
		"within a scan":          {10 * time.Second, 5 * time.Second},
		"while it rests":         {2 * time.Second, 3 * time.Second},
		"while nothing happens":  {time.Millisecond, time.Second},
		"just as a scan is over": {time.Second, time.Second},
	} {
		t.Run(says, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := diary{takes: test.takes}
				d.follows(t, time.Minute, test.during, noHints)
				if n := len(d.scans); n > 1 {
					t.Errorf("%d scans", n)
				}
			})
		})
	}
}
