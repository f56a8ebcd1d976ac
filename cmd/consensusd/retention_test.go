package main

import (
	"context"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gofrs/flock"

	"github.com/consensusd/consensusd/store"
)

// told passes on what is logged.
type told chan string

func (told) Enabled(context.Context, slog.Level) bool { return true }
func (c told) WithAttrs([]slog.Attr) slog.Handler     { return c }
func (c told) WithGroup(string) slog.Handler          { return c }
func (c told) Handle(_ context.Context, r slog.Record) error {
	line := r.Message
	r.Attrs(func(a slog.Attr) bool { line += " " + a.String(); return true })
	c <- line
	return nil
}

// Whoever names very many days means for ever.
func TestVeryManyDaysAreNotNone(t *testing.T) {
	for n, want := range map[int]time.Duration{
		0: 0, 30: 30 * day, 36_500: 36_500 * day, 106_751: everDays * day, 106_752: everDays * day, 213_504: everDays * day, math.MaxInt: everDays * day,
	} {
		if keep := (&retaining{n, n, n}).policy(); keep != (store.Retention{Active: want, Archived: want, Quiet: want}) || keep.Active+keep.Archived != 2*want || 2*want < 0 {
			t.Errorf("%d days are %+v", n, keep)
		}
	}
}

func TestADailyCleanupWaitsForItsTurn(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "archive")
	s, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "consensus.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, _, err := s.Archive(folder).Cleanup(t.Context(), store.Retention{Active: day}, time.Now(), nil); err != nil {
		t.Fatal(err)
	}
	old := store.Record{Run: store.Run{RunID: "old", SpecID: "S", Stage: "plan", Timestamp: time.Now().Add(-2 * day).Unix()}}
	if _, err := s.RecordAll(t.Context(), []store.Entry{{Record: old}}); err != nil {
		t.Fatal(err)
	}
	backup := flock.New(filepath.Join(folder, ".lock"))
	if ok, err := backup.TryLock(); err != nil || !ok {
		t.Fatal(ok, err)
	}
	if err := os.WriteFile(backup.Path(), []byte("a backup (process 1)\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	log, done := make(told), make(chan error, 1)
	go func() {
		done <- tidyUp(t.Context(), s.Archive(folder), store.Retention{Active: day, Archived: day}, slog.New(log))
	}()
	if line := <-log; !strings.HasPrefix(line, "cleanup waits for its turn") || !strings.Contains(line, "a backup (process 1) is under way") {
		t.Error(line)
	}
	if err := backup.Unlock(); err != nil {
		t.Fatal(err)
	}
	if line := <-log; !strings.HasPrefix(line, "cleaned up archived=1 ") {
		t.Error(line)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}

	if ok, err := backup.TryLock(); err != nil || !ok {
		t.Fatal(ok, err)
	}
	defer backup.Unlock()
	ctx, stop := context.WithCancel(t.Context())
	go func() { done <- tidyUp(ctx, s.Archive(folder), store.Retention{Active: day}, slog.New(log)) }()
	<-log
	stop()
	if err := <-done; err == nil {
		t.Error("it was stopped, and says that all is done")
	}
}
