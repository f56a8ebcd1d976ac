package torture

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestWithoutFileEventsTheInboxIsLookedAtByTime(t *testing.T) {
	t.Parallel()
	for limit, remedy := range map[string]string{
		"max_inotify_instances": "raise fs.inotify.max_user_instances",
		"max_inotify_watches":   "raise fs.inotify.max_user_watches",
	} {
		t.Run(limit, func(t *testing.T) {
			t.Parallel()
			h := newWorldHome(t)
			h.flags = []string{"--rescan", "200ms"}
			d := h.startAs(exec.Command("unshare", "--user", "--map-root-user", "sh", "-c",
				`echo 0 >"/proc/sys/user/$0" && exec "$@"`, limit))
			var ids []string
			for i, folder := range []string{"", "new", "new/deep"} {
				ids = append(ids, fmt.Sprint("run-", i))
				d.drop(filepath.Join("inbox", folder, ids[i]+".json"), worldRun(ids[i]))
				d.awaitRun(ids[i])
			}
			d.awaitReady()
			if !strings.Contains(d.said(), remedy) {
				t.Errorf("the daemon does not say %q: %s", remedy, d.said())
			}
			d.stop()
			h.account(ids...)
		})
	}
}

// startAs starts the daemon by way of another program.
func (h *worldHome) startAs(by *exec.Cmd) *worldDaemon {
	h.t.Helper()
	h.by = by.Args
	defer func() { h.by = nil }()
	return h.watch()
}

func TestAnInboxReplacedInOneMomentIsWatchedAgain(t *testing.T) {
	t.Parallel()
	h := newWorldHome(t)
	h.flags = []string{"--rescan", "1h"} // what is dropped is found by events
	d := h.watch()
	d.drop("inbox/before.json", worldRun("before"))
	d.awaitRun("before")
	d.must(os.Rename(d.in("inbox"), d.in("was inbox")))
	d.must(os.Mkdir(d.in("inbox"), 0o755))
	for _, id := range []string{"first", "second", "third"} {
		d.drop("inbox/"+id+".json", worldRun(id))
		d.awaitRun(id)
	}
	d.stop()
	h.account("before", "first", "second", "third")
}

// A clock that was set back leaves files, and the last daemon's lock, that are of
// the future. A document that came to done/ unseen is found all the same, an
// unfinished one is given up in time, and a run does not wait for ever.
func TestAfterTheClockWasSetBackNothingWaitsForever(t *testing.T) {
	t.Parallel()
	h := newWorldHome(t)
	h.flags = []string{"--assemble-timeout", "1s"}
	d := h.watch()
	d.drop("inbox/before.json", worldRun("before"))
	d.awaitRun("before")
	d.must(d.cmd.Process.Kill())
	<-d.ended
	h.intoTheFuture("daemon.lock")
	day := filepath.Base(filepath.Dir(h.files("done")[0]))
	h.drop(filepath.Join("done", day, "unseen.json"), worldRun("unseen"))
	h.drop("inbox/part.json", `{"run_id": "part", "spec_id": "SPEC-1", "stage": "plan", "agent": "claude", "content": "yes", "expected_agents": ["claude", "gemini"]}`)
	h.drop("inbox/bad.json", worldRun("bad")[:100])
	future := time.Now().Add(48 * time.Hour)
	for _, path := range append(h.files("inbox"), h.files("done")...) {
		h.must(os.Chtimes(path, future, future))
	}

	d = h.watch()
	d.awaitRun("part")
	d.await("the unseen document is recorded", func() bool { return d.has("unseen") })
	d.await("the unfinished document is given up", func() bool { return len(d.files("failed")) == 2 })
	d.awaitReady()
	d.stop()
	h.account("before", "unseen", "part")
}

// intoTheFuture moves all times in a JSON file on by two days.
func (h *worldHome) intoTheFuture(name string) {
	h.t.Helper()
	text, err := os.ReadFile(h.in(name))
	h.must(err)
	var members map[string]any
	h.must(json.Unmarshal(text, &members))
	var moved int
	for k, v := range members {
		text, _ := v.(string)
		if at, err := time.Parse(time.RFC3339, text); err == nil {
			members[k] = at.Add(48 * time.Hour)
			moved++
		}
	}
	if moved == 0 {
		h.t.Fatalf("no times in %s", text)
	}
	text, err = json.Marshal(members)
	h.must(err)
	h.must(os.WriteFile(h.in(name), text, 0o644))
}
