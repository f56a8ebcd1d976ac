package ingest

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/consensusd/consensusd/store"
)

// A lyingFile lies below done/ or failed/, and was read there.
func lyingFile(t *testing.T, path, text string) parcel {
	t.Helper()
	must(t, os.MkdirAll(filepath.Dir(path), 0o755))
	must(t, os.WriteFile(path, []byte(text), 0o644))
	c, err := readFile(path, 1<<20, false, nil)
	must(t, err)
	return parcel{file: file{place: settledPlace, path: path, rel: filepath.Base(path)}, stamp: c.stamp, fresh: c.fresh, sha256: c.sha256}
}

func TestAVersionThatCameAfterTheOneReadIsReadTooBeforeItsFateIs(t *testing.T) {
	h, _ := lockedHome(t)
	in := New(h, nil, Options{KeepDone: -1})
	recorded := lyingFile(t, filepath.Join(h.doneOn(time.Now()), "x.json"), "one")
	rejected := lyingFile(t, filepath.Join(h.Failed(), "y.json"), "one")
	rejected.rejection = &Rejection{Code: CodeNotObject}
	for _, p := range []parcel{recorded, rejected} {
		must(t, os.WriteFile(p.file.path, []byte("another"), 0o644)) // by somebody who has it open
	}
	s, err := in.settling()
	must(t, err)
	s.recorded, s.rejected = []parcel{recorded}, []parcel{rejected}
	s.move()
	in.settled(s)
	if want := []file{recorded.file, rejected.file}; !slices.Equal(in.again, want) {
		t.Errorf("to be read again are %v, want %v", in.again, want)
	}
	if b, err := os.ReadFile(recorded.file.path); string(b) != "another" {
		t.Errorf("in done/ is %q, %v", b, err)
	}
	if !isGone(rejected.file.path + reasonSuffix) {
		t.Error("it has the reason of another version")
	}
}

func TestWhatIsGoneTogetherWithItsFolderIsLookedForByTheNextDaemon(t *testing.T) {
	for says, test := range map[string]struct {
		gone    string
		settled bool
	}{"the file alone": {"day/x.json", true}, "its folder": {"day", false}} {
		h, l := lockedHome(t)
		in := New(h, nil, Options{})
		in.lock, in.watching = l, true
		p := lyingFile(t, filepath.Join(h.Done(), "day", "x.json"), "{}")
		in.again = []file{p.file}
		must(t, os.RemoveAll(filepath.Join(h.Done(), test.gone)))
		if _, err := in.pass(t.Context(), nil, nil); err != nil {
			t.Fatal(err)
		}
		if in.Settled() != test.settled {
			t.Errorf("%s is gone: settled %t", says, in.Settled())
		}
	}
}

func TestMovesThatCouldNotBeSyncedAreLookedAtByTheNextDaemon(t *testing.T) {
	in := New("", nil, Options{})
	in.settled(&settling{unsynced: true})
	if in.Settled() {
		t.Error("settled")
	}
}

// No scan meets it: it waits all the same.
func TestAFileOutsideOfTheInboxIsNotReadAgainBeforeItIsTime(t *testing.T) {
	h, l := lockedHome(t)
	p := lyingFile(t, filepath.Join(h.Done(), "day", "x.json"), "{")
	for says, wait := range map[string]func(*Ingester){
		"it could not be read": func(in *Ingester) { in.tried(p.file, p.stamp, errors.New("input/output error")) },
		"it is unfinished": func(in *Ingester) {
			in.unfinished[p.file.path] = unfinished{stamp: p.stamp, since: time.Now()}
		},
	} {
		in := New(h, nil, Options{})
		in.lock, in.watching, in.again = l, true, []file{p.file}
		wait(in)
		look, err := in.pass(t.Context(), nil, nil)
		if err != nil || look.done != 0 || !slices.Equal(in.again, []file{p.file}) || in.Settled() {
			t.Errorf("%s: read %d, then waits %v, %v", says, look.done, in.again, err)
		}
		if pause := time.Until(look.next); pause <= minReread {
			t.Errorf("%s: it is looked at after %s", says, pause)
		}
	}
}

func TestAFileThatCannotBeLookedAtRestsLikeAnyOther(t *testing.T) {
	p := &pass{in: New("", nil, Options{})}
	if p.rested(unfinished{since: time.Now()}) {
		t.Error("it is rejected at once")
	}
	if !p.rested(unfinished{since: time.Now().Add(-time.Hour)}) {
		t.Error("it is never rejected")
	}
}

// Its attempts and events are those of deciding its fate, not of moving it.
func TestOnlyTheMoveOfAStuckFileIsTriedAgain(t *testing.T) {
	in, h, _ := blockedHome(t)
	var events []Event
	in.opts.OnEvent = func(e Event) { events = append(events, e) }
	must(t, os.WriteFile(filepath.Join(h.Inbox(), "bad.json"), []byte("[]"), 0o644))
	sources := []source{{h.Inbox(), inboxPlace}}
	for range 5 {
		in.moving.at = time.Time{}
		if _, err := in.pass(t.Context(), sources, nil); err != nil {
			t.Fatal(err)
		}
		if len(in.stuck) != 1 || len(events) != 1 {
			t.Fatalf("stuck %v, events %v", in.stuck, events)
		}
	}
	must(t, os.Remove(h.Failed()))
	must(t, h.Create())
	in.moving.at = time.Time{}
	if _, err := in.pass(t.Context(), sources, nil); err != nil {
		t.Fatal(err)
	}
	if f, err := h.Failure("bad.json"); err != nil || f.Attempts != 1 || len(events) != 1 || len(in.stuck) != 0 {
		t.Errorf("failure %+v, %v; events %v, stuck %v", f, err, events, in.stuck)
	}
}

// A new version in the place of a stuck one is new work.
func TestANewVersionInThePlaceOfAStuckFileIsRecorded(t *testing.T) {
	in, h, _ := blockedHome(t)
	path := filepath.Join(h.Inbox(), "x.json")
	must(t, os.WriteFile(path, []byte("[]"), 0o644))
	sources := []source{{h.Inbox(), inboxPlace}}
	for _, text := range []string{"[]", `{"run_id": "r", "spec_id": "S", "stage": "plan", "agents": [{"agent": "a", "content": "x"}]}`} {
		must(t, os.WriteFile(path, []byte(text), 0o644))
		in.moving.at = time.Time{}
		if _, err := in.pass(t.Context(), sources, nil); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := in.store.Run(t.Context(), "r"); err != nil || len(in.stuck) != 0 {
		t.Errorf("run: %v, stuck %v", err, in.stuck)
	}
	if r, err := in.store.ReceiptsOf(t.Context(), hashOf(filepath.Join(h.doneOn(time.Now()), "x.json"))); err != nil || len(r) != 1 || r[0].State != string(store.Recorded) {
		t.Errorf("receipts of what is in done/: %+v, %v", r, err)
	}
}

// What is in the folder is found by a scan.
func TestAFolderThatTakesThePlaceOfAFileIsNotMovedAway(t *testing.T) {
	h, l := lockedHome(t)
	s, err := store.Open(t.Context(), h.Database())
	must(t, err)
	defer s.Close()
	in := New(h, s, Options{})
	in.lock, in.watching = l, true
	folder := func(path string) {
		must(t, os.Mkdir(path, 0o755))
		must(t, os.WriteFile(filepath.Join(path, "in.json"), []byte(`{"run_id": "r", "spec_id": "S", "stage": "plan", "agents": [{"agent": "a", "content": "x"}]}`), 0o644))
	}
	folder(filepath.Join(h.Inbox(), "read.json"))
	if c := in.open(t.Context(), file{place: inboxPlace, path: filepath.Join(h.Inbox(), "read.json"), rel: "read.json"}); !c.gone {
		t.Errorf("a folder is read as a file: %+v", c)
	}
	p := lyingFile(t, filepath.Join(h.Inbox(), "moved.json"), "[]")
	p.file.place = inboxPlace
	must(t, os.Remove(p.file.path))
	folder(p.file.path)
	moving, err := in.settling()
	must(t, err)
	moving.recorded = []parcel{p}
	moving.move()
	in.settled(moving)
	if _, err := in.pass(t.Context(), []source{{h.Inbox(), inboxPlace}}, nil); err != nil {
		t.Fatal(err)
	}
	if c := in.Counts(); c.Recorded != 1 || c.Duplicate != 1 || c.Rejected != 0 || !in.Settled() {
		t.Errorf("counts %+v, settled %t", c, in.Settled())
	}
}
