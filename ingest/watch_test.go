package ingest_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/consensusd/consensusd/ingest"
	"github.com/consensusd/consensusd/schema"
)

func runDocument(id, content string) string {
	return fmt.Sprintf(`{"run_id": %q, "spec_id": "SPEC-1", "stage": "plan", "timestamp": "2026-03-01T10:00:00Z",
 "agents": [{"agent": "claude", "content": %q}], "consensus_ok": true}`, id, content)
}

func part(runID, agent, content string) string {
	return fmt.Sprintf(`{"run_id": %q, "spec_id": "SPEC-1", "stage": "plan", "agent": %q, "content": %q, "created_at": "2026-03-01T10:00:00Z"}`, runID, agent, content)
}

func isRun(id string) func(ingest.Event) bool {
	return func(e ingest.Event) bool { return e.RunID == id && e.Outcome != "duplicate" }
}

func TestAFileWrittenSlowlyIsRecordedOnceItIsWhole(t *testing.T) {
	h := newHouse(t)
	d := h.watch(ingest.Options{Rescan: 20 * time.Millisecond})
	f, err := os.Create(filepath.Join(h.Inbox(), "slow.json"))
	if err != nil {
		t.Fatal(err)
	}
	text := runDocument("slow", strings.Repeat("word ", 1000))
	parts := chunks(text, 8)
	for i, chunk := range parts {
		if _, err := f.WriteString(chunk); err != nil {
			t.Fatal(err)
		}
		if i == len(parts)-1 {
			break
		}
		// The daemon has seen the unfinished file when it has recorded one
		// that came after it.
		marker := fmt.Sprintf("marker-%d", i)
		h.drop(marker+".json", runDocument(marker, "x"))
		d.await(t, marker, isRun(marker))
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	d.await(t, "the slow file", isRun("slow"))
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
	a, err := h.Artifacts(t.Context(), "slow")
	if err != nil || len(a) != 1 || a[0].Content != strings.Repeat("word ", 1000) {
		t.Errorf("artifacts: %d, %v", len(a), err)
	}
	if failed, err := h.Failures(); err != nil || len(failed) > 0 {
		t.Errorf("failed: %v, %v", failed, err)
	}
	h.verify()
}

func chunks(s string, n int) (parts []string) {
	for i := range n {
		parts = append(parts, s[len(s)*i/n:len(s)*(i+1)/n])
	}
	return parts
}

func TestAFileReplacedWhileItIsRecordedIsRecordedInBothVersions(t *testing.T) {
	h := newHouse(t)
	release := h.hold() // keeps the daemon at its commit
	read := make(chan bool, 10)
	d := h.watch(ingest.Options{OnProgress: func(int, int) { read <- true }})
	h.drop("run.json", runDocument("first", "one"))
	<-read
	h.drop("run.json", runDocument("second", "two"))
	release()
	d.await(t, "the version that was read", isRun("first"))
	d.await(t, "the version that replaced it", isRun("second"))
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
	h.verify()
}

func TestTheSameNameUsedAgainOverwritesNothingInDone(t *testing.T) {
	h := newHouse(t)
	d := h.watch(ingest.Options{})
	for i := range 5 {
		id := fmt.Sprint("run-", i)
		h.drop("SPEC-1/result.json", runDocument(id, id))
		d.await(t, id, isRun(id))
	}
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
	if done := h.files(h.Done()); len(done) != 5 {
		t.Errorf("done: %v", done)
	}
	h.verify()
}

func TestPartsWaitForTheirRunAndLateOnesAmendIt(t *testing.T) {
	h := newHouse(t)
	d := h.watch(ingest.Options{AssembleTimeout: time.Hour, Rescan: 20 * time.Millisecond})
	h.drop("manifest.json", `{"run_id": "r", "spec_id": "SPEC-1", "stage": "spec-plan", "expected_agents": ["claude", "gemini"]}`)
	h.drop("a/claude.json", part("r", "claude", "yes"))
	h.drop("b/gemini.json", part("r", "gemini", "yes, too"))
	h.drop("c/synthesis.json", `{"run_id": "r", "spec_id": "SPEC-1", "stage": "plan", "synthesis": {"content": "both agree", "verdict": "unanimous"}}`)
	e := d.await(t, "the run", isRun("r"))
	if len(e.Files) != 4 || e.Verdict != schema.Unanimous {
		t.Errorf("event: %+v", e)
	}
	h.drop("late.json", part("r", "gpt_pro", "no"))
	e = d.await(t, "the amended run", isRun("r"))
	if e.Outcome != "amended" {
		t.Errorf("event: %+v", e)
	}
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
	r, err := h.Whole(t.Context(), "r")
	if err != nil || len(r.Artifacts) != 3 || len(r.Receipts) != 5 {
		t.Fatalf("run: %+v, %v", r, err)
	}
	if !slices.ContainsFunc(r.Findings, func(f findingRow) bool { return f.Code == "late_artifact" && f.Agent == "gpt_pro" }) {
		t.Errorf("findings: %v", r.Findings)
	}
	h.verify()
}

func TestADeadlineRecordsTheRunAsItIs(t *testing.T) {
	h := newHouse(t)
	d := h.watch(ingest.Options{AssembleTimeout: 50 * time.Millisecond})
	h.drop("claude.json", `{"spec_id": "SPEC-1", "stage": "plan", "agent": "claude", "content": "yes", "expected_agents": ["claude", "gemini"]}`)
	e := d.await(t, "the run", func(e ingest.Event) bool { return e.Outcome == "recorded" })
	if e.Verdict != schema.Failed || !slices.Equal(e.Missing, []string{"gemini"}) {
		t.Errorf("event: %+v", e)
	}
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
	h.verify()
}

func TestPartsOutliveTheDaemonThatReadThem(t *testing.T) {
	h := newHouse(t)
	d := h.watch(ingest.Options{AssembleTimeout: time.Hour})
	h.drop("claude.json", part("r", "claude", "yes"))
	h.drop("marker.json", runDocument("marker", "x"))
	d.await(t, "the marker", isRun("marker"))
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
	if left := h.files(h.Inbox()); !slices.Equal(left, []string{"claude.json"}) {
		t.Fatalf("inbox: %v", left)
	}
	d = h.watch(ingest.Options{AssembleTimeout: time.Hour})
	h.drop("manifest.json", `{"run_id": "r", "spec_id": "SPEC-1", "stage": "plan", "expected_agents": ["claude"], "complete": true}`)
	if e := d.await(t, "the run", isRun("r")); len(e.Files) != 2 {
		t.Errorf("event: %+v", e)
	}
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
	h.verify()
}

func TestAnObservedTreeIsReadInPlaceAsItGrows(t *testing.T) {
	h := newHouse(t)
	tree := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		path := filepath.Join(tree, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("old.json", runDocument("old", "x"))
	write("guardrail-1.json", `{"command": "spec-plan"}`)
	write("package.json", `{"name": "shop"}`)
	d := h.watch(ingest.Options{Observe: []string{tree}, Rescan: 20 * time.Millisecond})
	d.await(t, "what was there", isRun("old"))
	write("consensus/SPEC-2/new.json", runDocument("new", "y"))
	d.await(t, "what came", isRun("new"))
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
	want := []string{"consensus/SPEC-2/new.json", "guardrail-1.json", "old.json", "package.json"}
	if diff := cmp.Diff(want, sortedKeys(treeFiles(t, tree))); diff != "" {
		t.Error(diff)
	}
	if moved := append(h.files(h.Done()), h.files(h.Failed())...); len(moved) > 0 {
		t.Errorf("moved: %v", moved)
	}
	h.verify()
}

func TestADaemonThatWasKilledLooksBackIntoDone(t *testing.T) {
	h := newHouse(t)
	lock, err := h.Lock()
	if err != nil {
		t.Fatal(err)
	}
	if err := lock.Announce("", ingest.Options{}); err != nil { // and never says that it stopped
		t.Fatal(err)
	}
	if err := lock.Release(false); err != nil {
		t.Fatal(err)
	}
	day := filepath.Join(h.Done(), time.Now().UTC().Format(time.DateOnly), "SPEC-1")
	if err := os.MkdirAll(day, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(day, "unseen.json"), []byte(runDocument("unseen", "x")), 0o644); err != nil {
		t.Fatal(err)
	}
	d := h.watch(ingest.Options{})
	d.await(t, "the version nobody had looked at", isRun("unseen"))
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
	h.verify()
}

func TestASecondDaemonIsRefused(t *testing.T) {
	h := newHouse(t)
	h.watch(ingest.Options{})
	if _, err := h.Lock(); !errors.Is(err, ingest.ErrHeld) {
		t.Errorf("second lock: %v", err)
	}
	if holder, ok := h.Holder(); !ok {
		t.Errorf("holder: %+v, %v", holder, ok)
	}
}

func TestDoneIsNotKeptWhenNobodyWantsIt(t *testing.T) {
	h := newHouse(t)
	h.drop("run.json", runDocument("r", "x"))
	h.ingest(ingest.Options{KeepDone: -1})
	if left := append(h.files(h.Done()), h.files(h.Inbox())...); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
	h.verify()
}

func TestAPartDroppedTwiceUnderTwoNamesIsRecordedOnce(t *testing.T) {
	h := newHouse(t)
	h.drop("one.json", part("r", "claude", "yes"))
	h.drop("two.json", part("r", "claude", "yes"))
	counts, _ := h.ingest(ingest.Options{})
	if want := (ingest.Counts{Recorded: 1}); counts != want {
		t.Errorf("counts %+v, want %+v", counts, want)
	}
	if left := h.files(h.Inbox()); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
	h.verify()
}

func TestAnObservedTreeThatGoesAwayDoesNotKeepTheInboxFromBeingRecorded(t *testing.T) {
	h := newHouse(t)
	tree := filepath.Join(t.TempDir(), "tree")
	if err := os.Mkdir(tree, 0o755); err != nil {
		t.Fatal(err)
	}
	d := h.watch(ingest.Options{Observe: []string{tree}, Rescan: 10 * time.Millisecond})
	h.drop("zero.json", runDocument("zero", "x"))
	d.await(t, "zero", isRun("zero"))
	if err := os.Remove(tree); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"one", "two", "three"} {
		h.drop(id+".json", runDocument(id, id))
		d.await(t, id, isRun(id))
	}
	if d.Trouble() != nil {
		t.Errorf("trouble: %v", d.Trouble().Err)
	}
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
	h.verify()
}
