package ingest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/consensusd/consensusd/store"
)

// came is a part that came so long after noon, and was read at once.
func came(t testing.TB, after time.Duration, path, text string) *part {
	t.Helper()
	at := noon.Add(after)
	return &part{file: file{path: path}, stamp: stamp{modified: at.Add(-time.Minute).UnixNano(), changed: at.UnixNano()}, doc: mustRead(t, path, text).outline(), since: at}
}

// partOf writes a part of SPEC-1's plan: head are its first members.
func partOf(head, agent string) string {
	return `{"spec_id":"SPEC-1","stage":"plan",` + head + `"agent":"` + agent + `","content":"c"}`
}

// grouped shows groups: the names of the files of each, in order.
func grouped(parts []*part) []string {
	var list []string
	for _, g := range groups(parts, 15*time.Minute) {
		var names []string
		for _, p := range g.parts {
			names = append(names, strings.TrimSuffix(p.file.path, ".json"))
		}
		slices.Sort(names)
		list = append(list, strings.Join(names, "+"))
	}
	slices.Sort(list)
	return list
}

func TestPartsAreGroupedByWhatTheyHaveInCommon(t *testing.T) {
	const r1, r2, m = `"run_id":"r1",`, `"run_id":"r2",`, time.Minute
	const synthesis = `{"spec_id":"SPEC-1","stage":"plan","synthesis":{"content":"y"}%s}`
	plain := fmt.Sprintf(synthesis, "")
	at := func(clock string) string { return `"timestamp":"2026-02-28T` + clock + `Z",` }
	dated := func(clock string) string { return fmt.Sprintf(synthesis, `,"timestamp":"2026-02-28T`+clock+`Z"`) }
	for _, test := range []struct {
		says  string
		parts []*part
		want  []string
	}{
		{"a run_id", []*part{came(t, 0, "a.json", partOf(r1, "a")), came(t, 99*m, "b.json", partOf(r1, "b")), came(t, 0, "c.json", partOf(r2, "c"))}, []string{"a+b", "c"}},
		{"a run_id, whatever spec and stage", []*part{came(t, 0, "a.json", partOf(r1, "a")), came(t, 0, "b.json", `{"run_id":"r1","spec_id":"S","stage":"tasks","agent":"b","content":""}`)}, []string{"a+b"}},
		{"a time in the names", []*part{
			came(t, 0, "SPEC-1/spec-plan_2026-02-28T10:00:00Z_a.json", `{"x":1}`), came(t, 99*m, "SPEC-1/spec-plan_b_20260228T100000.json", `{"x":1}`),
			came(t, 0, "SPEC-1/spec-plan_2026-02-28T10:00:01Z_a.json", `{"x":1}`), came(t, 0, "SPEC-2/spec-plan_2026-02-28T10:00:00Z_a.json", `{"x":1}`),
			came(t, 0, "SPEC-1/spec-tasks_2026-02-28T10:00:00Z_a.json", `{"x":1}`)},
			[]string{"SPEC-1/spec-plan_2026-02-28T10:00:00Z_a+SPEC-1/spec-plan_b_20260228T100000", "SPEC-1/spec-plan_2026-02-28T10:00:01Z_a",
				"SPEC-1/spec-tasks_2026-02-28T10:00:00Z_a", "SPEC-2/spec-plan_2026-02-28T10:00:00Z_a"}},
		{"a run_id over a time in the name", []*part{came(t, 0, "SPEC-1/spec-plan_2026-02-28T10:00:00Z_a.json", `{"run_id":"r1"}`), came(t, 0, "b.json", partOf(r1, "b"))},
			[]string{"SPEC-1/spec-plan_2026-02-28T10:00:00Z_a+b"}},
		{"nothing but spec and stage, while one comes soon after the other",
			[]*part{came(t, 0, "a.json", partOf("", "a")), came(t, 15*m, "b.json", partOf("", "b")), came(t, 30*m, "c.json", partOf("", "c"))}, []string{"a+b+c"}},
		{"nothing but spec and stage, and a pause", []*part{came(t, 0, "a.json", partOf("", "a")), came(t, 15*m+1, "b.json", partOf("", "b"))}, []string{"a", "b"}},
		{"nothing but a spec", []*part{came(t, 0, "a.json", partOf("", "a")), came(t, 0, "b.json", strings.Replace(partOf("", "b"), "plan", "tasks", 1))}, []string{"a", "b"}},

		{"a synthesis without run_id goes with the one run that has one", []*part{came(t, 0, "a.json", partOf(r1, "a")), came(t, 99*m, "y.json", plain)}, []string{"a+y"}},
		{"so does one that came first", []*part{came(t, 99*m, "y.json", partOf(r1, "a")), came(t, 0, "a.json", plain)}, []string{"a+y"}},
		{"with two of them it goes with neither", []*part{came(t, 0, "a.json", partOf(r1, "a")), came(t, 0, "b.json", partOf(r2, "b")), came(t, 0, "y.json", plain)}, []string{"a", "b", "y"}},
		{"nor with that of another stage", []*part{came(t, 0, "a.json", strings.Replace(partOf(r1, "a"), "plan", "tasks", 1)), came(t, 0, "y.json", plain)}, []string{"a", "y"}},
		{"nor with one told by its names", []*part{came(t, 0, "SPEC-1/spec-plan_2026-02-28T10:00:00Z_a.json", `{"x":1}`), came(t, 0, "y.json", plain)},
			[]string{"SPEC-1/spec-plan_2026-02-28T10:00:00Z_a", "y"}},
		{"times that agree", []*part{came(t, 0, "a.json", partOf(r1+at("10:00:00"), "a")), came(t, 0, "y.json", dated("11:00:00"))}, []string{"a+y"}},
		{"times that disagree", []*part{came(t, 0, "a.json", partOf(r1+at("10:00:00"), "a")), came(t, 0, "y.json", dated("11:00:01"))}, []string{"a", "y"}},
		{"a time of one alone", []*part{came(t, 0, "a.json", partOf(r1, "a")), came(t, 0, "y.json", dated("09:00:00"))}, []string{"a+y"}},
		{"nothing", nil, nil},
	} {
		t.Run(test.says, func(t *testing.T) {
			for range 2 {
				if diff := cmp.Diff(test.want, grouped(test.parts)); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
				slices.Reverse(test.parts)
			}
		})
	}
}

func TestTheIDOfARunIsKnownBeforeItIsRecorded(t *testing.T) {
	for _, test := range []struct {
		part *part
		want string
	}{
		{came(t, 0, "a.json", partOf(`"run_id":"r1",`, "a")), "r1"},
		{came(t, 0, "SPEC-1/spec-plan_2026-02-28T10:00:00Z_a.json", `{"x":1}`), store.RunID(time.Date(2026, 2, 28, 10, 0, 0, 0, time.UTC), "SPEC-1", "plan")},
		{came(t, 0, "a.json", partOf("", "a")), ""},
	} {
		g := groups([]*part{test.part}, time.Minute)[0]
		got := g.recordedID()
		if got != test.want {
			t.Errorf("%s: %q, want %q", test.part.file.path, got, test.want)
		}
		if is := evidenceOf([]*document{test.part.doc}, noon).runID; got != "" && is != got {
			t.Errorf("%s: it is recorded as %s, not %s", test.part.file.path, is, got)
		}
	}
}

func TestTheDeadlineFollowsTheNewestPart(t *testing.T) {
	first, second := came(t, 0, "a.json", partOf("", "a")), came(t, time.Minute, "b.json", partOf("", "b"))
	ahead := came(t, 24*time.Hour, "c.json", partOf("", "c"))
	ahead.since = noon.Add(2 * time.Minute) // its producer's clock is a day ahead
	restarted := came(t, 0, "d.json", partOf("", "d"))
	restarted.since = noon.Add(time.Hour) // read by a daemon that was started later
	for _, test := range []struct {
		says  string
		parts []*part
		want  time.Time
	}{
		{"one part", []*part{first}, noon.Add(15 * time.Minute)},
		{"two parts", []*part{second, first}, noon.Add(16 * time.Minute)},
		{"a part that comes from the future", []*part{first, ahead}, noon.Add(17 * time.Minute)},
		{"a part that waited while nobody looked", []*part{restarted}, noon.Add(15 * time.Minute)},
	} {
		g := group{parts: test.parts}
		if got := g.deadline(15 * time.Minute); !got.Equal(test.want) {
			t.Errorf("%s: %s, want %s", test.says, got.UTC(), test.want)
		}
	}
}

func TestARunWaitsForItsExpectedAgentsAndASynthesis(t *testing.T) {
	const head, expected = `{"run_id":"r","spec_id":"SPEC-1","stage":"plan",`, `"expected_agents":["b","a"],`
	answer := func(agent string) string { return head + `"agent":"` + agent + `","content":"c"}` }
	const synthesis = head + `"synthesis":{"content":"y"}}`
	for _, test := range []struct {
		says     string
		texts    []string
		operator []string
		want     []string
	}{
		{"an answer", []string{answer("a")}, nil, []string{"whoever else answers", "a synthesis"}},
		{"an answer and a synthesis", []string{answer("a"), synthesis}, nil, []string{"whoever else answers"}},
		{"a synthesis", []string{synthesis}, nil, []string{"whoever else answers"}},
		{"a manifest", []string{head + expected + `"complete":false}`}, nil, []string{"a", "b", "a synthesis"}},
		{"a manifest and an answer", []string{head + expected + `"complete":false}`, answer("b")}, nil, []string{"a", "a synthesis"}},
		{"a manifest, a synthesis and all answers", []string{head + expected + `"complete":false}`, answer("b"), answer("a"), synthesis}, nil, nil},
		{"answers that say who is expected", []string{head + expected + `"agent":"a","content":"c"}`, answer("b"), synthesis}, nil, nil},
		{"a failure is an answer", []string{head + expected + `"agent":"a","error":"timeout"}`, answer("b"), synthesis}, nil, nil},
		{"metrics are none", []string{head + expected + `"agent":"a","latency_ms":1,"cost_usd":1}`, answer("b"), synthesis}, nil, []string{"a"}},
		{"telemetry names whom to expect", []string{head + `"schemaVersion":1,"consensus":{"agents":[{"agent":"a"},{"agent":"b"}]}}`, answer("a"), synthesis}, nil, []string{"b"}},
		{"whom the operator expects", []string{answer("a"), synthesis}, []string{"c", "a"}, []string{"c"}},
		{"documents know better than the operator", []string{head + expected + `"complete":false}`, answer("a"), answer("b"), synthesis}, []string{"c"}, nil},
		{"a manifest that says that it is complete, and an answer", []string{head + `"complete":true}`, answer("a")}, []string{"c"}, nil},
		{"a complete manifest is only early while nothing else is in", []string{head + `"complete":true}`}, []string{"c"}, []string{"c", "a synthesis"}},
		{"all answers in one", []string{head + `"proposals":[]}`}, []string{"c"}, []string{"a synthesis"}},
		{"all answers in one, and a synthesis", []string{head + `"proposals":[]}`, synthesis}, []string{"c"}, nil},
		{"all answers in one, and an exported synthesis", []string{head + `"proposals":[]}`, head + `"output_markdown":""}`}, nil, nil},
	} {
		t.Run(test.says, func(t *testing.T) {
			var g group
			for i, text := range test.texts {
				g.parts = append(g.parts, came(t, 0, fmt.Sprint(i, ".json"), text))
			}
			operator := map[string][]string{"plan": test.operator, "tasks": {"nobody"}}
			if diff := cmp.Diff(test.want, g.waitsFor(operator)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestAGroupNamesEachAgentOnce(t *testing.T) {
	g := group{parts: []*part{came(t, 0, "1.json", partOf("", "b")), came(t, 0, "2.json", partOf("", "a")), came(t, 0, "3.json", partOf("", "b"))}}
	if got := g.agents(); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("agents %q", got)
	}
}
