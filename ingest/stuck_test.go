package ingest

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/consensusd/consensusd/store"
)

// A blockedHome has documents that failed after they were moved to done/, and
// something else in the place of failed/.
func blockedHome(t *testing.T, rels ...string) (*Ingester, Home, *Lock) {
	t.Helper()
	h, l := lockedHome(t)
	s, err := store.Open(t.Context(), h.Database())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	for _, rel := range rels {
		path := filepath.Join(h.Done(), rel)
		must(t, os.MkdirAll(filepath.Dir(path), 0o755))
		must(t, os.WriteFile(path, []byte("{"+rel), 0o644))
	}
	must(t, os.Remove(h.Failed()))
	must(t, os.WriteFile(h.Failed(), nil, 0o644))
	in := New(h, s, Options{Settle: time.Nanosecond})
	in.watching = true
	in.lock = l
	for _, rel := range rels {
		in.again = append(in.again, file{place: settledPlace, path: filepath.Join(h.Done(), rel), rel: filepath.Base(rel)})
	}
	return in, h, l
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// No scan visits done/: what cannot be moved out of it must not be forgotten,
// and not be pruned.
func TestABadVersionThatCannotLeaveDoneIsKeptUntilItCan(t *testing.T) {
	today := time.Now().UTC().Format(time.DateOnly)
	in, h, l := blockedHome(t, today+"/y.json", "2020-01-01/x.json")
	hints := newHinter(in.opts.Log, &in.overflows)
	sources := []source{{h.Inbox(), inboxPlace}}
	var r retry
	l.mark.since = beginning
	for range 2 {
		in.look(t.Context(), &r, sources, hints)
		if in.Settled() || in.unmoved.Load() == nil || !l.holder.Unsettled.Equal(beginning) {
			t.Fatalf("settled %t, unmoved %v, the mark at %s", in.Settled(), in.unmoved.Load(), l.holder.Unsettled)
		}
	}
	if _, err := os.Stat(filepath.Join(h.Done(), "2020-01-01/x.json")); err != nil {
		t.Errorf("it was pruned: %v", err)
	}
	must(t, os.Remove(h.Failed())) // and nobody makes it again but the daemon
	in.moving.at = time.Time{}
	in.look(t.Context(), &r, sources, hints)
	if failures, err := h.Failures(); err != nil || len(failures) != 2 || failures[0].Code == "" || failures[1].Code == "" {
		t.Errorf("failed: %+v, %v", failures, err)
	}
	if !in.Settled() || in.unmoved.Load() != nil || len(in.stuck) > 0 {
		t.Errorf("settled %t, unmoved %v, stuck %v", in.Settled(), in.unmoved.Load(), in.stuck)
	}
}

// What cannot be deleted is no reason not to record, nor to keep the rest.
func TestPruningGoesOnBesideAFolderThatStays(t *testing.T) {
	h, _ := lockedHome(t)
	in := New(h, nil, Options{})
	kept := time.Now().UTC().Add(-6 * 24 * time.Hour).Format(time.DateOnly)
	for _, day := range []string{"2020-01-01", "2020-01-02", "2020-01-03", kept, "no day"} {
		must(t, os.MkdirAll(filepath.Join(h.Done(), day, "SPEC-1"), 0o755))
	}
	in.pruneDone(time.Now())
	days, err := os.ReadDir(h.Done())
	if err != nil || len(days) != 2 || days[0].Name() != kept {
		t.Errorf("left are %v, %v", days, err)
	}
	must(t, os.RemoveAll(h.Done())) // is told of, and no more
	in.pruneDone(time.Now().Add(pruneEvery))
}

func TestALockWhoseFileIsReplacedIsNone(t *testing.T) {
	h, l := lockedHome(t)
	must(t, l.check())
	must(t, os.Remove(h.lockPath()))
	if err := l.check(); !errors.Is(err, ErrLockGone) {
		t.Errorf("deleted: %v", err)
	}
	other, err := h.Lock()
	must(t, err)
	if err := l.check(); !errors.Is(err, ErrLockGone) {
		t.Errorf("replaced: %v", err)
	}
	if err := l.write(); !errors.Is(err, ErrLockGone) {
		t.Errorf("written: %v", err)
	}
	must(t, l.Release(true))
	must(t, other.check())
	if holder, err := h.readHolder(); err != nil || holder.Unsettled.IsZero() {
		t.Errorf("it wrote into the other's: %+v, %v", holder, err)
	}
	must(t, os.Remove(h.lockPath()))
	in := New(h, nil, Options{})
	if err := in.Watch(t.Context(), other); !errors.Is(err, ErrLockGone) {
		t.Errorf("watch ended with %v", err)
	}
}

// The log of a machine whose disk is full of files that cannot be moved would
// fill what is left of it.
func TestWarningsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		in := New("", nil, Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
		warn := func() (lines int) {
			log.Reset()
			for i := range 3 * maxTold {
				in.tellOnce("cannot", fmt.Sprint(i), errors.New("full"))
			}
			return bytes.Count(log.Bytes(), []byte("\n"))
		}
		if n := warn() + warn(); n != maxTold+1 {
			t.Errorf("%d lines of twice %d warnings", n, 3*maxTold)
		}
		time.Sleep(toldFor)
		if n := warn(); n != maxTold+1 {
			t.Errorf("%d lines after an hour", n)
		}
	})
}

func TestWhatIsLeftToTheNextDaemonKeepsDoneFromBeingPrunedWhereItLiesThere(t *testing.T) {
	for says, test := range map[string]struct {
		leave func(*Ingester, Home)
		kept  bool
	}{
		"moves that could not be synced": {func(in *Ingester, _ Home) { in.settled(&settling{unsynced: true}) }, false},
		"a folder of failed/":            {func(in *Ingester, h Home) { in.leave(filepath.Join(h.Failed(), "x"), fs.ErrPermission) }, false},
		"failed/":                        {func(in *Ingester, h Home) { in.leave(h.Failed(), fs.ErrPermission) }, false},
		"a folder of done/":              {func(in *Ingester, h Home) { in.leave(h.doneOn(time.Now()), fs.ErrPermission) }, true},
	} {
		h, l := lockedHome(t)
		s, err := store.Open(t.Context(), h.Database())
		must(t, err)
		in := New(h, s, Options{})
		in.lock, in.watching = l, true
		old := h.doneOn(time.Now().AddDate(0, 0, -10))
		must(t, os.Mkdir(old, 0o755))
		test.leave(in, h)
		in.look(t.Context(), &retry{}, []source{{h.Inbox(), inboxPlace}}, newHinter(in.opts.Log, &in.overflows))
		must(t, s.Close())
		if in.Settled() || isGone(old) == test.kept {
			t.Errorf("%s: settled %t, an old folder pruned %t", says, in.Settled(), isGone(old))
		}
	}
}
