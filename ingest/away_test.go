package ingest_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/consensusd/consensusd/ingest"
	"github.com/consensusd/consensusd/store"
	"github.com/consensusd/consensusd/store/postgrestest"
)

func TestWhileTheServerIsAwayTheInboxIsTheQueue(t *testing.T) {
	server := postgrestest.StartOwn(t)
	h := houseOn(t, server.Database(t))
	d := h.watch(ingest.Options{Rescan: 20 * time.Millisecond})
	h.drop("before.json", runDocument("before", "one"))
	d.await(t, "the run before", isRun("before"))

	server.Kill(t)
	h.drop("run.json", runDocument("whole", "two"))
	h.drop("part.json", `{"run_id": "in-parts", "spec_id": "S", "stage": "plan", "agent": "claude", "content": "three", "expected_agents": ["claude"]}`)
	h.drop("bad.json", "this is no JSON")
	late := time.After(time.Minute)
	for tick := time.Tick(5 * time.Millisecond); d.Trouble() == nil; {
		select {
		case <-tick:
		case <-late:
			t.Fatal("no trouble while the server is away")
		}
	}
	if err := d.Ready(t.Context()); err == nil {
		t.Error("ready while the server is away")
	}
	if waiting := h.files(h.Inbox()); len(waiting) != 3 {
		t.Errorf("in the inbox: %v, want all three", waiting)
	}
	if failed := h.files(h.Failed()); len(failed) != 0 {
		t.Errorf("failed: %v, for a fault that is not theirs", failed)
	}

	server.Restart(t)
	seen := map[string]bool{}
	d.await(t, "the run that waited and the file that is bad, in whatever order", func(e ingest.Event) bool {
		seen[e.RunID+e.Outcome] = true
		return seen["whole"+string(store.Recorded)] && seen[store.Rejected]
	})
	h.drop("rest.json", `{"run_id": "in-parts", "spec_id": "S", "stage": "plan", "synthesis": {"content": "three", "verdict": "unanimous"}}`)
	d.await(t, "the run in parts", isRun("in-parts"))
	late = time.After(time.Minute) // it is told before the pass ends that clears the trouble
	for tick := time.Tick(5 * time.Millisecond); d.Ready(t.Context()) != nil; {
		select {
		case <-tick:
		case <-late:
			t.Fatalf("not ready afterwards: %v", d.Ready(t.Context()))
		}
	}
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
	h.verify()
}

func TestBothEnginesRecordTheSame(t *testing.T) {
	for name, dir := range trees(t) {
		t.Run(name, func(t *testing.T) {
			onServer := houseOn(t, postgrestest.Start(t).Database(t))
			onServer.ingest(ingest.Options{}, dir)
			inFile := houseOn(t, filepath.Join(t.TempDir(), "consensus.db"))
			counts, _ := inFile.ingest(ingest.Options{}, dir)
			copied, err := store.Copy(t.Context(), inFile.Store, onServer.Store, nil)
			if err != nil || copied.Same != int64(counts.Recorded) || copied.Copied+copied.Amended+copied.Receipts > 0 || len(copied.Problems) > 0 {
				t.Errorf("copying one to the other: %+v, %v; want %d runs alike and nothing copied", copied, err, counts.Recorded)
			}
			onServer.verify()
			inFile.verify()
		})
	}
}
