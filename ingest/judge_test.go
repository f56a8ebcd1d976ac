package ingest

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/consensusd/consensusd/schema"
	"github.com/consensusd/consensusd/store"
)

// A paper is a file as it lies in the inbox.
type paper struct{ path, text string }

// papers gives texts names of their own.
func papers(texts ...string) (list []paper) {
	for i, text := range texts {
		list = append(list, paper{string(rune('a'+i)) + ".json", text})
	}
	return list
}

func evidenceFrom(t testing.TB, list ...paper) *evidence {
	t.Helper()
	docs := make([]*document, len(list))
	for i, p := range list {
		docs[i] = mustRead(t, p.path, p.text)
	}
	return evidenceOf(docs, noon)
}

const (
	inRun  = `"run_id":"r","spec_id":"SPEC-1","stage":"plan","timestamp":"2026-02-28T10:00:00Z",`
	anEcho = `{"risks":["string"],"conflicts":["of the schema"]}`
)

// runOf writes a run document. An agent is its name: alone it answers, after -
// it failed, after ? it is blank, and after ~ it echoes the prompt.
func runOf(report string, agents ...string) string {
	var list []string
	for _, a := range agents {
		name := strings.Trim(a, "-?~")
		said := `"content":"The answer of ` + name + `."`
		switch a[0] {
		case '-':
			said = `"error":"timeout"`
		case '?':
			said = `"content":" "`
		case '~':
			said = `"content":` + jsonText(anEcho)
		}
		list = append(list, `{"agent":"`+name+`",`+said+`}`)
	}
	return `{` + inRun + report + `"agents":[` + strings.Join(list, ",") + `]}`
}

func TestTheJudgeIsNeverBetterThanTheEvidence(t *testing.T) {
	const ok, notOK, degraded = `"consensus_ok":true,`, `"consensus_ok":false,`, `"consensus_ok":true,"degraded":true,`
	type outcome struct {
		OK, Degraded       bool
		Missing, Conflicts []string
	}
	conflicting := `{` + inRun + `"agent":"c","content":` + jsonText(`{"steps":["s"],"conflicts":["x","y"]}`) + `}`
	stub := `{` + inRun + `"agent":"c","error":"agent execution failed","consensus":{"status":"ok","conflicts":["c execution failed"]}}`
	synthesis := func(status string) string {
		return `{"run_id":"r","specId":"SPEC-1","stage":"plan","status":"` + status + `","consensus":{"conflicts":[]}}`
	}
	for _, test := range []struct {
		says   string
		papers []paper
		expect []string
		want   outcome
	}{
		// Reported.
		{"ok, and everybody answers", papers(runOf(ok, "a", "b")), nil, outcome{OK: true}},
		{"ok, but nothing is usable", papers(runOf(ok, "-a", "?b", "~c")), nil, outcome{Degraded: true, Missing: []string{"a", "b", "c"}}},
		{"ok, without any answer", papers(synthesis("ok")), nil, outcome{}},
		{"ok, with one of four", papers(runOf(ok, "a", "-b", "?c", "~d")), nil, outcome{OK: true, Degraded: true, Missing: []string{"b", "c", "d"}}},
		{"ok, by somebody unexpected alone", papers(runOf(ok+`"expected_agents":["b"],`, "a", "-b")), nil, outcome{OK: true, Degraded: true, Missing: []string{"b"}}},
		{"ok, with conflicts", papers(runOf(ok+`"conflicts":["x"],`, "a", "b")), nil, outcome{OK: true, Conflicts: []string{"x"}}},
		{"degraded, but nobody is missing", papers(runOf(degraded, "a", "b")), nil, outcome{OK: true, Degraded: true}},
		{"degraded as a word", papers(runOf("", "a"), synthesis("degraded")), nil, outcome{OK: true, Degraded: true}},
		{"not degraded, but somebody is missing", papers(runOf(ok+`"degraded":false,`, "a", "b", "-c")), nil, outcome{OK: true, Degraded: true, Missing: []string{"c"}}},
		{"not ok, and everybody answers", papers(runOf(notOK, "a", "b")), nil, outcome{}},
		{"hold", papers(runOf("", "a", "b"), synthesis("hold")), nil, outcome{}},
		{"missing, though the answer is there", papers(runOf(ok+`"missing_agents":["b"],`, "a", "b")), nil, outcome{OK: true, Degraded: true, Missing: []string{"b"}}},
		{"missing, whom nobody expected", papers(runOf(ok+`"missing_agents":["c"],"expected_agents":["a"],`, "a")), nil, outcome{OK: true, Degraded: true, Missing: []string{"c"}}},
		{"ok and then not ok", papers(runOf(ok, "a", "b"), synthesis("failed")), nil, outcome{}},
		{"not ok and then ok", papers(runOf(notOK, "a", "b"), synthesis("ok")), nil, outcome{}},
		{"ok in one member and failed in another", papers(runOf(ok+`"synthesis":{"verdict":"failed"},`, "a")), nil, outcome{}},
		{"unanimous and yet degraded", papers(runOf(degraded+`"synthesis":{"verdict":"unanimous"},`, "a")), nil, outcome{OK: true, Degraded: true}},
		{"degraded here and not there", papers(runOf(degraded, "a"), `{`+inRun+`"synthesis":{"verdict":"unanimous"}}`), nil, outcome{OK: true, Degraded: true}},

		// Not reported.
		{"everybody answers", papers(runOf("", "a", "b")), nil, outcome{OK: true}},
		{"half of them answers", papers(runOf("", "a", "-b")), nil, outcome{Degraded: true, Missing: []string{"b"}}},
		{"more than half of them answers", papers(runOf("", "a", "b", "?c")), nil, outcome{OK: true, Degraded: true, Missing: []string{"c"}}},
		{"half of the expected answers, and others", papers(runOf(`"expected_agents":["a","b"],`, "a", "c", "d")), nil, outcome{Degraded: true, Missing: []string{"b"}}},
		{"half of whom the operator expects answers", papers(runOf("", "a")), []string{"a", "b"}, outcome{Degraded: true, Missing: []string{"b"}}},
		{"the documents know better than the operator", papers(runOf(`"expected_agents":["a"],`, "a")), []string{"a", "b"}, outcome{OK: true}},
		{"there is a conflict", papers(runOf("", "a", "b"), conflicting), nil, outcome{Conflicts: []string{"x", "y"}}},
		{"nobody answers", papers(`{` + inRun + `"expected_agents":["a"]}`), nil, outcome{Degraded: true, Missing: []string{"a"}}},
		{"a word for no known status", papers(runOf("", "a", "-b"), synthesis("fabulous")), nil, outcome{Degraded: true, Missing: []string{"b"}}},
		{"a template says ok", append(papers(runOf("", "a", "-b")), paper{"SPEC-1/spec-plan_synthesis.json",
			`{"run_id":"r","stage":"${stage}","specId":"${spec}","status":"ok","agents":[]}`}), nil, outcome{Degraded: true, Missing: []string{"b"}}},
		{"a runner's telemetry says ok", papers(runOf("", "a", "-b"), `{"run_id":"r","specId":"SPEC-1","command":"plan","schemaVersion":"2.0","consensus":{"status":"ok"},"consensusStatus":"ok"}`),
			nil, outcome{Degraded: true, Missing: []string{"b"}}},
		{"who failed says ok", papers(runOf("", "a"), stub), nil, outcome{Degraded: true, Missing: []string{"c"}}},
		{"an echo says ok", papers(runOf("", "a"), `{`+inRun+`"agent":"c","risks":["string"],"consensus":{"status":"ok"}}`), nil, outcome{Degraded: true, Missing: []string{"c"}}},

		// Who is missing, and what conflicts.
		{"a failed agent is missing, also unexpected", papers(runOf(ok+`"expected_agents":["a","b"],`, "a", "b", "-c")), nil, outcome{OK: true, Degraded: true, Missing: []string{"c"}}},
		{"an agent whose second attempt is good is not missing", papers(runOf(ok, "a", "-b", "b")), nil, outcome{OK: true}},
		{"metrics say that the answer failed", papers(runOf(ok, "a", "b"), `{`+inRun+`"agent":"b","latency_ms":1,"cost_usd":1,"error":{"code":429}}`), nil, outcome{OK: true, Degraded: true, Missing: []string{"b"}}},
		{"metrics say so by their status", papers(runOf(ok, "a", "b"), `{`+inRun+`"agent":"b","latency_ms":1,"cost_usd":1,"status":"failed"}`), nil, outcome{OK: true, Degraded: true, Missing: []string{"b"}}},
		{"metadata say that the answer failed", papers(runOf(ok, "a"), `{`+inRun+`"agent":"b","content":"c","metadata":{"error":"cut off"}}`), nil, outcome{OK: true, Degraded: true, Missing: []string{"b"}}},
		{"conflicts of what is unusable do not count", papers(runOf(ok, "a", "~b"), stub), nil, outcome{OK: true, Degraded: true, Missing: []string{"b", "c"}}},
		{"each conflict counts once", papers(runOf(ok+`"conflicts":["y","z"],`, "a"), conflicting), nil, outcome{OK: true, Conflicts: []string{"y", "z", "x"}}},
		{"what was resolved is no conflict", papers(runOf("", "a"), `{"run_id":"r","specId":"SPEC-1","stage":"plan","status":"fine","consensus":{"conflicts_resolved":["x",{"issue":"y"}]}}`), nil, outcome{OK: true}},
	} {
		t.Run(test.says, func(t *testing.T) {
			run := evidenceFrom(t, test.papers...).judge(test.expect).record().Run
			if diff := cmp.Diff(test.want, outcome{run.ConsensusOK, run.Degraded, run.MissingAgents, run.Conflicts}); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// findings lists a record's findings, sorted, as code, agent and detail.
func findings(r store.Record) (list []string) {
	for _, f := range r.Findings {
		list = append(list, f.Code+" "+f.Agent+": "+f.Detail)
	}
	slices.Sort(list)
	return list
}

func TestTheSmallestEvidenceForEachFinding(t *testing.T) {
	const fails = "verdict_mismatch : reported unanimous, the evidence shows failed"
	for _, test := range []struct {
		papers []paper
		want   []string
	}{
		{papers(runOf("", "a", "b", "-c")), []string{"agent_failed c: timeout"}},
		{papers(runOf("", "a"), `{`+inRun+`"agent":"stub","content":"c"}`), []string{"agent_failed stub: a stub, no answer"}},
		{papers(runOf("", "a"), `{`+inRun+`"agent":"b","model":"stub-model"}`), []string{"agent_failed b: a stub, no answer"}},
		{papers(runOf("", "a", "b", "?c")), []string{"empty_content c: "}},
		{papers(runOf("", "a", "b"), `{`+inRun+`"agent":"c","latency_ms":1,"cost_usd":1}`), []string{"empty_content c: metrics, but no answer"}},
		{papers(runOf("", "a", "b", "~c")), []string{"schema_echo c: the prompt's schema, handed back"}},
		{papers(runOf("", "a", "b"), `{`+inRun+`"agent":"c","content":"OpenAI Codex v1\nuser\nDo.\ncodex\n"}`),
			[]string{"schema_echo c: the transcript holds the prompt, and no answer", "transcript_wrapped c: a transcript or terminal capture is around it"}},
		{append(papers(runOf("", "a")), paper{"SPEC-1/spec-plan_synthesis.json", `{"run_id":"r","status":"${status}"}`}),
			[]string{"placeholder : the synthesis is a template that nobody filled in: it reports nothing"}},
		{papers(`{` + inRun + `"agents":[{"agent":"a","content":"[\"first\", \"sec"}]}`), []string{"truncated a: the answer ends in the middle"}},
		{papers(`{` + inRun + `"agents":[{"agent":"a","content":"OpenAI Codex v1\nuser\nDo.\ncodex\nDone.\n"}]}`), []string{"transcript_wrapped a: a transcript or terminal capture is around it"}},
		{papers(`{` + inRun + `"agents":[{"agent":"a","content":"c"},{"agent":"b","content":"c"}]}`), []string{"duplicate_content : a, b gave the same answer"}},
		{papers(`{` + inRun + `"agents":[{"agent":"a","content":"c"},{"agent":"a","content":"d"}]}`), []string{"multiple_attempts a: 2 different answers"}},
		{papers(`{` + inRun + `"agents":[{"agent":"a","content":{"agent":"B-b","steps":[1]}}]}`), []string{"agent_mismatch a: the answer says it is b_b's"}},
		{papers(`{` + inRun + `"agents":[{"agent":"a","content":{"stage":"spec-review","steps":[1]}}]}`), []string{"stage_mismatch a: answers stage audit"}},
		{[]paper{{"SPEC-2/x.json", runOf("", "a")}}, []string{"spec_mismatch : x.json is in folder SPEC-2 and says SPEC-1"}},
		{papers(runOf("", "a"), `{"run_id":"r","spec_id":"SPEC-9","stage":"tasks","agent":"b","content":"c"}`),
			[]string{"spec_mismatch : b.json says SPEC-9", "stage_mismatch : b.json says tasks"}},
		{papers(runOf(`"consensus_ok":true,`, "?a")), []string{"empty_content a: ", fails}},
		{papers(runOf(`"consensus_ok":true,"missing_agents":[],`, "a", "b", "-c")), []string{"agent_failed c: timeout",
			"verdict_mismatch : reported unanimous, the evidence shows degraded; reported missing nobody, the evidence lacks c"}},
		{papers(runOf(`"degraded":false,`, "a", "b", "?c")), []string{"empty_content c: ", "verdict_mismatch : reported not degraded, the evidence shows degraded"}},
		{papers(runOf(`"consensus_ok":true,"degraded":true,`, "a", "?b")), []string{"empty_content b: ", "minority : ok by 1 of 2 expected agents"}},
		{papers(`{` + inRun + `"synthesis":{"content":"y"}}`), []string{"no_artifacts : no agent's answer is there"}},
		{papers(runOf(`"consensus_ok":true,"degraded":true,"missing_agents":["c"],`, "a", "b", "?c")), []string{"empty_content c: "}},
		{papers(runOf(`"consensus_ok":true,"degraded":false,"missing_agents":[],`, "a", "b")), nil},
	} {
		if diff := cmp.Diff(test.want, findings(evidenceFrom(t, test.papers...).judge(nil).record())); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.papers[len(test.papers)-1].text, diff)
		}
	}
}

func TestWhatWasReportedStaysBesideTheVerdict(t *testing.T) {
	r := evidenceFrom(t, papers(runOf(`"consensus_ok":true,"missing_agents":["b"],"conflicts":["x"],"synthesis":{"content":"y","verdict":"unanimous","metadata":{"reported":"mine"}},`, "?a"))...).judge(nil).record()
	want := schema.Object(`{"expected_agents":["a","b"],"reported":{"consensus_ok":true,"degraded":false,"missing_agents":["b"],"conflicts":["x"],"status":"unanimous"}}`)
	if y := r.Syntheses[0]; y.Metadata != want || y.ConsensusVerdict != schema.Failed {
		t.Errorf("%s\n%s, want\n%s", y.ConsensusVerdict, y.Metadata, want)
	}
}

func TestAnAnswersOwnErrorAndItsMetricsAreInItsMetadata(t *testing.T) {
	r := evidenceFrom(t, papers(
		`{`+inRun+`"agent":"a","content":"c","error":"cut off","metadata":{"model":"m","status":"mine"}}`,
		`{`+inRun+`"agent":"a","latency_ms":1,"cost_usd":1,"status":"error","error":"timeout"}`,
		`{`+inRun+`"command":"plan","schemaVersion":1,"consensus":{"agents":[{"agent":"a","latency_ms":99,"tokens":5},{"agent":"b"}]}}`,
	)...).judge(nil).record()
	const common = `"run_id":"r","spec_id":"SPEC-1","stage":"plan","status":"error","timestamp":"2026-02-28T10:00:00Z","tokens":5}`
	want := []schema.Object{`{"cost_usd":1,"error":"cut off","latency_ms":1,"model":"m",` + common, `{"source":"metrics"}`}
	if diff := cmp.Diff(want, []schema.Object{r.Artifacts[0].Metadata, r.Artifacts[1].Metadata}); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

var rankOf = map[schema.Verdict]int{schema.Failed: 0, schema.Degraded: 1, schema.Unanimous: 2}

func TestAVerdictIsNeverBetterThanReportedAndRestsOnAnAnswer(t *testing.T) {
	for seed := range uint64(600) {
		s := &scatter{Rand: rand.New(rand.NewPCG(seed, 1)), named: seed%2 == 0, dated: true}
		list := s.papers()
		j := evidenceFrom(t, list...).judge(pick(s.Rand, nil, []string{"claude", "o3"}))
		r := j.record()
		is := store.Verdict(r.Run)
		if said := j.reported; said.OK != nil {
			if reported := schema.VerdictOf(*said.OK, said.Degraded != nil && *said.Degraded); rankOf[is] > rankOf[reported] {
				t.Fatalf("seed %d: %s, but reported %s\n%s", seed, is, reported, shown(list))
			}
		}
		rests := slices.ContainsFunc(r.Artifacts, func(a store.Artifact) bool {
			read := readContent(a.Content)
			return !read.Blank && !read.Echo && !strings.Contains(string(a.Metadata), `"error":"`)
		})
		if is != schema.Failed && !rests {
			t.Fatalf("seed %d: %s, but no answer is usable\n%s", seed, is, shown(list))
		}
		if is == schema.Unanimous && len(r.Run.MissingAgents) > 0 {
			t.Fatalf("seed %d: unanimous without %q\n%s", seed, r.Run.MissingAgents, shown(list))
		}
	}
}

func TestAFailedAnswerNeverImprovesAVerdict(t *testing.T) {
	for seed := range uint64(600) {
		s := &scatter{Rand: rand.New(rand.NewPCG(seed, 2)), dated: true}
		list := s.papers()
		agent := pick(s.Rand, "claude", "gemini", "o3", "nobody")
		stub := paper{"stub.json", `{` + inRun + `"agent":"` + agent + `",` + pick(s.Rand, `"error":"timeout"`, `"error":"e","content":"yes"`, `"content":""`, `"content":`+jsonText(anEcho),
			`"error":"agent execution failed","consensus":{"conflicts":["failed"],"status":"ok"}`, `"model":"stub-model","consensus":{"status":"ok"}`,
			`"latency_ms":1,"cost_usd":1,"status":"error"`, `"risks":["string"],"consensus":{"status":"complete"}`) + `}`}
		without := evidenceFrom(t, list...).judge(nil).record().Run
		with := evidenceFrom(t, append(list, stub)...).judge(nil).record().Run
		if rankOf[store.Verdict(with)] > rankOf[store.Verdict(without)] {
			t.Fatalf("seed %d: from %s to %s by %s\n%s", seed, store.Verdict(without), store.Verdict(with), stub.text, shown(list))
		}
		if without.Degraded && !with.Degraded {
			t.Fatalf("seed %d: not degraded any more by %s\n%s", seed, stub.text, shown(list))
		}
	}
}

func TestWhatComesAfterItsRunWasRecordedIsNoted(t *testing.T) {
	stored, err := storedEvidence(evidenceFrom(t, papers(runOf("", "a"))...).judge(nil).record())
	if err != nil {
		t.Fatal(err)
	}
	for _, more := range [][]paper{
		{{"x.json", `{` + inRun + `"agent":"b","content":"c"}`}, {"w.json", `{"run_id":"r","spec_id":"SPEC-9","stage":"plan","agent":"c","content":"d"}`}},
		{{"y.json", `{"run_id":"r","spec_id":"SPEC-9","stage":"tasks","synthesis":{}}`}},
		{{"z.json", `{` + inRun + `"agent":"a","latency_ms":1,"cost_usd":1}`}},
	} {
		if refused := stored.add(evidenceFrom(t, more...)); refused != nil {
			t.Fatal(refused)
		}
	}
	want := []string{
		"late_artifact b: came after the run was recorded", "late_artifact c: came after the run was recorded",
		"spec_mismatch : w.json says SPEC-9", "spec_mismatch : y.json says SPEC-9", "stage_mismatch : y.json says tasks",
	}
	if diff := cmp.Diff(want, findings(stored.judge(nil).record())); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAsMuchAsADocumentMayHoldOutlivesAnAmendment(t *testing.T) {
	list := papers(
		`{`+inRun+`"agent":"a","content":"c","metadata":{`+repeated(maxList, `"m%d":1`)+`}}`,
		`{`+inRun+`"agent":"a","cost_usd":1,"latency_ms":1,"status":"error",`+repeated(maxList-8, `"n%d":1`)+`}`,
	)
	once := evidenceFrom(t, list...).judge(nil).record()
	stored, err := storedEvidence(once)
	if err != nil {
		t.Fatal(err)
	}
	if refused := stored.add(evidenceFrom(t, paper{"y.json", `{` + inRun + `"synthesis":{}}`})); refused != nil {
		t.Fatal(refused)
	}
	twice := stored.judge(nil).record()
	if once.Artifacts[0].Metadata != twice.Artifacts[0].Metadata || !slices.Equal(twice.Run.MissingAgents, []string{"a"}) {
		t.Errorf("%d bytes of metadata become %d; %q are missing", len(once.Artifacts[0].Metadata), len(twice.Artifacts[0].Metadata), twice.Run.MissingAgents)
	}
}
