package ingest_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/consensusd/consensusd/ingest"
	"github.com/consensusd/consensusd/schema"
)

// hold keeps the daemon from committing until it is called again.
func (h house) hold() (release func()) {
	h.t.Helper()
	other := h.plain()
	lock, err := other.Begin() // which locks a SQLite database
	if err != nil {
		h.t.Fatal(err)
	}
	if os.Getenv("CONSENSUSD_TEST_ENGINE") != "" {
		if _, err := lock.Exec("LOCK TABLE consensus_runs IN EXCLUSIVE MODE"); err != nil {
			h.t.Fatal(err)
		}
	}
	return func() {
		if err := lock.Rollback(); err != nil {
			h.t.Fatal(err)
		}
		other.Close()
	}
}

// replaceWhileRecorded drops a file and puts another version in its place when
// the daemon has read it and cannot commit it yet.
func (h house) replaceWhileRecorded(opts ingest.Options, name, was, is string) *daemon {
	h.t.Helper()
	release := h.hold()
	read := make(chan bool, 100)
	opts.OnProgress = func(int, int) { read <- true }
	d := h.watch(opts)
	h.drop(name, was)
	<-read
	h.drop(name, is)
	release()
	return d
}

func (h house) restart(d *daemon, opts ingest.Options) *daemon {
	h.t.Helper()
	if err := d.stop(); err != nil {
		h.t.Fatal(err)
	}
	return h.watch(opts)
}

func TestAReplacedVersionThatWaitsForItsRunOutlivesTheDaemon(t *testing.T) {
	h := newHouse(t)
	d := h.replaceWhileRecorded(ingest.Options{AssembleTimeout: time.Hour}, "x.json", runDocument("first", "one"), part("second", "claude", "two"))
	d.await(t, "the version that was read", isRun("first"))
	d = h.restart(d, ingest.Options{AssembleTimeout: time.Hour})
	d = h.restart(d, ingest.Options{AssembleTimeout: time.Hour}) // looks back, and stops before the run is due
	d = h.restart(d, ingest.Options{AssembleTimeout: time.Millisecond})
	d.await(t, "the version that replaced it", isRun("second"))
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
	h.verify()
}

func TestADocumentInThePlaceOfARejectedOneIsRecorded(t *testing.T) {
	h := newHouse(t)
	d := h.replaceWhileRecorded(ingest.Options{}, "x.json", "[1]", runDocument("second", "two"))
	d.await(t, "the version that replaced it", isRun("second"))
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
	if done := h.files(h.Done()); len(done) != 1 || filepath.Base(done[0]) != "x.json" {
		t.Errorf("done: %v", done)
	}
	h.verify()
}

func TestAVersionThatComesWhileIngestClosesIsRecordedToo(t *testing.T) {
	h := newHouse(t)
	for i := range 64 { // fill the group before b's, which is told of when b is recorded and still there
		h.drop(fmt.Sprintf("a%d.json", i), part(fmt.Sprint("ra", i), "claude", "one"))
	}
	h.drop("b.json", part("rb", "claude", "one"))
	replaced := false
	in := ingest.New(h.Home, h.Store, ingest.Options{OnEvent: func(ingest.Event) {
		if !replaced {
			replaced = true
			h.drop("b.json", part("new", "claude", "two"))
		}
	}})
	if err := in.Ingest(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Run(t.Context(), "new"); err != nil || !in.Settled() {
		t.Errorf("run: %v, settled %v; inbox %v, done %v", err, in.Settled(), h.files(h.Inbox()), h.files(h.Done()))
	}
	h.verify()
}

func TestAFailedFileThatLostItsReasonGetsItBack(t *testing.T) {
	h := newHouse(t)
	if err := os.WriteFile(filepath.Join(h.Failed(), "bad.json"), []byte("[]"), 0o644); err != nil {
		t.Fatal(err)
	}
	d := h.watch(ingest.Options{}) // the first daemon of a home looks at everything
	d.await(t, "the rejection", func(e ingest.Event) bool { return e.Outcome == "rejected" })
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
	if f, err := h.Failure("bad.json"); err != nil || f.Code != ingest.CodeNotObject {
		t.Errorf("failure: %+v, %v", f, err)
	}
	h.verify()
}

func TestALateSynthesisWithoutAnIDAmendsTheRunThatLacksIt(t *testing.T) {
	h := newHouse(t)
	d := h.watch(ingest.Options{AssembleTimeout: 100 * time.Millisecond})
	h.drop("answers.json", `{"run_id": "r", "spec_id": "SPEC-1", "stage": "plan", "proposals": [{"agent_name": "claude", "content": "yes"}], "exported_at": "2026-03-01T10:00:00Z"}`)
	d.await(t, "the run at its deadline", isRun("r"))
	d = h.restart(d, ingest.Options{AssembleTimeout: time.Hour})
	h.drop("synthesis.json", `{"spec_id": "SPEC-1", "stage": "plan", "output_markdown": "# Plan", "status": "ok"}`)
	if e := d.await(t, "the late synthesis", isRun("r")); e.Outcome != "amended" {
		t.Errorf("event: %+v", e)
	}
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
	h.verify()
}

// Without ids, only the window tells one run from the next: what comes after a
// run was recorded must neither mend it nor take anything from the run to come.
func TestTheNextRunsPartsDoNotAmendTheLastRun(t *testing.T) {
	h := newHouse(t)
	head := `{"spec_id": "SPEC-1", "stage": "plan", `
	answer := func(agent, text string) string {
		return head + `"agent": "` + agent + `", "content": "` + text + `"}`
	}
	first := h.watch(ingest.Options{AssembleTimeout: time.Hour})
	h.drop("1/m.json", head+`"expected_agents": ["a", "b"]}`)
	h.drop("1/a.json", answer("a", "yes"))
	h.drop("1/b.json", answer("b", "yes, too"))
	h.drop("1/s.json", head+`"synthesis": {"content": "agreed", "verdict": "unanimous"}}`)
	was := first.await(t, "the first run", func(e ingest.Event) bool { return e.Outcome == "recorded" })
	before := runsOf(h.dump())
	second := h.restart(first, ingest.Options{AssembleTimeout: time.Second})
	h.drop("2/m.json", head+`"expected_agents": ["a", "b", "c"]}`)
	h.drop("2/b-metrics.json", head+`"agent": "b", "latency_ms": 3, "model_id": "m", "status": "error"}`)
	h.drop("2/a.json", answer("a", "no"))
	h.drop("2/s.json", head+`"synthesis": {"content": "not agreed", "verdict": "unanimous"}}`)
	is := second.await(t, "the second run", func(e ingest.Event) bool { return e.Outcome != "duplicate" })
	if is.RunID == was.RunID || is.Verdict != schema.Degraded || !slices.Equal(is.Missing, []string{"b", "c"}) {
		t.Errorf("second run %+v, first %+v", is, was)
	}
	if err := second.stop(); err != nil {
		t.Fatal(err)
	}
	if r, err := h.Run(t.Context(), was.RunID); err != nil || r.Degraded {
		t.Errorf("the first run is now %+v, %v; it was\n%s", r, err, before)
	}
	h.verify()
}

func TestIngestSaysWhatItCouldNotRead(t *testing.T) {
	if os.Getuid() == 0 {
		runAsNobody(t)
		return
	}
	h := newHouse(t)
	h.drop("a-closed/x.json", runDocument("closed", "x"))
	h.drop("b-open/x.json", runDocument("open", "x"))
	closed := filepath.Join(h.Inbox(), "a-closed")
	if err := os.Chmod(closed, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Chmod(closed, 0o755) })
	in := ingest.New(h.Home, h.Store, ingest.Options{})
	if err := in.Ingest(t.Context()); err == nil || !strings.Contains(err.Error(), "a-closed") {
		t.Errorf("error: %v", err)
	}
	if in.Counts().Recorded != 1 {
		t.Errorf("counts: %+v", in.Counts())
	}
	h.verify()
}

// A folder that cannot be entered, and one that nothing can be taken from,
// are their owner's business: everybody else's files go on.
func TestOneProducersPermissionsStopNobodyElse(t *testing.T) {
	if os.Getuid() == 0 {
		runAsNobody(t)
		return
	}
	h := newHouse(t)
	h.drop("a-closed/x.json", runDocument("closed", "x"))
	h.drop("b-fixed/x.json", runDocument("fixed", "x"))
	for name, mode := range map[string]os.FileMode{"a-closed": 0, "b-fixed": 0o555} {
		dir := filepath.Join(h.Inbox(), name)
		if err := os.Chmod(dir, mode); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { os.Chmod(dir, 0o755) })
	}
	d := h.watch(ingest.Options{Rescan: 10 * time.Millisecond})
	d.await(t, "the file that stays", isRun("fixed"))
	for _, id := range []string{"one", "two", "three"} {
		h.drop("c-open/"+id+".json", runDocument(id, id))
		d.await(t, id, isRun(id))
	}
	if d.Trouble() != nil {
		t.Errorf("trouble: %v", d.Trouble().Err)
	}
	if err := os.Chmod(filepath.Join(h.Inbox(), "a-closed"), 0o755); err != nil {
		t.Fatal(err)
	}
	d.await(t, "the file that was closed", isRun("closed"))
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
	h.verify()
}

func TestAnErrorInsideAContentIsNoAnswer(t *testing.T) {
	h := newHouse(t)
	stub := `{"stage": "plan", "agent": "claude", "error": "agent execution failed", "consensus": {"conflicts": ["claude execution failed"]}}`
	head := `{"spec_id": "SPEC-1", "stage": "plan", "timestamp": "2026-03-01T10:00:00Z", "consensus_ok": true, `
	for id, rest := range map[string]string{
		"verdict":  `"artifacts": [{"agent": "claude", "content": ` + stub + `}]}`,
		"export":   `"proposals": [{"agent_name": "claude", "content": ` + stub + `}]}`,
		"text":     `"agents": [{"agent": "claude", "content": "{\"error\": \"rate limited\"}"}]}`,
		"metadata": `"agents": [{"agent": "claude", "content": "part of it", "metadata": {"error": {"code": 5}}}]}`,
	} {
		h.drop(id+".json", head+`"run_id": "`+id+`", `+rest)
	}
	h.ingest(ingest.Options{})
	for _, id := range []string{"verdict", "export", "text", "metadata"} {
		r, err := h.Run(t.Context(), id)
		if err != nil || r.ConsensusOK || len(r.MissingAgents) != 1 || len(r.Conflicts) != 0 {
			t.Errorf("%s: %+v, %v", id, r, err)
		}
	}
	h.verify()
}
