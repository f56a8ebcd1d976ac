package torture

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// What is recorded is kept in done/ for --keep-done, and then deleted by the
// daemon that runs, files alone: the runs stay.
func TestADaemonKeepsDoneAsLongAsItIsTold(t *testing.T) {
	t.Parallel()
	h := newWorldHome(t)
	d := h.watch()
	ages := map[string]int{"today": 0, "yesterday": 1, "old": 10, "very-old": 400} // in days
	for id := range ages {
		d.drop("inbox/deep/"+id+".json", worldRun(id))
		d.awaitRun(id)
	}
	d.stop()
	now := time.Now().UTC()
	for _, path := range h.files("done") {
		id := filepath.Base(path)[:len(filepath.Base(path))-len(".json")]
		day := now.AddDate(0, 0, -ages[id]).Format(time.DateOnly)
		to := h.in("done", day, "deep")
		h.must(os.MkdirAll(to, 0o755))
		h.must(os.Rename(path, filepath.Join(to, id+".json")))
	}
	has := func(id string) bool {
		return slices.ContainsFunc(h.files("done"), func(path string) bool { return filepath.Base(path) == id+".json" })
	}

	h.flags = []string{"--keep-done", "11d"}
	d = h.watch()
	d.await("the oldest is pruned", func() bool { return !has("very-old") })
	d.stop()
	for _, id := range []string{"today", "yesterday", "old"} {
		if !has(id) {
			t.Errorf("with --keep-done 11d %s is pruned", id)
		}
	}

	h.flags = []string{"--keep-done", "2d"}
	d = h.watch()
	d.await("the old one is pruned", func() bool { return !has("old") })
	d.stop()
	if folders, err := os.ReadDir(h.in("done")); err != nil || !has("today") || !has("yesterday") || has("old") {
		t.Errorf("with --keep-done 2d there is left %v, %v", folders, err)
	}

	h.flags = []string{"--keep-done", "0"}
	d = h.watch()
	d.drop("inbox/last.json", worldRun("last"))
	d.awaitRun("last")
	d.await("nothing is kept", func() bool { return !has("last") && !has("yesterday") })
	d.stop()
	if runs := h.runs(); !slices.Equal(runs, []string{"last", "old", "today", "very-old", "yesterday"}) {
		t.Errorf("recorded are %v", runs)
	}
	h.verify()
}
