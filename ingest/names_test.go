package ingest_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/consensusd/consensusd/ingest"
	"github.com/consensusd/consensusd/store"
)

// The name says what the document is, and a daemon that looks back reads it.
func TestALongNameIsWholeInDone(t *testing.T) {
	h := newHouse(t)
	name := "spec-plan_2026-03-01T10_00_00Z_" + strings.Repeat("a", 219) + ".json" // 255 bytes
	for _, content := range []string{"one", "two"} {
		h.drop("SPEC-1/"+name, `{"content": "`+content+`"}`)
		h.ingest(ingest.Options{})
	}
	done := h.files(h.Done())
	if len(done) != 2 || filepath.Base(done[0]) != name || filepath.Base(done[1]) != name {
		t.Errorf("done: %q", done)
	}
	d := h.watch(ingest.Options{AssembleTimeout: time.Millisecond}) // the first daemon of a home looks at everything
	h.lookedTwice(d, "one", "two")
	h.must(d.stop())
	if n := d.Counts(); n.Recorded != 2 || n.Amended != 0 {
		t.Errorf("after a look back: %+v", n)
	}
	h.mustReplay(ingest.Options{})
	h.verify()
}

func TestAFolderNamedLikeAReasonIsNotForgotten(t *testing.T) {
	h := newHouse(t)
	h.drop("x.reason.json/bad.json", "[]")
	for range 3 {
		h.ingest(ingest.Options{})
		failures, err := h.Failures()
		if err != nil || len(failures) != 1 || failures[0].Code != ingest.CodeNotObject {
			t.Fatalf("failures: %+v, %v", failures, err)
		}
		h.must(h.Retry(failures[0].Name))
	}
	h.ingest(ingest.Options{})
	h.verify()
}

// Whoever took it away, and however the daemon before ended.
func TestAReasonThatIsMissingIsWrittenAgain(t *testing.T) {
	h := newHouse(t)
	h.drop("bad.json", "[]")
	d := h.watch(ingest.Options{})
	d.await(t, "the rejection", func(e ingest.Event) bool { return e.Outcome == store.Rejected })
	h.must(d.stop())
	h.remove("failed/bad.json.reason.json")
	d = h.watch(ingest.Options{})
	d.await(t, "the rejection", func(e ingest.Event) bool { return e.Outcome == store.Rejected })
	h.must(d.stop())
	h.verify()
}

func TestAFolderThatCannotBeReadKeepsNoDaemonFromStarting(t *testing.T) {
	if os.Getuid() == 0 {
		runAsNobody(t)
		return
	}
	h := newHouse(t)
	day := filepath.Join("done", time.Now().UTC().Format(time.DateOnly))
	closed := []string{filepath.Join(day, "closed"), filepath.Join(day, "listed"), "failed/closed", "failed/listed"}
	for i, dir := range closed {
		h.write(dir+"/x.json", "[]")
		path := filepath.Join(string(h.Home), dir)
		h.must(os.Chmod(path, []os.FileMode{0, 0o444}[i%2]))
		t.Cleanup(func() { os.Chmod(path, 0o755) })
	}
	d := h.watch(ingest.Options{}) // the first daemon of a home looks at everything
	h.lookedTwice(d, "one", "two")
	h.must(d.stop())
	if h.unsettled().IsZero() {
		t.Error("the next daemon will not look back")
	}
	for _, dir := range closed {
		h.must(os.Chmod(filepath.Join(string(h.Home), dir), 0o755))
	}
	d = h.watch(ingest.Options{})
	for range closed {
		d.await(t, "a file that could not be looked at", func(e ingest.Event) bool { return e.Outcome == store.Rejected })
	}
	h.must(d.stop())
	h.verify()
}

// Its names can be listed, and nothing more.
func TestAFolderThatCannotBeEnteredIsNoFaultOfTheFilesInIt(t *testing.T) {
	if os.Getuid() == 0 {
		runAsNobody(t)
		return
	}
	h := newHouse(t)
	h.drop("listed/x.json", runDocument("x", "x"))
	dir := filepath.Join(h.Inbox(), "listed")
	h.must(os.Chmod(dir, 0o444))
	t.Cleanup(func() { os.Chmod(dir, 0o755) })
	in := ingest.New(h.Home, h.Store, ingest.Options{Settle: time.Nanosecond})
	if err := in.Ingest(t.Context()); !errors.Is(err, fs.ErrPermission) || in.Counts() != (ingest.Counts{}) {
		t.Errorf("counts %+v, error %v", in.Counts(), err)
	}
	d := h.watch(ingest.Options{Settle: time.Nanosecond, Rescan: time.Millisecond})
	h.lookedTwice(d, "one", "two")
	h.must(os.Chmod(dir, 0o755))
	d.await(t, "the file in it", isRun("x"))
	h.must(d.stop())
	if left := h.files(h.Failed()); len(left) > 0 {
		t.Errorf("failed: %v", left)
	}
	h.verify()
}

// What is in it is for the next daemon to find.
func TestAHomesFolderThatCannotBeReadKeepsNoDaemonFromStarting(t *testing.T) {
	if os.Getuid() == 0 {
		runAsNobody(t)
		return
	}
	h := newHouse(t)
	h.write("failed/x.json", runDocument("x", "x"))
	h.write(filepath.Join("done", time.Now().UTC().Format(time.DateOnly), "y.json"), runDocument("y", "y"))
	for _, dir := range []string{h.Failed(), h.Done()} {
		h.must(os.Chmod(dir, 0o300))
		t.Cleanup(func() { os.Chmod(dir, 0o755) })
	}
	d := h.watch(ingest.Options{})
	h.lookedTwice(d, "one", "two")
	if d.Ready(t.Context()) == nil {
		t.Error("ready")
	}
	h.must(d.stop())
	h.must(errors.Join(os.Chmod(h.Failed(), 0o755), os.Chmod(h.Done(), 0o755)))
	d = h.watch(ingest.Options{})
	waiting := map[string]bool{"x": true, "y": true}
	d.await(t, "both files", func(e ingest.Event) bool {
		delete(waiting, e.RunID)
		return len(waiting) == 0
	})
	h.must(d.stop())
	h.verify()
}

// From there it could not be moved to a longer path.
func TestAFileAtTheEndOfTooLongAPathIsToldAndHoldsUpNobody(t *testing.T) {
	for _, length := range []int{4060, 4095} {
		h := newHouse(t)
		path := h.Inbox()
		for len(path) < length-len("/x.json") {
			path += "/" + strings.Repeat("d", min(200, length-len("/x.json")-len(path)-1))
		}
		h.must(os.MkdirAll(path, 0o755))
		h.must(os.WriteFile(path+"/x.json", []byte(runDocument("far", "x")), 0o644))
		h.drop("y.json", runDocument("near", "y"))
		in := ingest.New(h.Home, h.Store, ingest.Options{})
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if err := in.Ingest(ctx); !errors.Is(err, syscall.ENAMETOOLONG) || in.Counts() != (ingest.Counts{Recorded: 1}) {
			t.Errorf("%d bytes: counts %+v, error %v", length, in.Counts(), err)
		}
		h.must(os.Rename(h.Inbox()+"/"+strings.Repeat("d", 200), h.Inbox()+"/d"))
		h.ingest(ingest.Options{})
		h.verify()
	}
}
