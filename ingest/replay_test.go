package ingest_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/consensusd/consensusd/ingest"
	"github.com/consensusd/consensusd/store"
)

// replay records what done/ holds into a new database.
func (h house) replay(opts ingest.Options) house {
	h.t.Helper()
	again := newHouse(h.t)
	opts.OnEvent = func(e ingest.Event) {
		if e.Rejection != nil {
			h.t.Errorf("%s: %v", e.Files, e.Rejection)
		}
	}
	if err := ingest.New(h.Home, again.Store, opts).Replay(h.t.Context(), h.Done()); err != nil {
		h.t.Fatal(err)
	}
	return again
}

// compare compares a replay with the home.
func (h house) compare(replay house) store.Compared {
	h.t.Helper()
	c, err := store.Compare(h.t.Context(), replay.Store, h.Store, nil)
	if err != nil {
		h.t.Fatal(err)
	}
	return c
}

// mustReplay demands that done/ makes the database once more.
func (h house) mustReplay(opts ingest.Options) {
	h.t.Helper()
	before := treeFiles(h.t, h.Done())
	again := h.replay(opts)
	c := h.compare(again)
	if c.Runs == 0 || c.Same != c.Runs || c.Absent != 0 || len(c.Problems) > 0 {
		h.t.Errorf("replayed: %+v", c)
	}
	if diff := cmp.Diff(before, treeFiles(h.t, h.Done())); diff != "" {
		h.t.Errorf("done/ was touched:\n%s", diff)
	}
	problems, err := again.Store.Verify(h.t.Context(), nil)
	if err != nil || len(problems) > 0 {
		h.t.Errorf("the new database: %v, %v", problems, err)
	}
}

func TestWhatWasDroppedInAnyOrderIsReplayedToTheSameDatabase(t *testing.T) {
	for name, dir := range trees(t) {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(3) {
				h := newHouse(t)
				dropAtRandom(t, h, treeFiles(t, dir), seed)
				h.mustReplay(ingest.Options{})
				if diff := cmp.Diff(h.dump(), h.replay(ingest.Options{}).dump()); diff != "" {
					t.Errorf("seed %d:\n%s", seed, diff)
				}
			}
		})
	}
}

// Parts that came on several days, under names that were taken, belong to one
// run; one that came late was late but once.
func TestAnAmendedRunIsReplayedFromTheFilesOfSeveralDays(t *testing.T) {
	h := newHouse(t)
	part := func(agent, content string) string {
		return fmt.Sprintf(`{"run_id": "r", "spec_id": "S", "stage": "plan", "agent": %q, "content": %q}`, agent, content)
	}
	drop := func(texts map[string]string) {
		for name, text := range texts {
			h.drop(name, text)
		}
		h.ingest(ingest.Options{})
	}
	const folder = "consensus/SPEC-OTHER/b.json" // which a finding names
	const name = "consensus/a.json"
	drop(map[string]string{name: part("claude", "left"), folder: part("gpt_pro", "up")})
	days, err := os.ReadDir(h.Done())
	h.must(err)
	h.must(os.Rename(filepath.Join(h.Done(), days[0].Name()), filepath.Join(h.Done(), "2025-10-29")))
	drop(map[string]string{name: part("gemini", "right"), folder: part("gpt_pro", "down")})
	drop(map[string]string{name: part("gemini", "wrong"), folder: `{"run_id": "r", "spec_id": "S", "stage": "plan", "timestamp": "2025-10-29T12:00:00Z", "synthesis": {"content": "Left."}}`})
	if files := h.files(h.Done()); len(files) != 6 || !strings.Contains(fmt.Sprint(files), "~") {
		t.Fatalf("done/ holds %v", files)
	}
	h.mustReplay(ingest.Options{})
}

func TestAReplayTellsApartRunsThatHaveOnlyTheirArrivalInCommon(t *testing.T) {
	opts := ingest.Options{Expect: map[string][]string{"plan": {"claude", "gemini"}}}
	h := newHouse(t)
	d := h.watch(ingest.Options{Expect: opts.Expect, Rescan: 20 * time.Millisecond})
	for n := range 3 {
		for _, agent := range []string{"claude", "gemini"} {
			h.drop(agent+".json", fmt.Sprintf(`{"spec_id": "S", "stage": "plan", "agent": %q, "content": "answer %d"}`, agent, n))
		}
		h.drop("synthesis.json", fmt.Sprintf(`{"spec_id": "S", "stage": "plan", "synthesis": {"content": "Synthesis %d."}}`, n))
		d.await(t, "the run", func(e ingest.Event) bool { return e.Outcome == "recorded" })
	}
	h.must(d.stop())
	// As if minutes had passed between the runs.
	for name, text := range treeFiles(t, h.Done()) {
		for n := range 3 {
			if strings.Contains(text, fmt.Sprintf("answer %d", n)) || strings.Contains(text, fmt.Sprintf("Synthesis %d", n)) {
				path := filepath.Join(h.Done(), name)
				info, err := os.Stat(path)
				h.must(err)
				at := info.ModTime().Add(time.Duration(n-3) * time.Minute)
				h.must(os.Chtimes(path, at, at))
			}
		}
	}
	again := h.replay(opts)
	if totals, err := again.Totals(t.Context()); err != nil || totals.Runs != 3 {
		t.Errorf("replayed %d runs, %v, want 3", totals.Runs, err)
	}
}

// Of copies that have no time but their files', the first made the run.
func TestAReplayTakesOfCopiesTheOneThatCameFirst(t *testing.T) {
	h := newHouse(t)
	at := time.Date(2025, 10, 30, 12, 0, 0, 0, time.UTC)
	for n, name := range []string{"z/z.json", "b.json", "y/a.json", "a.json"} {
		h.drop(name, `{"spec_id": "S", "stage": "plan", "agents": [{"agent": "claude", "content": "left"}]}`)
		path := filepath.Join(h.Inbox(), name)
		h.must(os.Chtimes(path, at, at.Add(time.Duration(n)*time.Hour)))
		h.ingest(ingest.Options{})
	}
	h.mustReplay(ingest.Options{})
}

func TestAReplayCountsWhatDoneDoesNotHoldAnyMore(t *testing.T) {
	h := verifiedHome(t)
	day := filepath.Join("done", time.Now().UTC().Format(time.DateOnly))
	h.remove(filepath.Join(day, "whole.json"))
	h.remove(filepath.Join(day, "parts/gemini.json"))
	c := h.compare(h.replay(ingest.Options{Expect: expected}))
	want := store.Compared{Runs: 5, Same: 4, Fewer: 1, Absent: 1, Problems: []store.Problem{}}
	if diff := cmp.Diff(want, c); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// What verify cannot know of, the documents still tell.
func TestAReplayFindsWhatVerifyCannot(t *testing.T) {
	harm := map[string]struct {
		statements []string
		code       string
	}{
		"an answer that nobody expected is deleted": {
			[]string{"DELETE FROM agent_artifacts WHERE agent = 'stranger'"}, "run_differs",
		},
		"a run is deleted, and its receipts": {
			[]string{
				"DELETE FROM agent_artifacts WHERE run_id = 'free'", "DELETE FROM receipts WHERE run_id = 'free'",
				"DELETE FROM consensus_runs WHERE run_id = 'free'",
			}, "document_lacks",
		},
		"an agent only the operator expected is not missing any more": {
			[]string{"UPDATE consensus_runs SET missing_agents = '[]', degraded = FALSE, consensus_ok = TRUE WHERE run_id = 'told'"}, "run_differs",
		},
	}
	for name, test := range harm {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			h.drop("free.json", `{"run_id": "free", "spec_id": "S", "stage": "plan", "expected_agents": ["claude"], "agents": [{"agent": "claude", "content": "left"}, {"agent": "stranger", "content": "right"}]}`)
			h.drop("told.json", `{"run_id": "told", "spec_id": "S", "stage": "audit", "agent": "claude", "content": "left"}`)
			opts := ingest.Options{Expect: map[string][]string{"audit": {"claude", "gemini"}}}
			h.ingest(opts)
			h.mustReplay(opts)
			h.execute(test.statements...)
			problems, err := h.Store.Verify(t.Context(), nil)
			if err != nil || len(problems) > 0 {
				t.Errorf("the database alone: %v, %v", problems, err)
			}
			c := h.compare(h.replay(opts))
			if len(c.Problems) != 1 || c.Problems[0].Code != test.code {
				t.Errorf("compared: %+v, want %s", c, test.code)
			}
		})
	}
}
