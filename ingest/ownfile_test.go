package ingest_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/consensusd/consensusd/ingest"
)

// locks counts the locks that processes hold on a file, by the kernel's list.
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
	return strings.Count(string(list), fmt.Sprintf(":%d ", info.Sys().(*syscall.Stat_t).Ino))
}

// The locks that SQLite holds on a file are dropped when the process closes any
// other descriptor of it: the next process to leave would then delete the WAL.
func TestTheDatabaseIsNeverOpenedAsADocument(t *testing.T) {
	home := newHome(t)
	h := house{home, openStore(t, home.Database()), t, nil}
	tree := t.TempDir()
	names := []string{h.Database(), h.Database() + "-shm"}
	before := make([]int, len(names))
	for i, name := range names {
		if before[i] = locks(t, name); before[i] == 0 {
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
	for i, name := range names {
		if after := locks(t, name); after != before[i] {
			t.Errorf("%s: %d locks, not %d", name, after, before[i])
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
	if locks(t, path) == 0 {
		t.Error("the locks on the database are gone")
	}
	h.verify()
}
