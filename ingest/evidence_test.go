package ingest

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/consensusd/consensusd/store"
)

// A scatter writes documents of one run at random: good, bad, contrary and
// twice the same.
type scatter struct {
	*rand.Rand
	named bool // the run is told by the time in its documents' names, not by a run_id
	dated bool // every document says when it was written
	run   bool // there is a run document already
}

func pick[T any](r *rand.Rand, from ...T) T { return from[r.IntN(len(from))] }

func (s *scatter) papers() (list []paper) {
	seen := map[string]bool{}
	for i := range 2 + s.IntN(7) {
		if p := s.paper(i); !seen[p.text] { // of two copies the first to come is on record
			seen[p.text] = true
			list = append(list, p)
		}
	}
	return list
}

func (s *scatter) paper(i int) paper {
	agent := pick(s.Rand, "claude", "gemini", "gpt_pro", "Code")
	head, path := s.head(), fmt.Sprintf("%d.json", s.IntN(10)*100+i)
	name := func(end string) {
		if s.named {
			path = fmt.Sprintf("SPEC-1/spec-plan_2026-02-28T10:00:00Z-%d_%s.json", i, end)
		}
	}
	name(agent)
	switch s.IntN(11) {
	case 0, 1, 2:
		return paper{path, `{` + head + s.answer("agent", agent) + `}`}
	case 3:
		return paper{path, `{` + head + `"agent":"` + agent + `","error":` + pick(s.Rand, `"timeout"`, `"crash"`, `{"code": 429}`, `["${WHY}"]`, `"${WHY}"`, `true`) + s.metadata() + `}`}
	case 4:
		return paper{path, `{` + head + `"agent":"` + agent + `",` + pick(s.Rand, `"steps":[1],`, `"risks":["string"],`, `"error":"agent execution failed",`) +
			`"consensus":{"conflicts":[` + pick(s.Rand, ``, `"x"`, `"y"`) + `],"synthesis_status":"` + pick(s.Rand, "complete", "blocked", "-") + `"}}`}
	case 5:
		name(agent + "_metrics")
		return paper{path, `{` + head + `"agent":"` + agent + `","latency_ms":` + pick(s.Rand, "1", "2") + `,"cost_usd":0.1,"usage":{ "\u0061" : [1, 2] },"error":` +
			pick(s.Rand, "null", `"timeout"`, `" crash "`, `{"code": 500}`, `{"code": "${CODE}"}`) + `}`}
	case 6:
		name("telemetry")
		return paper{path, `{` + head + `"schemaVersion":"2.0","consensus":{"agents":[{"agent":"` + agent + `"},{"agent":"claude","latency_ms":3,"status":"` + pick(s.Rand, "ok", "error") + `"}]}}`}
	case 7:
		if s.named {
			name("synthesis")
			return paper{path, `{` + head + s.report() + `"consensus":{}}`}
		}
		return paper{path, `{` + head + `"expected_agents":["claude","` + agent + `"]}`}
	case 8:
		name("synthesis")
		return paper{path, `{` + head + s.report() + `"synthesis":{"content":"` + pick(s.Rand, "one", "two") + `"` + s.metadata() + `}}`}
	case 9:
		name("verdict")
		return paper{path, `{` + head + `"proposals":[{` + s.answer("agent_name", agent) + `},{` + s.answer("agent_name", "gemini") + `}]}`}
	}
	name("verdict")
	if s.run {
		return paper{path, `{` + head + s.report() + `"output_markdown":"` + pick(s.Rand, "one", "# two") + `"}`}
	}
	s.run = true
	return paper{path, `{` + head + s.report() + `"git":{ "branch" : "main" },"agents":[{` + s.answer("agent", "claude") + `},{` + s.answer("agent", agent) + `}]}`}
}

func (s *scatter) head() string {
	head := `"spec_id":"SPEC-1","stage":"` + pick(s.Rand, "plan", "spec-plan") + `",`
	if !s.named {
		head += `"run_id":"r",`
	}
	if s.dated || s.IntN(2) == 0 {
		head += fmt.Sprintf(`"timestamp":%d,`, 1772272800+s.IntN(5))
	}
	return head
}

func (s *scatter) report() string {
	return pick(s.Rand, ``, `"status":"ok",`, `"status":"degraded",`, `"status":"hold",`, `"consensus_ok":true,`, `"consensus_ok":false,`, `"degraded":false,`) +
		pick(s.Rand, ``, `"missing_agents":[],`, `"missing_agents":["gemini","o3"],`) + pick(s.Rand, ``, `"conflicts":["y","x"],`) +
		pick(s.Rand, ``, ``, `"expected_agents":["code","o3"],`)
}

func (s *scatter) answer(name, agent string) string {
	return `"` + name + `":"` + agent + `","content":` + pick(s.Rand, `"yes"`, `"yes"`, `"no"`, `""`, `null`, `{ "steps" : [1],"conflicts":["x"] }`, `{"stage":"spec-tasks","agent":"gemini","risks":["r"]}`,
		jsonText(anEcho), `{"error":{"why": "${WHY}"}}`, `"{\"error\":\"lost\"}"`, `"[\"first\", \"sec"`, `"OpenAI Codex v1\nuser\nDo.\ncodex\nDone.\n"`) +
		pick(s.Rand, ``, ``, `,"error":"cut off"`, `,"created_at":1772270000`, `,"created_at":"never"`) + s.metadata()
}

func (s *scatter) metadata() string {
	return pick(s.Rand, ``, ``, `,"metadata":{"model":"m","k": [ 1 ]}`, `,"metadata":{"model":"n"}`, `,"metadata":{"error":"boom"}`, `,"metadata":{"error":{ "code": 1 }}`, `,"metadata":{"error":["${WHY}"]}`, `,"metadata":{"error":"${WHY}"}`,
		`,"metadata":{"source":"metrics"}`, `,"metadata":{"reported":1,"expected_agents":[]}`, `,"u":"v"`, `,"u":null`)
}

// scattered returns the documents of the papers in a new order.
func scattered(t testing.TB, s *rand.Rand, list []paper) (docs []*document) {
	t.Helper()
	for _, i := range s.Perm(len(list)) {
		docs = append(docs, mustRead(t, list[i].path, list[i].text))
	}
	return docs
}

// recordedInGroups records documents as they would be if they came in groups:
// the first records the run, the others amend it.
func recordedInGroups(t testing.TB, s *rand.Rand, docs []*document) store.Record {
	t.Helper()
	var record store.Record
	for first := true; len(docs) > 0; first = false {
		n := 1 + s.IntN(len(docs))
		more := evidenceOf(docs[:n], noon)
		docs = docs[n:]
		if first {
			record = more.judge(nil).record()
			continue
		}
		stored := fromDatabase(s, record)
		all, err := storedEvidence(stored)
		if err != nil {
			t.Fatal(err)
		}
		if refused := all.add(more); refused != nil {
			t.Fatal(refused)
		}
		record = all.judge(nil).record()
	}
	return record
}

// fromDatabase is a record as it may come out of a database: its rows in any order.
func fromDatabase(s *rand.Rand, r store.Record) store.Record {
	r.Artifacts, r.Syntheses = slices.Clone(r.Artifacts), slices.Clone(r.Syntheses)
	r.Findings, r.Receipts = slices.Clone(r.Findings), slices.Clone(r.Receipts)
	s.Shuffle(len(r.Artifacts), func(i, j int) { r.Artifacts[i], r.Artifacts[j] = r.Artifacts[j], r.Artifacts[i] })
	s.Shuffle(len(r.Syntheses), func(i, j int) { r.Syntheses[i], r.Syntheses[j] = r.Syntheses[j], r.Syntheses[i] })
	slices.SortFunc(r.Receipts, func(a, b store.Receipt) int {
		return strings.Compare(a.Path+"\x00"+a.SHA256+a.Identity, b.Path+"\x00"+b.SHA256+b.Identity)
	})
	return r
}

// comparable returns what two ways of recording the same documents must agree
// in: all but when it was done. An id that was given early keeps the time that
// was known then.
func comparable(r store.Record, dated bool) store.Record {
	r = fromDatabase(rand.New(rand.NewPCG(0, 0)), r)
	hash := func(id string) string { return id[len("01234567-89ab-"):] }
	for i := range r.Artifacts {
		a := &r.Artifacts[i]
		a.ArtifactID = hash(a.ArtifactID)
		if !dated {
			a.CreatedAt = 0 // what has no time is of the time that its run had when it came
		}
	}
	for i := range r.Syntheses {
		y := &r.Syntheses[i]
		y.SynthesisID = hash(y.SynthesisID)
		if !dated {
			y.CreatedAt = 0
		}
	}
	r.Findings = slices.DeleteFunc(r.Findings, func(f store.Finding) bool { return f.Code == findLate })
	slices.SortFunc(r.Artifacts, func(a, b store.Artifact) int { return strings.Compare(a.ArtifactID, b.ArtifactID) })
	slices.SortFunc(r.Syntheses, func(a, b store.Synthesis) int { return strings.Compare(a.SynthesisID, b.SynthesisID) })
	slices.SortFunc(r.Findings, func(a, b store.Finding) int {
		return cmp.Or(strings.Compare(a.Code, b.Code), strings.Compare(a.Agent, b.Agent), strings.Compare(a.Detail, b.Detail))
	})
	return r
}

func TestTheOrderInWhichDocumentsComeDoesNotMatter(t *testing.T) {
	for seed := range uint64(150) {
		s := &scatter{Rand: rand.New(rand.NewPCG(seed, 0)), named: seed%2 == 0, dated: seed%3 != 0}
		list := s.papers()
		want := comparable(evidenceOf(scattered(t, s.Rand, list), noon).judge(nil).record(), s.dated)
		for range 4 {
			if diff := gocmp.Diff(want, comparable(evidenceOf(scattered(t, s.Rand, list), noon).judge(nil).record(), s.dated), cmpopts.EquateEmpty()); diff != "" {
				t.Fatalf("seed %d: another order (-want +got):\n%s\n%s", seed, diff, shown(list))
			}
			if diff := gocmp.Diff(want, comparable(recordedInGroups(t, s.Rand, scattered(t, s.Rand, list)), s.dated), cmpopts.EquateEmpty()); diff != "" {
				t.Fatalf("seed %d: by amendments (-want +got):\n%s\n%s", seed, diff, shown(list))
			}
		}
	}
}

func shown(list []paper) string {
	var b strings.Builder
	for _, p := range list {
		fmt.Fprintln(&b, p.path, p.text)
	}
	return b.String()
}

func TestTwoRunDocumentsContradictEachOtherIfTheySayDifferentThings(t *testing.T) {
	const one = `{"run_id":"r","spec_id":"SPEC-1","stage":"plan","timestamp":"2026-02-28T10:00:00Z","agents":[{"agent":"a","content":"yes"},{"agent":"b","content":"no"}],"consensus_ok":true}`
	replaced := strings.NewReplacer
	for _, test := range []struct {
		says, text string
		contradict bool
	}{
		{"the same in another layout", replaced(",", ",\n ", `":`, `" : `).Replace(one), false},
		{"the same in another order", `{"consensus_ok":true,"agents":[{"content":"no","agent":"B"},{"content":"yes","agent":"A"}],"timestamp":1772272800,"stage":"spec-plan","spec_id":"SPEC-1","run_id":"r"}`, false},
		{"another answer", replaced(`"no"`, `"perhaps"`).Replace(one), true},
		{"an agent more", replaced(`"agents":[`, `"agents":[{"agent":"c","content":"c"},`).Replace(one), true},
		{"a synthesis more", replaced(`"agents"`, `"synthesis":{"content":"y"},"agents"`).Replace(one), true},
		{"another outcome", replaced("true", "false").Replace(one), true},
		{"another time", replaced("10:00", "11:00").Replace(one), true},
		{"a conflict more", replaced(`"consensus_ok"`, `"conflicts":["x"],"consensus_ok"`).Replace(one), true},
		{"another spec", replaced("SPEC-1", "SPEC-2").Replace(one), true},
		{"another stage", replaced("plan", "tasks").Replace(one), true},
		{"a part of its own", `{"run_id":"r","spec_id":"SPEC-1","stage":"plan","agent":"c","content":"c"}`, false},
		{"a synthesis of its own", `{"run_id":"r","spec_id":"SPEC-1","stage":"plan","synthesis":{"verdict":"failed"}}`, false},
	} {
		stored, err := storedEvidence(evidenceFrom(t, paper{"x.json", one}).judge(nil).record())
		if err != nil {
			t.Fatal(err)
		}
		more := evidenceFrom(t, paper{"y.json", test.text})
		refused := stored.add(more)
		if (refused != nil) != test.contradict {
			t.Errorf("%s: %v", test.says, refused)
		}
		if refused != nil && (refused.Code != store.CodeContradiction || !strings.Contains(refused.Error(), more.receipts[0].SHA256[:12])) {
			t.Errorf("%s: %s: %s", test.says, refused.Code, refused)
		}
	}
}

func TestTheSameDocumentUnderTwoNamesAddsNothing(t *testing.T) {
	const text = `{"run_id":"r","spec_id":"SPEC-1","stage":"plan","agent":"a","content":"yes","timestamp":"2026-02-28T10:00:00Z"}`
	once := evidenceFrom(t, paper{"x.json", text}).judge(nil).record()
	stored, err := storedEvidence(once)
	if err != nil {
		t.Fatal(err)
	}
	if refused := stored.add(evidenceFrom(t, paper{"SPEC-2/y.json", text})); refused != nil {
		t.Fatal(refused)
	}
	twice := stored.judge(nil).record()
	if diff := gocmp.Diff([]any{once.Run, once.Artifacts, once.Syntheses}, []any{twice.Run, twice.Artifacts, twice.Syntheses}); diff != "" {
		t.Errorf("(-once +twice):\n%s", diff)
	}
	if want := []string{"spec_mismatch : y.json is in folder SPEC-2 and says SPEC-1"}; !slices.Equal(findings(twice), want) || len(twice.Receipts) != 2 {
		t.Errorf("findings %q, %d receipts", findings(twice), len(twice.Receipts))
	}
}

func TestRunIDs(t *testing.T) {
	const part = `{"spec_id":"SPEC-1","stage":"plan","agent":"a","content":"yes","timestamp":"2026-02-28T10:00:00Z"}`
	const run = `{"spec_id":"SPEC-1","stage":"plan","timestamp":"2026-02-28T10:00:00Z","agents":[{"agent":"a","content":"yes"}]}`
	id := func(list ...paper) string { return evidenceFrom(t, list...).runID }
	replace := func(text, old, new string) string { return strings.Replace(text, old, new, 1) }
	const named, namedLater = "SPEC-1/spec-plan_2026-02-28T10:00:00Z_", "SPEC-1/spec-plan_2026-02-28T10:00:01Z_"

	if got := id(paper{"x.json", replace(run, "{", `{"run_id":" any/text ",`)}); got != " any/text " {
		t.Errorf("a run_id that is given becomes %q", got)
	}
	for _, test := range []struct {
		says string
		a, b string
		same bool
	}{
		{"the same part", id(paper{"x.json", part}), id(paper{"y.json", part}), true},
		{"parts of one name time", id(paper{named + "a.json", part}), id(paper{named + "b.json", replace(part, `"a"`, `"b"`)}), true},
		{"a part and a run document of one name time", id(paper{named + "a.json", part}), id(paper{named + "verdict.json", run}), true},
		{"parts of two name times", id(paper{named + "a.json", part}), id(paper{namedLater + "a.json", part}), false},
		{"two stages", id(paper{"x.json", part}), id(paper{"x.json", replace(part, "plan", "tasks")}), false},
		{"two specs", id(paper{"x.json", part}), id(paper{"x.json", replace(part, "SPEC-1", "SPEC-2")}), false},
		{"two times", id(paper{"x.json", part}), id(paper{"x.json", replace(part, "10:00", "10:01")}), false},
		{"the same run", id(paper{"x.json", run}), id(paper{"y.json", replace(run, ",", ",\n")}), true},
		{"runs of one time with other answers", id(paper{"x.json", run}), id(paper{"x.json", replace(run, "yes", "no")}), false},
		{"runs of one time with other agents", id(paper{"x.json", run}), id(paper{"x.json", replace(run, `"agent":"a"`, `"agent":"b"`)}), false},
		{"runs of one time with another synthesis", id(paper{"x.json", run}), id(paper{"x.json", replace(run, "{", `{"synthesis":{"content":"y"},`)}), false},
	} {
		if (test.a == test.b) != test.same {
			t.Errorf("%s: %s and %s", test.says, test.a, test.b)
		}
	}
}
