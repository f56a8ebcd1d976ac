package ingest

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"github.com/consensusd/consensusd/store"
)

func TestRetriesComeLaterAndLaterWithinBounds(t *testing.T) {
	var r retry
	now := time.Now()
	for i, longest := range []time.Duration{250, 500, 1000, 2000, 4000, 5000, 5000, 5000} {
		longest *= time.Millisecond
		r.failed(now)
		if pause := r.at.Sub(now); pause < longest/2 || pause > longest {
			t.Errorf("attempt %d: a pause of %s, want %s to %s", i+1, pause, longest/2, longest)
		}
	}
	r.succeeded()
	r.failed(now)
	if pause := r.at.Sub(now); pause > minPause {
		t.Errorf("after a success: a pause of %s", pause)
	}
}

// The database fails twice; the attempts at each kind of document are counted,
// and noted when it is there again.
func TestAttemptsThatFailForTheMachinesFaultAreCounted(t *testing.T) {
	for name, text := range map[string]string{
		"run.json":  `{"run_id": "r", "spec_id": "S", "stage": "plan", "agents": [{"agent": "a", "content": "x"}]}`,
		"part.json": `{"run_id": "r", "spec_id": "S", "stage": "plan", "agent": "a", "content": "x"}`,
		"bad.json":  `[1]`,
	} {
		t.Run(name, func(t *testing.T) { countAttempts(t, name, text) })
	}
}

func countAttempts(t *testing.T, name, text string) {
	home := Home(t.TempDir())
	if err := home.Create(); err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(t.Context(), home.Database())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	closed, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "closed.db"))
	if err != nil {
		t.Fatal(err)
	}
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(home.Inbox(), name), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	in := New(home, closed, Options{})
	for range 2 {
		if _, err := in.pass(t.Context(), []source{{home.Inbox(), inboxPlace}}, nil); err == nil {
			t.Fatal("recorded into a database that is closed")
		}
	}
	in.store = s
	if err := in.Ingest(t.Context()); err != nil {
		t.Fatal(err)
	}
	var attempts int64
	if f, err := home.Failure(name); err == nil {
		attempts = f.Attempts
	} else if whole, err := s.Whole(t.Context(), "r"); err != nil || len(whole.Receipts) != 1 {
		t.Fatalf("%v, %v", whole.Receipts, err)
	} else {
		attempts = whole.Receipts[0].Attempts
	}
	if attempts != 3 {
		t.Errorf("%d attempts noted, want 3", attempts)
	}
	if len(in.tries) != 0 {
		t.Errorf("not forgotten: %v", in.tries)
	}
}

func TestAFileThatTheMachineCannotReadIsLeftAloneForAWhile(t *testing.T) {
	home := Home(t.TempDir())
	if err := home.Create(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(home.Inbox(), "x.json")
	write := func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("{}")
	f := file{inboxPlace, path, "x.json", false}
	synctest.Test(t, func(t *testing.T) {
		in := New(home, nil, Options{})
		begin := func() *pass {
			in.unreadable = map[string]error{}
			return &pass{in: in}
		}
		fail := func(p *pass) {
			info, err := os.Lstat(path)
			if err != nil {
				t.Fatal(err)
			}
			p.take(parcel{file: f, stamp: stampOf(info), err: &os.PathError{Op: "read", Path: path, Err: unix.EIO}})
		}
		fail(begin())
		p := begin()
		if p.wanted(f) || !errors.Is(in.unreadable[path], unix.EIO) || p.next.IsZero() {
			t.Errorf("read again at once, or not told of, or not again: %v, next %s", in.unreadable, p.next)
		}
		time.Sleep(maxPause)
		p = begin()
		if !p.wanted(f) {
			t.Error("not read again")
		}
		fail(p)
		if n := in.tries[path].n; n != 2 {
			t.Errorf("%d attempts counted, want 2", n)
		}
		write(`{"another": "version"}`)
		if !begin().wanted(f) {
			t.Error("another version is not read")
		}
	})
}
