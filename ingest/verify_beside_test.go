package ingest_test

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/consensusd/consensusd/ingest"
)

// A version that its producer put in place of the one that was read waits in
// done/, where the daemon reads it again, or the next daemon does.
func TestVerifyTellsWhatWaitsForTheDaemonFromDamage(t *testing.T) {
	h := verifiedHome(t)
	lock, err := h.Lock()
	h.must(err)
	in := ingest.New(h.Home, h.Store, ingest.Options{})
	h.must(in.LookBack(t.Context(), lock))
	h.must(in.Ingest(t.Context()))
	name := filepath.Join("done", time.Now().UTC().Format(time.DateOnly), "new.json")
	h.write(name, `{"run_id": "new", "spec_id": "SPEC-A", "stage": "plan", "agent": "claude", "content": "newer"}`)
	mustWait := func(when string, waiting int64, problems int) {
		t.Helper()
		v, err := h.Examine(t.Context(), h.Store, nil, func(int64) {})
		if err != nil || v.Waiting != waiting || len(v.Problems) != problems {
			t.Errorf("%s: %+v, %v, want %d waiting and %d problems", when, v, err, waiting, problems)
		}
	}
	mustWait("beside the daemon", 1, 0)
	left, err := os.ReadFile(filepath.Join(string(h.Home), "daemon.lock"))
	h.must(err)
	h.must(lock.Release(true))
	mustWait("after it stopped in good order", 0, 1)
	h.write("daemon.lock", string(left))
	mustWait("after it was killed", 1, 0)
	d := h.watch(ingest.Options{AssembleTimeout: 1})
	d.await(t, "what waited", func(e ingest.Event) bool { return e.RunID == "new" })
	h.must(d.stop())
	mustWait("after the next daemon", 0, 0)
}

func TestVerifyBesideADaemonRaisesNoFalseAlarm(t *testing.T) {
	h := newHouse(t)
	d := h.watch(ingest.Options{AssembleTimeout: 20 * time.Millisecond, Settle: 1, Rescan: 20 * time.Millisecond})
	const runs = 300
	produced := make(chan bool)
	go func() {
		defer close(produced)
		for n := range runs {
			id := "run-" + strconv.Itoa(n)
			h.drop(id+"/claude.json", `{"run_id": "`+id+`", "spec_id": "S", "stage": "plan", "agent": "claude", "content": "left"}`)
			h.drop(id+"/gemini.json", `{"run_id": "`+id+`", "spec_id": "S", "stage": "plan", "agent": "gemini", "error": "timeout"}`)
			h.drop("bad/"+id+".json", `{"bad": `+strconv.Itoa(n)+`}`)
		}
	}()
	for deadline := time.Now().Add(2 * time.Minute); ; {
		h.verify()
		totals, err := h.Totals(t.Context())
		h.must(err)
		if totals.Documents["rejected"] == runs && totals.Runs == runs {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("only %d runs are recorded, and %v documents", totals.Runs, totals.Documents)
		}
	}
	<-produced
	h.must(d.stop())
	h.verify()
}
