package ingest_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"golang.org/x/sys/unix"

	"github.com/consensusd/consensusd/ingest"
	"github.com/consensusd/consensusd/schema"
)

// awaitFigures waits until the figures are as fits demands.
func (d *daemon) awaitFigures(t *testing.T, what string, fits func(ingest.Figures) bool) ingest.Figures {
	t.Helper()
	for late := time.Now().Add(60 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		f := d.Figures()
		if fits(f) {
			return f
		}
		if time.Now().After(late) {
			t.Fatalf("%s: %+v", what, f)
		}
	}
}

func passes(f ingest.Figures) bool { return f.Passes > 0 }

func TestFiguresTellWhatBecameOfFilesAndWhatWaits(t *testing.T) {
	h := newHouse(t)
	before := time.Now()
	d := h.watch(ingest.Options{Rescan: 20 * time.Millisecond, Settle: time.Hour, AssembleTimeout: time.Hour})
	h.drop("run.json", runDocument("run", "x"))
	d.await(t, "the run", isRun("run"))
	h.drop("again.json", runDocument("run", "x"))
	h.drop("late.json", part("run", "gemini", "yes, too"))
	h.drop("bad.json", `{"spec_id": "SPEC-1", "stage": `+"7}")
	h.drop("notes.txt", "no document")
	h.drop("part.json", part("open", "claude", "yes"))
	h.drop("half.json", `{"spec_id": "SPEC-1", "sta`)
	f := d.awaitFigures(t, "all files are dealt with", func(f ingest.Figures) bool {
		return f.FilesAmended+f.FilesDuplicate+f.FilesRejected+f.FilesIgnored == 4 && f.OpenRuns == 1 && f.UnfinishedFiles == 1 && f.FailedFiles == 1 && f.InboxFiles == 2
	})
	want := ingest.Figures{
		Recording:     true,
		FilesRecorded: 1, FilesAmended: 1, FilesDuplicate: 1, FilesRejected: 1, FilesIgnored: 1,
		RunsRecorded: map[schema.Verdict]uint64{schema.Unanimous: 1, schema.Degraded: 0, schema.Failed: 0},
		RunsAmended:  map[schema.Verdict]uint64{schema.Unanimous: 1, schema.Degraded: 0, schema.Failed: 0},
		OpenRuns:     1, UnfinishedFiles: 1, InboxFiles: 2, FailedFiles: 1,
	}
	unsteady := cmpopts.IgnoreFields(ingest.Figures{}, "Passes", "Unannounced", "Commits", "CommitBuckets", "CommitSeconds", "LastCommit", "OldestWaiting", "DatabaseBytes", "WALBytes")
	if diff := cmp.Diff(want, f, unsteady); diff != "" {
		t.Errorf("figures (-want +got):\n%s", diff)
	}
	if f.Commits < 2 || f.CommitSeconds <= 0 || f.LastCommit.Before(before) || f.LastCommit.After(time.Now()) {
		t.Errorf("commits: %d in %v s, the last %v", f.Commits, f.CommitSeconds, f.LastCommit)
	}
	oldest, err := os.Stat(filepath.Join(h.Inbox(), "part.json"))
	if err != nil || f.OldestWaiting.Before(before.Add(-time.Second)) || f.OldestWaiting.After(oldest.ModTime().Add(time.Minute)) {
		t.Errorf("oldest: %v, %v", f.OldestWaiting, err)
	}
	h.drop("half.json", runDocument("half", "y"))
	h.drop("rest.json", `{"run_id": "open", "spec_id": "SPEC-1", "stage": "plan", "expected_agents": ["claude"], "complete": true}`)
	d.awaitFigures(t, "nothing waits", func(f ingest.Figures) bool {
		return f.InboxFiles+f.OpenRuns+f.UnfinishedFiles == 0 && f.OldestWaiting.IsZero() && f.FilesRecorded == 4
	})
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
	h.verify()
}

func TestFilesThatNoEventToldOfAreCounted(t *testing.T) {
	h := newHouse(t)
	h.drop("old.json", runDocument("old", "came while no daemon was there"))
	d := h.watch(ingest.Options{Rescan: 50 * time.Millisecond})
	d.awaitFigures(t, "a pass", passes)
	swapped := filepath.Join(string(h.Home), "swapped")
	if err := os.Mkdir(swapped, 0o755); err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		id := fmt.Sprint("unseen-", i)
		if err := os.WriteFile(filepath.Join(swapped, id+".json"), []byte(runDocument(id, id)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	// Nobody watches the folder that the inbox is in.
	if err := unix.Renameat2(unix.AT_FDCWD, swapped, unix.AT_FDCWD, h.Inbox(), unix.RENAME_EXCHANGE); err != nil {
		t.Fatal(err)
	}
	f := d.awaitFigures(t, "the files are found", func(f ingest.Figures) bool { return f.Unannounced > 0 })
	if f.Unannounced != 3 || f.Overflows != 0 {
		t.Errorf("%d files unannounced, %d overflows; want 3, 0", f.Unannounced, f.Overflows)
	}
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
	h.verify()
}

func TestFilesThatEventsToldOfAreNoFindsOfTheRescan(t *testing.T) {
	h := newHouse(t)
	h.drop("old.json", runDocument("old", "came while no daemon was there"))
	d := h.watch(ingest.Options{Rescan: time.Hour})
	f := d.awaitFigures(t, "a pass", passes)
	for i := range uint64(5) {
		id, last := fmt.Sprint("run-", i), f.Passes
		h.drop("folder-"+id+"/run.json", runDocument(id, id))
		f = d.awaitFigures(t, id, func(f ingest.Figures) bool { return f.FilesRecorded == 2+i && f.Passes > last })
	}
	if f.Unannounced != 0 {
		t.Errorf("%d files unannounced, want none", f.Unannounced)
	}
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
	h.verify()
}
