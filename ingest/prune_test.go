package ingest

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A folder of done/ holds the files of one day, in UTC. It goes when the last
// moment of that day is longer ago than files are kept, and not before.
func TestAFolderOfDoneIsPrunedWhenAllInItIsOldEnough(t *testing.T) {
	const week = 7 * 24 * time.Hour
	midnight := time.Date(2026, 3, 10, 0, 0, 0, 0, time.UTC)
	days := []string{"2026-03-01", "2026-03-02", "2026-03-03", "2026-03-09", "2026-03-10"}
	for says, test := range map[string]struct {
		keep time.Duration
		now  time.Time
		left []string
	}{
		"a week, at midnight":         {week, midnight, days[1:]},
		"a week, just after midnight": {week, midnight.Add(1), days[2:]},
		"a week, just before":         {week, midnight.Add(-1), days[1:]},
		"a week, in another zone":     {week, midnight.In(time.FixedZone("", 14*60*60)), days[1:]},
		"what nobody has said":        {0, midnight.Add(1), days[2:]},
		"an hour":                     {time.Hour, midnight.Add(2 * time.Hour), days[4:]},
		"an hour, within it":          {time.Hour, midnight.Add(time.Hour), days[3:]},
		"nothing":                     {-1, midnight.Add(1), days[4:]},
		"ten years":                   {10 * 365 * 24 * time.Hour, midnight, days},
		"the clock was set back":      {week, midnight.AddDate(0, 0, -30), days},
	} {
		t.Run(says, func(t *testing.T) {
			h, _ := lockedHome(t)
			for _, day := range append(days[:len(days):len(days)], "no day", "2026-02-30") {
				must(t, os.MkdirAll(filepath.Join(h.Done(), day, "SPEC-1"), 0o755))
				must(t, os.WriteFile(filepath.Join(h.Done(), day, "SPEC-1", "a.json"), []byte("{}"), 0o644))
			}
			must(t, os.WriteFile(filepath.Join(h.Done(), "a file"), nil, 0o644))
			New(h, nil, Options{KeepDone: test.keep}).pruneDone(test.now)
			entries, err := os.ReadDir(h.Done())
			must(t, err)
			var left []string
			for _, e := range entries {
				if _, err := time.Parse(time.DateOnly, e.Name()); err != nil {
					continue
				}
				left = append(left, e.Name())
				if _, err := os.Stat(filepath.Join(h.Done(), e.Name(), "SPEC-1", "a.json")); err != nil {
					t.Error(err)
				}
			}
			if diff := cmp.Diff(test.left, left); diff != "" || len(entries) != len(left)+3 {
				t.Errorf("of %v are left:\n%s", entries, diff)
			}
		})
	}
}

// It is looked once an hour, and for the first time at once.
func TestPruningWaitsAnHour(t *testing.T) {
	h, _ := lockedHome(t)
	now := time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)
	in := New(h, nil, Options{})
	for _, look := range []struct {
		after  time.Duration
		prunes bool
	}{{0, true}, {pruneEvery - 1, false}, {pruneEvery, true}} {
		old := filepath.Join(h.Done(), "2020-01-01")
		must(t, os.MkdirAll(old, 0o755))
		in.pruneDone(now.Add(look.after))
		if _, err := os.Stat(old); os.IsNotExist(err) != look.prunes {
			t.Errorf("after %s: %v", look.after, err)
		}
	}
}
