package ingest_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/consensusd/consensusd/ingest"
)

// A kernel's tick is some milliseconds long: a file that is overwritten in place
// within it, by as many bytes, keeps its inode, its size and its time.
func TestAFileOverwrittenInPlaceWithinATickIsRecordedInBothVersions(t *testing.T) {
	h := newHouse(t)
	release := h.hold()
	read := make(chan bool, 100)
	d := h.watch(ingest.Options{OnProgress: func(int, int) { read <- true }})
	tick := time.Now().Add(time.Hour) // which therefore is not over yet
	staged, path := filepath.Join(h.Staging(), "x.json"), filepath.Join(h.Inbox(), "x.json")
	write := func(path, text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, tick, tick); err != nil {
			t.Fatal(err)
		}
	}
	write(staged, runDocument("first", "one"))
	if err := os.Rename(staged, path); err != nil {
		t.Fatal(err)
	}
	<-read
	write(path, runDocument("other", "two"))
	release()
	d.await(t, "the version that was read", isRun("first"))
	d.await(t, "the version that was written over it", isRun("other"))
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
	h.verify()
}

func TestAFileThatIsNamedLikeAReasonIsNoReason(t *testing.T) {
	h := newHouse(t)
	documents := map[string]string{ // name: text
		"x.json":                                `[1]`,
		"x.json.reason.json":                    `[2]`,
		"X.JSON.REASON.JSON":                    `[3]`,
		"x.json.reason.json.reason.json":        `[4]`,
		"y.json.reason.json/y.json":             `[5]`,
		"y.json":                                `[6]`,
		"SPEC-1/x.json.reason.json":             `[7]`,
		"z.json":                                `[8]`,
		"SPEC-1/z.json.reason.json/reason.json": `[9]`,
	}
	for name, text := range documents {
		h.drop(name, text)
	}
	orphan := filepath.Join(h.Failed(), "z.json.reason.json") // of a file that somebody took away
	if err := os.WriteFile(orphan, []byte(`{"code": "orphan"}`), 0o644); err != nil {
		t.Fatal(err)
	}
	h.ingest(ingest.Options{})
	failures, err := h.Failures()
	if err != nil || len(failures) != len(documents) {
		t.Errorf("%d failures of %d documents, %v: %v", len(failures), len(documents), err, h.files(h.Failed()))
	}
	texts := map[string]bool{}
	for _, f := range failures {
		path, err := h.FailedFile(f.Name)
		if err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		texts[string(text)] = true
		if sum := sha256.Sum256(text); f.SHA256 != hex.EncodeToString(sum[:]) || f.Code != ingest.CodeNotObject {
			t.Errorf("%s holds %s, and its reason is %+v", f.Name, text, f.Rejection)
		}
	}
	for name, text := range documents {
		if !texts[text] {
			t.Errorf("%s is lost", name)
		}
	}
	if text, err := os.ReadFile(orphan); err != nil || string(text) != `{"code": "orphan"}` {
		t.Errorf("the other reason: %s, %v", text, err)
	}
	if err := os.Remove(orphan); err != nil { // verify names it
		t.Fatal(err)
	}
	h.verify()
}

func TestADaemonAtWorkMovesItsMarkOn(t *testing.T) {
	h := newHouse(t)
	d := h.watch(ingest.Options{Rescan: 20 * time.Millisecond})
	h.drop("first.json", runDocument("first", "one"))
	d.await(t, "the first run", isRun("first"))
	moved := time.Now()
	late := time.After(time.Minute)
	for tick := time.Tick(10 * time.Millisecond); !h.unsettled().After(moved); {
		select {
		case <-tick:
			h.drop("more.json", runDocument("more", "x")) // a mark rests while nothing moves
		case <-late:
			t.Fatalf("the mark is at %s, and a file was settled at %s", h.unsettled(), moved)
		}
	}
	h.lookedTwice(d, "one", "two") // no version of the other is on its way then
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
	if at := h.unsettled(); !at.IsZero() {
		t.Errorf("after a stop in good order, the mark is at %s", at)
	}
	h.verify()
}

// unsettled is the mark in daemon.lock.
func (h house) unsettled() time.Time {
	h.t.Helper()
	text, err := os.ReadFile(filepath.Join(string(h.Home), "daemon.lock"))
	var holder ingest.Holder
	if err == nil {
		err = json.Unmarshal(text, &holder)
	}
	if err != nil {
		h.t.Fatalf("daemon.lock: %q, %v", text, err)
	}
	return holder.Unsettled
}

func TestIngestLooksBackAfterAKill(t *testing.T) {
	h := newHouse(t)
	lock, err := h.Lock()
	if err != nil {
		t.Fatal(err)
	}
	day := filepath.Join(h.Done(), time.Now().UTC().Format(time.DateOnly))
	if err := os.Mkdir(day, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(day, "unseen.json"), []byte(runDocument("unseen", "x")), 0o644); err != nil {
		t.Fatal(err)
	}
	h.drop("run.json", runDocument("after", "x"))
	lookedBack := false // before the inbox was read
	in := ingest.New(h.Home, h.Store, ingest.Options{OnEvent: func(e ingest.Event) {
		_, left := lock.Unsettled()
		lookedBack = lookedBack || isRun("after")(e) && !left
	}})
	if err := in.LookBack(t.Context(), lock); err != nil {
		t.Fatal(err)
	}
	if err := in.Ingest(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Run(t.Context(), "unseen"); err != nil || !lookedBack {
		t.Errorf("looked back before it read the inbox: %v, %v", lookedBack, err)
	}
	if since, left := lock.Unsettled(); left {
		t.Errorf("the next one is still to look back to %s", since)
	}
	if err := lock.Release(in.Settled()); err != nil {
		t.Fatal(err)
	}
	if at := h.unsettled(); !at.IsZero() {
		t.Errorf("the mark is at %s", at)
	}
	h.verify()
}

func TestIngestThatFindsNothingAfterAKillHasLookedBackToo(t *testing.T) {
	h := newHouse(t)
	lock, err := h.Lock() // that of a home where nobody knows what was before
	if err != nil {
		t.Fatal(err)
	}
	in := ingest.New(h.Home, h.Store, ingest.Options{})
	if err := errors.Join(in.LookBack(t.Context(), lock), in.Ingest(t.Context())); err != nil {
		t.Fatal(err)
	}
	if since, left := lock.Unsettled(); left {
		t.Errorf("the next one is still to look back to %s", since)
	}
	if err := lock.Release(in.Settled()); err != nil {
		t.Fatal(err)
	}
	h.verify()
}
