package ingest

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func lockedHome(t *testing.T) (Home, *Lock) {
	t.Helper()
	h := Home(t.TempDir())
	if err := h.Create(); err != nil {
		t.Fatal(err)
	}
	l, err := h.Lock()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.flock.Unlock() })
	return h, l
}

// lookBackAfterKill gives the home up without a word, and returns how far its
// next daemon looks back.
func lookBackAfterKill(t *testing.T, h Home, l *Lock) (since time.Time, ok bool) {
	t.Helper()
	if err := l.flock.Unlock(); err != nil {
		t.Fatal(err)
	}
	next, err := h.Lock()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { next.flock.Unlock() })
	return next.Unsettled()
}

func TestTheMarkFollowsWhatIsMovedAtSomeDistance(t *testing.T) {
	h, l := lockedHome(t)
	begin := l.holder.Started.Add(-time.Hour) // so that no mark lies ahead
	if err := l.lookedAt(begin); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		says       string
		moved      bool
		at, markIs time.Duration
	}{
		{"nothing has moved", false, 10 * time.Second, -3 * time.Second},
		{"a file is moved", true, 20 * time.Second, 17 * time.Second},
		{"another, soon after", true, 21 * time.Second, 17 * time.Second},
		{"it may be moved again", false, 22 * time.Second, 19 * time.Second},
		{"it is behind all that moved", false, 24 * time.Second, 21 * time.Second},
		{"it rests there", false, 600 * time.Second, 21 * time.Second},
		{"the clock is set back, and a file moved", true, 5 * time.Second, beginning.Sub(begin)},
		{"it goes on from there", false, 7 * time.Second, 4 * time.Second},
	} {
		at := begin.Add(step.at)
		if step.moved {
			if err := l.moving(at); err != nil {
				t.Fatal(err)
			}
		}
		if err := l.lookedAt(at); err != nil {
			t.Fatal(err)
		}
		if written, err := h.readHolder(); err != nil || !written.Unsettled.Equal(begin.Add(step.markIs)) {
			t.Errorf("%s: the mark is at %s, %v, want %s", step.says, written.Unsettled.Sub(begin), err, step.markIs)
		}
	}
	if since, ok := lookBackAfterKill(t, h, l); !ok || !since.Equal(begin.Add(4*time.Second)) {
		t.Errorf("the next daemon looks back to %s, %v", since, ok)
	}
}

func TestAClockThatWasSetBackMakesTheNextDaemonLookAtEverything(t *testing.T) {
	for says, killed := range map[string]func(*Lock) error{
		"before the daemon was killed": func(l *Lock) error { return l.moving(l.holder.Started.Add(-time.Hour)) },
		"after it":                     func(l *Lock) error { return l.lookedAt(l.holder.Started.Add(time.Hour)) },
	} {
		h, l := lockedHome(t)
		if err := l.lookedAt(l.holder.Started); err != nil {
			t.Fatal(err)
		}
		l.mark.moved = l.holder.Started.Add(time.Hour)
		if err := killed(l); err != nil {
			t.Fatal(err)
		}
		if since, ok := lookBackAfterKill(t, h, l); !ok || !since.Equal(beginning) {
			t.Errorf("%s: the next daemon looks back to %s, %v", says, since, ok)
		}
	}
}

func TestATornLockMeansALookAtEverything(t *testing.T) {
	for _, torn := range []string{"", "{", `{"pid":7,"started":"2026-03-01T10:00:00Z","unset`, "\x00\x00\x00\x00", "null x"} {
		h, l := lockedHome(t)
		if err := os.WriteFile(h.lockPath(), []byte(torn), 0o644); err != nil {
			t.Fatal(err)
		}
		if since, ok := lookBackAfterKill(t, h, l); !ok || !since.Equal(beginning) {
			t.Errorf("%q: the next daemon looks back to %s, %v", torn, since, ok)
		}
	}
}

func TestTheLockIsNeverShorterThanItWas(t *testing.T) {
	h, l := lockedHome(t)
	if err := l.Announce("127.0.0.1:7910", Options{Expect: map[string][]string{"plan": {"claude", "gemini"}}}); err != nil {
		t.Fatal(err)
	}
	before, err := os.Stat(h.lockPath())
	if err != nil {
		t.Fatal(err)
	}
	if err := l.lookedAt(l.holder.Started); err != nil {
		t.Fatal(err)
	}
	if err := l.Release(true); err != nil {
		t.Fatal(err)
	}
	after, err := os.Stat(h.lockPath())
	if err != nil || after.Size() < before.Size() {
		t.Errorf("%d bytes, then %d, %v", before.Size(), after.Size(), err)
	}
	if since, ok := lookBackAfterKill(t, h, l); ok {
		t.Errorf("after a stop in good order the next daemon looks back to %s", since)
	}
}

func TestTheMarkMovesOnWithinALongPassUnlessSomethingWaitsOutside(t *testing.T) {
	for says, test := range map[string]struct {
		waits func(*Ingester)
		moves bool
	}{
		"all is settled":                     {func(*Ingester) {}, true},
		"a version waits":                    {func(in *Ingester) { in.again = []file{{}} }, false},
		"one is being read":                  {func(in *Ingester) { in.queued = true }, false},
		"one waits for its run":              {func(in *Ingester) { in.parts["x"] = &part{file: file{place: settledPlace}} }, false},
		"one is left to the next daemon":     {func(in *Ingester) { in.left = true }, false},
		"a part waits for its run, in inbox": {func(in *Ingester) { in.parts["x"] = &part{} }, true},
	} {
		_, l := lockedHome(t)
		in := New("", nil, Options{})
		in.lock = l
		if err := l.moving(wallClock()); err != nil {
			t.Fatal(err)
		}
		test.waits(in)
		p := &pass{in: in, memory: newMemory(1)}
		if err := p.commit(t.Context()); err != nil {
			t.Fatal(err)
		}
		if moved := l.holder.Unsettled.After(beginning); moved != test.moves {
			t.Errorf("%s: the mark is at %s", says, l.holder.Unsettled)
		}
	}
}

func TestALookBackReadsWhatChangedSinceTheMarkAndNothingElse(t *testing.T) {
	h, l := lockedHome(t)
	now := time.Now().UTC()
	write := func(path ...string) string {
		t.Helper()
		file := filepath.Join(append([]string{string(h)}, path...)...)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte("{}"), 0o644); err != nil {
			t.Fatal(err)
		}
		return file
	}
	last := write("done", now.Format(time.DateOnly), "SPEC-1", "last.json")
	write("done", now.AddDate(0, 0, -2).Format(time.DateOnly), "old.json")
	write("failed", "explained.json")
	write("failed", "explained.json.reason.json")
	write("failed", "unexplained.json")
	info, err := os.Lstat(last)
	if err != nil {
		t.Fatal(err)
	}
	changed := stampOf(info).lastChange()
	for _, test := range []struct {
		since time.Time
		want  []string
	}{
		{beginning, []string{"old.json", "SPEC-1/last.json", "unexplained.json"}},
		{changed, []string{"SPEC-1/last.json", "unexplained.json"}},
		{changed.Add(1), []string{"unexplained.json"}},
	} {
		l.mark.since = test.since
		in := New(h, nil, Options{})
		if err := in.LookBack(t.Context(), l); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, f := range in.again {
			got = append(got, filepath.ToSlash(f.rel))
		}
		if len(got) != len(test.want) {
			t.Fatalf("since %s: %v, want %v", test.since, got, test.want)
		}
		for i := range got {
			if got[i] != test.want[i] {
				t.Errorf("since %s: %v, want %v", test.since, got, test.want)
			}
		}
	}
}
