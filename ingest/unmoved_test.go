package ingest_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/consensusd/consensusd/ingest"
)

// lookedTwice waits until the daemon has ended the look that it is at.
func (h house) lookedTwice(d *daemon, first, second string) {
	h.t.Helper()
	for _, id := range []string{first, second} {
		h.drop(id+".json", runDocument(id, id))
		d.await(h.t, id, isRun(id))
	}
}

func TestAFileInFailedWhoseReasonCannotBeWrittenIsNotRejectedWithoutEnd(t *testing.T) {
	if os.Getuid() == 0 {
		runAsNobody(t)
		return
	}
	h := newHouse(t)
	if err := errors.Join(os.WriteFile(filepath.Join(h.Failed(), "bad.json"), []byte("[]"), 0o644), os.Chmod(h.Failed(), 0o555)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Chmod(h.Failed(), 0o755) })
	d := h.watch(ingest.Options{Rescan: 10 * time.Millisecond})
	for i := range 20 { // looks enough
		h.lookedTwice(d, fmt.Sprint("a", i), fmt.Sprint("b", i))
	}
	if n := d.Figures().FilesRejected; n > 1 {
		t.Errorf("rejected %d times", n)
	}
	if err := os.Chmod(h.Failed(), 0o755); err != nil {
		t.Fatal(err)
	}
	d = h.restart(d, ingest.Options{})
	h.lookedTwice(d, "one", "two")
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
	h.verify()
}

func TestAFolderOfTheHomeThatIsDeletedIsMadeAgainThoughNothingComes(t *testing.T) {
	h := newHouse(t)
	d := h.watch(ingest.Options{Rescan: 10 * time.Millisecond})
	h.lookedTwice(d, "one", "two")
	if err := os.RemoveAll(h.Failed()); err != nil {
		t.Fatal(err)
	}
	h.lookedTwice(d, "three", "four")
	if err := d.Ready(t.Context()); err != nil {
		t.Errorf("ready: %v", err)
	}
}
