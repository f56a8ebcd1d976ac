package ingest_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/consensusd/consensusd/ingest"
)

// isLocked reports whether a process holds a lock on a file, by the kernel's list.
// The list is read in pieces and may lack a lock while others come and go, so
// only a lock that stays away is gone.
func isLocked(t *testing.T, path string) bool {
	t.Helper()
	for late := time.Now().Add(10 * time.Second); time.Now().Before(late); time.Sleep(20 * time.Millisecond) {
		if locks(t, path) > 0 {
			return true
		}
	}
	return false
}

func locks(t *testing.T, path string) int {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	list, err := os.ReadFile("/proc/locks")
	if err != nil {
		t.Fatal(err)
	}
	s := info.Sys().(*syscall.Stat_t)
	return strings.Count(string(list), fmt.Sprintf(" %02x:%02x:%d ", unix.Major(s.Dev), unix.Minor(s.Dev), s.Ino))
}

// The locks that SQLite holds on a file are dropped when the process closes any
// other descriptor of it: the next process to leave would then delete the WAL.
func TestTheDatabaseIsNeverOpenedAsADocument(t *testing.T) {
	home := newHome(t)
	h := house{home, openStore(t, home.Database()), t, nil}
	tree := t.TempDir()
	names := []string{h.Database(), h.Database() + "-shm"}
	for i, name := range names {
		if !isLocked(t, name) {
			t.Fatalf("no locks on %s: nothing to lose", name)
		}
		for _, other := range []string{
			filepath.Join(h.Inbox(), fmt.Sprintf("%d.json", i)),
			filepath.Join(h.Done(), fmt.Sprintf("%d.json", i)),
			filepath.Join(h.Failed(), fmt.Sprintf("%d.json", i)),
			filepath.Join(tree, fmt.Sprintf("%d.json", i)),
		} {
			if err := os.Link(name, other); err != nil {
				t.Fatal(err)
			}
		}
	}
	h.drop("good.json", goodRun)
	counts, events := h.ingest(ingest.Options{Settle: 50 * time.Millisecond})
	if want := (ingest.Counts{Recorded: 1, Rejected: 2}); counts != want {
		t.Errorf("inbox: %+v, want %+v", counts, want)
	}
	for _, e := range events {
		if e.Outcome == "rejected" && e.Rejection.Code != ingest.CodeHardLink {
			t.Errorf("%v: %+v", e.Files, e.Rejection)
		}
	}
	counts, _ = h.ingest(ingest.Options{}, tree, h.Database())
	if want := (ingest.Counts{Ignored: 3}); counts != want {
		t.Errorf("in place: %+v, want %+v", counts, want)
	}
	problems, err := h.Home.Verify(t.Context(), h.Store, nil)
	if err != nil || len(problems) == 0 {
		t.Errorf("verify finds nothing wrong with the database's name in done/: %v, %v", problems, err)
	}
	d := h.watch(ingest.Options{}) // which looks back
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if !isLocked(t, name) {
			t.Errorf("the locks on %s are gone", name)
		}
	}
}

func TestADatabaseThatLiesInTheInboxStaysThere(t *testing.T) {
	home := newHome(t)
	path := filepath.Join(home.Inbox(), "consensus.db")
	h := house{home, openStore(t, path), t, nil}
	h.drop("good.json", goodRun)
	counts, _ := h.ingest(ingest.Options{})
	if counts.Recorded != 1 || counts.Rejected != 0 || counts.Ignored == 0 {
		t.Errorf("%+v", counts)
	}
	if !isLocked(t, path) {
		t.Error("the locks on the database are gone")
	}
	h.verify()
}
