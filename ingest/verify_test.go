package ingest_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/consensusd/consensusd/ingest"
	"github.com/consensusd/consensusd/store"
)

// The home that is damaged: a run document, a run of parts that end in a
// synthesis, one of whom only the operator knows who was expected, and another that is a minority's, a document
// that only its folder gives a spec, and one that is rejected.
var verified = map[string]string{
	"whole.json": `{"run_id": "whole", "spec_id": "SPEC-A", "stage": "plan", "timestamp": "2025-10-30T12:00:00Z",
		"expected_agents": ["claude", "gemini", "gpt_pro"], "conflicts": ["cart or checkout first"], "consensus_ok": true, "degraded": false, "agents": [
		{"agent": "claude", "content": "left"}, {"agent": "gemini", "content": "right"}, {"agent": "gpt_pro", "error": "timeout"}],
		"synthesis": {"content": "Left.", "verdict": "unanimous"}}`,
	"parts/claude.json":    `{"run_id": "parts", "spec_id": "SPEC-A", "stage": "tasks", "agent": "claude", "content": "one", "created_at": "2025-10-30T12:00:00Z"}`,
	"parts/gemini.json":    `{"run_id": "parts", "spec_id": "SPEC-A", "stage": "tasks", "agent": "gemini", "content": "two", "created_at": "2025-10-30T12:00:00Z"}`,
	"parts/manifest.json":  `{"run_id": "parts", "spec_id": "SPEC-A", "stage": "tasks", "expected_agents": ["claude", "gemini", "gpt_pro"]}`,
	"parts/synthesis.json": `{"run_id": "parts", "spec_id": "SPEC-A", "stage": "tasks", "synthesis": {"content": "Three.", "verdict": "degraded"}}`,
	"told.json":            `{"run_id": "told", "spec_id": "SPEC-A", "stage": "audit", "agent": "claude", "content": "fine"}`,
	"few.json": `{"run_id": "few", "spec_id": "SPEC-A", "stage": "unlock", "consensus_ok": true, "agents": [
		{"agent": "claude", "content": "go"}, {"agent": "stranger", "content": "go on"}]}`,
	"consensus/top.json":      `{"run_id": "top", "spec_id": "SPEC-A", "stage": "plan", "agent": "claude", "content": "in no spec's folder"}`,
	"consensus/SPEC-B/a.json": `{"run_id": "folder", "stage": "plan", "agent": "claude", "content": "by folder"}`,
	"bad.json":                `{"spec_id": "SPEC-A", "stage": "plan", "agents": "nobody"}`,
}

var expected = map[string][]string{"audit": {"claude", "gemini", "gpt_pro"}, "unlock": {"claude", "gemini", "gpt_pro", "gpt_codex"}}

func verifiedHome(t *testing.T) house {
	t.Helper()
	h := newHouse(t)
	for name, text := range verified {
		h.drop(name, text)
	}
	got, events := h.ingest(ingest.Options{Settle: 1, Expect: expected})
	if got.Recorded != 6 || got.Rejected != 1 {
		t.Fatalf("%+v %v", got, outcomes(events))
	}
	h.verify()
	return h
}

func TestVerifyFindsEveryKindOfDamage(t *testing.T) {
	day := time.Now().UTC().Format(time.DateOnly)
	done := func(name string) string { return filepath.Join("done", day, name) }
	run := func(id, why string) store.Problem {
		return store.Problem{Code: "judged_otherwise", What: "run", Which: id, Why: why}
	}
	file := func(code, which string) store.Problem {
		return store.Problem{Code: code, What: "file", Which: which}
	}
	sql := func(statements ...string) func(house) {
		return func(h house) { h.execute(statements...) }
	}
	damage := map[string]struct {
		harm func(house)
		want []store.Problem // Why is part of what is said
	}{
		"a verdict improved wherever it stands": {
			sql("UPDATE consensus_runs SET degraded = FALSE, missing_agents = '[]' WHERE run_id = 'whole'",
				"UPDATE synthesis_results SET consensus_verdict = 'unanimous' WHERE run_id = 'whole'"),
			[]store.Problem{run("whole", "verdict unanimous, not degraded; missing agents none, not gpt_pro")},
		},
		"a verdict improved where nobody was heard": {
			sql("UPDATE consensus_runs SET consensus_ok = TRUE WHERE run_id = 'told'"),
			[]store.Problem{run("told", "verdict degraded, not failed")},
		},
		"a minority made smaller": {
			sql("UPDATE run_findings SET detail = 'ok by 2 of 3 expected agents' WHERE run_id = 'few' AND code = 'minority'"),
			[]store.Problem{run("few", "finding minority (ok by 2 of 3 expected agents) too many")},
		},
		"a verdict of parts": {
			sql("UPDATE consensus_runs SET degraded = FALSE, missing_agents = '[]' WHERE run_id = 'parts'",
				"UPDATE synthesis_results SET consensus_verdict = 'unanimous' WHERE run_id = 'parts'"),
			[]store.Problem{run("parts", "verdict unanimous, not degraded")},
		},
		"a verdict made worse": {
			sql("UPDATE consensus_runs SET consensus_ok = FALSE WHERE run_id = 'parts'",
				"UPDATE synthesis_results SET consensus_verdict = 'failed' WHERE run_id = 'parts'"),
			[]store.Problem{run("parts", "verdict failed, not degraded")},
		},
		"an agent no longer missing":   {sql("UPDATE consensus_runs SET missing_agents = '[]' WHERE run_id = 'whole'"), []store.Problem{run("whole", "missing agents none, not gpt_pro")}},
		"a conflict forgotten":         {sql("UPDATE consensus_runs SET conflicts = '[]' WHERE run_id = 'whole'"), []store.Problem{run("whole", "conflicts none, not cart or checkout first")}},
		"another time":                 {sql("UPDATE consensus_runs SET timestamp = timestamp + 60 WHERE run_id = 'whole'"), []store.Problem{run("whole", "time 2025-10-30T12:01:00Z, not 2025-10-30T12:00:00Z")}},
		"another spec":                 {sql("UPDATE consensus_runs SET spec_id = 'SPEC-Z' WHERE run_id = 'whole'"), []store.Problem{run("whole", "finding spec_mismatch")}},
		"an answer deleted":            {sql("DELETE FROM agent_artifacts WHERE run_id = 'whole' AND agent = 'gemini'"), []store.Problem{run("whole", "missing agents gpt_pro, not gemini, gpt_pro")}},
		"a part's answer deleted":      {sql("DELETE FROM agent_artifacts WHERE run_id = 'parts' AND agent = 'gemini'"), []store.Problem{run("parts", "missing agents gpt_pro, not gemini, gpt_pro")}},
		"a failure deleted":            {sql("DELETE FROM agent_artifacts WHERE run_id = 'whole' AND agent = 'gpt_pro'"), []store.Problem{run("whole", "finding agent_failed gpt_pro (timeout) too many")}},
		"a failure denied":             {sql("UPDATE agent_artifacts SET metadata = '{}' WHERE run_id = 'whole' AND agent = 'gpt_pro'"), []store.Problem{run("whole", "finding agent_failed gpt_pro (timeout) too many")}},
		"all answers deleted":          {sql("DELETE FROM agent_artifacts WHERE run_id = 'whole'"), []store.Problem{{Code: "artifacts_gone", What: "run", Which: "whole"}}},
		"a finding deleted":            {sql("DELETE FROM run_findings WHERE run_id = 'whole' AND code = 'agent_failed'"), []store.Problem{run("whole", "finding agent_failed gpt_pro (timeout) lacks")}},
		"a finding invented":           {sql("INSERT INTO run_findings VALUES ('parts', 'truncated', 'claude', '')"), []store.Problem{run("parts", "finding truncated claude () too many")}},
		"what was reported":            {sql("UPDATE synthesis_results SET metadata = '{}' WHERE run_id = 'parts'"), []store.Problem{run("parts", "synthesis with other metadata")}},
		"a report that is none":        {sql("UPDATE receipts SET report = 'nothing' WHERE run_id = 'told'"), []store.Problem{{Code: "report_unreadable", What: "run", Which: "told"}}},
		"a report improved":            {sql("UPDATE receipts SET report = REPLACE(report, '\"gpt_pro\"', '\"gemini\"') WHERE path = 'parts/manifest.json'"), []store.Problem{run("parts", "missing agents gpt_pro, not none")}},
		"an answer altered":            {sql("UPDATE agent_artifacts SET content = 'three' WHERE run_id = 'parts' AND agent = 'claude'"), []store.Problem{{Code: "artifact_altered", What: "artifact"}}},
		"a receipt deleted":            {sql("DELETE FROM receipts WHERE run_id = 'whole'"), []store.Problem{file("file_unrecorded", done("whole.json"))}},
		"a receipt of a part deleted":  {sql("DELETE FROM receipts WHERE path = 'parts/gemini.json'"), []store.Problem{file("file_unrecorded", done("parts/gemini.json"))}},
		"a receipt that says rejected": {sql("UPDATE receipts SET state = 'rejected' WHERE run_id = 'whole'"), []store.Problem{{Code: "receipt_state", What: "receipt"}, file("file_unrecorded", done("whole.json"))}},
		"a receipt that names no run":  {sql("UPDATE receipts SET run_id = '' WHERE run_id = 'whole'"), []store.Problem{{Code: "receipt_without_run", What: "receipt"}}},
		"a rejection forgotten":        {sql("DELETE FROM receipts WHERE state = 'rejected'"), []store.Problem{file("failed_without_receipt", "failed/bad.json")}},
		"a run deleted": {
			sql("DELETE FROM agent_artifacts WHERE run_id = 'told'", "DELETE FROM consensus_runs WHERE run_id = 'told'"),
			[]store.Problem{{Code: "receipt_without_run", What: "receipt", Why: "its run told is not in the database"}},
		},
		"a file in done altered": {
			func(h house) { h.write(done("whole.json"), verified["whole.json"]+" ") },
			[]store.Problem{file("file_unrecorded", done("whole.json"))},
		},
		"a large file in done altered": {
			func(h house) { h.write(done("large.json"), h.ingestLarge()+" ") },
			[]store.Problem{file("file_unrecorded", done("large.json"))},
		},
		"a file that nobody recorded": {
			func(h house) { h.write(done("stray.json"), verified["bad.json"]+" ") },
			[]store.Problem{file("file_unrecorded", done("stray.json"))},
		},
		"a rejected file in done": {
			func(h house) { h.write(done("stray.json"), verified["bad.json"]) },
			[]store.Problem{file("file_unrecorded", done("stray.json"))},
		},
		"a file under another spec's name": {
			func(h house) { h.write(done("consensus/SPEC-C/a.json"), verified["consensus/SPEC-B/a.json"]) },
			[]store.Problem{file("file_identity", done("consensus/SPEC-C/a.json"))},
		},
		"a link in done": {
			func(h house) { h.must(os.Symlink("whole.json", filepath.Join(string(h.Home), done("link.json")))) },
			[]store.Problem{file("file_unreadable", done("link.json"))},
		},
		"a reason deleted":      {func(h house) { h.remove("failed/bad.json.reason.json") }, []store.Problem{file("reason_missing", "failed/bad.json")}},
		"a failed file deleted": {func(h house) { h.remove("failed/bad.json") }, []store.Problem{file("reason_without_file", "failed/bad.json.reason.json")}},
		"a failed file altered": {func(h house) { h.write("failed/bad.json", "{}") }, []store.Problem{file("failed_altered", "failed/bad.json")}},
		"an interrupted put": {
			func(h house) {
				h.write("staging/00ff.json", "{")
				hourAgo := time.Now().Add(-time.Hour)
				h.must(os.Chtimes(filepath.Join(h.Staging(), "00ff.json"), hourAgo, hourAgo))
			},
			[]store.Problem{file("staging_left", "staging/00ff.json")},
		},
		"no damage: a failed file that is retried": {
			func(h house) { h.remove("failed/bad.json"); h.write("inbox/bad.json", verified["bad.json"]) }, nil,
		},
		"no damage: a large file":                {func(h house) { h.ingestLarge() }, nil},
		"no damage: a put that is being written": {func(h house) { h.write("staging/00ff.json", "{") }, nil},
		"no damage: a copy under a name like it": {func(h house) {
			h.write(done("consensus/SPEC-B/a~0123456789ab.json"), verified["consensus/SPEC-B/a.json"])
		}, nil},
		"no damage: what the daemon passes by":      {func(h house) { h.write(done(".DS_Store"), "") }, nil},
		"no damage: done without the file recorded": {func(h house) { h.remove(done("whole.json")) }, nil},
	}
	codes := documentedCodes(t)
	for name, d := range damage {
		t.Run(name, func(t *testing.T) {
			h := verifiedHome(t)
			d.harm(h)
			got, err := h.Home.Verify(t.Context(), h.Store, nil)
			if err != nil {
				t.Fatal(err)
			}
			same := cmp.Comparer(func(want, got store.Problem) bool {
				return want.Code == got.Code && want.What == got.What && (want.Which == "" || got.Which == "" || want.Which == got.Which) &&
					(strings.Contains(got.Why, want.Why) || strings.Contains(want.Why, got.Why))
			})
			if diff := cmp.Diff(d.want, got, same); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			for _, p := range got {
				if !slices.Contains(codes, p.Code) {
					t.Errorf("docs/guarantees.md does not tell of %s", p.Code)
				}
			}
		})
	}
}

// ingestLarge records a document that verify does not read whole at first.
func (h house) ingestLarge() string {
	h.t.Helper()
	text := `{"run_id": "large", "stage": "plan", "spec_id": "S", "agents": [{"agent": "claude", "content": "` + strings.Repeat("much ", 300_000) + `"}]}`
	h.drop("large.json", text)
	h.ingest(ingest.Options{})
	return text
}

// documentedCodes are those of the table in the guarantees.
func documentedCodes(t *testing.T) (codes []string) {
	t.Helper()
	b, err := os.ReadFile("../docs/guarantees.md")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if code, _, ok := strings.Cut(strings.TrimPrefix(line, "| `"), "` |"); ok && strings.HasPrefix(line, "| `") {
			codes = append(codes, code)
		}
	}
	return codes
}

func (h house) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

func (h house) write(name, text string) {
	h.t.Helper()
	path := filepath.Join(string(h.Home), name)
	h.must(os.MkdirAll(filepath.Dir(path), 0o755))
	h.must(os.WriteFile(path, []byte(text), 0o644))
}

func (h house) remove(name string) {
	h.t.Helper()
	h.must(os.Remove(filepath.Join(string(h.Home), name)))
}

// execute changes the database past the store.
func (h house) execute(statements ...string) {
	h.t.Helper()
	db := h.plain()
	defer db.Close()
	for _, s := range statements {
		result, err := db.Exec(s)
		h.must(err)
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			h.t.Fatalf("%s: changed %d rows, %v", s, n, err)
		}
	}
}
