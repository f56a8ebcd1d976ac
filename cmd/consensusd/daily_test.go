package main

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestDailyWorkIsDoneWhenItIsDue(t *testing.T) {
	tests := map[string]struct {
		every time.Duration
		since time.Duration // when it was done last, before the start; 0 for never
		fail  int           // so many times at first
		takes time.Duration
		want  []time.Duration // after the start, within three days
	}{
		"never done":               {every: day, want: []time.Duration{5 * time.Minute, day + 5*time.Minute, 2*day + 5*time.Minute}},
		"done an hour ago":         {every: day, since: time.Hour, want: []time.Duration{23 * time.Hour, 47 * time.Hour, 71 * time.Hour}},
		"overdue":                  {every: day, since: 30 * day, want: []time.Duration{5 * time.Minute, day + 5*time.Minute, 2*day + 5*time.Minute}},
		"done in what is to come":  {every: 2 * day, since: -9 * day, want: []time.Duration{5 * time.Minute, 2*day + 5*time.Minute}},
		"fails twice":              {every: day, since: day, fail: 2, want: []time.Duration{5 * time.Minute, 65 * time.Minute, 125 * time.Minute, day + 125*time.Minute, 2*day + 125*time.Minute}},
		"takes longer than it may": {every: day, fail: 0, takes: 36 * time.Hour, want: []time.Duration{5 * time.Minute, 36*time.Hour + 5*time.Minute}},
		"more often than daily":    {every: 30 * time.Hour, since: time.Minute, want: []time.Duration{30*time.Hour - time.Minute, 60*time.Hour - time.Minute}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, stop := context.WithTimeout(t.Context(), 3*day)
				defer stop()
				start := time.Now()
				var last time.Time
				if tt.since != 0 {
					last = start.Add(-tt.since)
				}
				var got []time.Duration
				daily(ctx, tt.every, last, func(ctx context.Context) error {
					got = append(got, time.Since(start))
					select {
					case <-ctx.Done():
					case <-time.After(tt.takes):
					}
					if len(got) <= tt.fail {
						return errors.New("disk is full")
					}
					return nil
				})
				if diff := cmp.Diff(tt.want, got); diff != "" {
					t.Errorf("done at (-want +got):\n%s", diff)
				}
				if ended := time.Since(start); ended != 3*day {
					t.Errorf("it ended after %v", ended)
				}
			})
		})
	}
}
