package ingest_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/consensusd/consensusd/ingest"
)

// A reason is on the disk before its file. A crash in between, and a producer
// that puts a new version in its place just then, leave a file beside a reason
// that is about another one.
func TestAFailedFileBesideTheReasonOfAnotherVersionIsReadAgain(t *testing.T) {
	h := newHouse(t)
	h.drop("kept.json", `{"spec_id": 1}`)
	h.drop("replaced.json", `{"spec_id": 2}`)
	h.ingest(ingest.Options{})
	killed, err := h.Lock() // a daemon that never gives it back in good order
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(h.Failed(), "replaced.json"), []byte(runDocument("replaced", "x")), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := killed.Release(false); err != nil {
		t.Fatal(err)
	}
	d := h.watch(ingest.Options{Rescan: 10 * time.Millisecond})
	d.await(t, "the new version", isRun("replaced"))
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
	if f, err := h.Failure("kept.json"); err != nil || f.Attempts != 1 || !strings.Contains(f.Message, "format") {
		t.Errorf("the other one: %+v, %v", f, err)
	}
	h.verify()
}

// Nothing is moved to failed/ whose reason cannot be written there.
func TestAFileWhoseReasonCannotBeWrittenStaysInTheInbox(t *testing.T) {
	h := newHouse(t)
	h.drop("bad.json", `{"spec_id": 1}`)
	h.drop("good.json", runDocument("good", "x"))
	if err := os.RemoveAll(h.Failed()); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(h.Failed(), nil, 0o644); err != nil { // no folder of this name can be made
		t.Fatal(err)
	}
	in := ingest.New(h.Home, h.Store, ingest.Options{})
	if err := in.Ingest(t.Context()); err == nil || !strings.Contains(err.Error(), "bad.json") {
		t.Errorf("error: %v", err)
	}
	if _, err := os.Stat(filepath.Join(h.Inbox(), "bad.json")); err != nil {
		t.Error(err)
	}
	if err := os.Remove(h.Failed()); err != nil {
		t.Fatal(err)
	}
	h.ingest(ingest.Options{})
	if f, err := h.Failure("bad.json"); err != nil || f.Code == "no_reason" {
		t.Errorf("%+v, %v", f, err)
	}
	h.verify()
}
