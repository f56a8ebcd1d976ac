package ingest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestTheFolderNamesTheSpec(t *testing.T) {
	for _, test := range []struct {
		path, spec string
		sure       bool
	}{
		{"consensus/SPEC-1/x.json", "SPEC-1", true},
		{"commands/SPEC-1/x.json", "SPEC-1", true},
		{"/srv/shop/evidence/consensus/SPEC-1/x.json", "SPEC-1", true},
		{"docs/SPEC-1/evidence/consensus/x.json", "SPEC-1", true},
		{"docs/SPEC-1/evidence/commands/x.json", "SPEC-1", true},
		{"docs/shop/evidence/x.json", "shop", true},
		{"consensus/shop/x.json", "shop", true},
		{"SPEC-1/x.json", "SPEC-1", true},
		{"spec-1/x.json", "spec-1", true},
		{"SPEC-1/later/x.json", "later", false},
		{"shop/x.json", "shop", false},
		{"x.json", "", false},
		{"./x.json", "", false},
		{"/x.json", "", false},
		{"../x.json", "", false},
		{"consensus/x.json", "", false},
		{"docs/evidence/consensus/x.json", "", false},
		{"~trash/x.json", "", false},
		{"a\x00b/x.json", "", false},
		{"a\xffb/x.json", "", false},
		{strings.Repeat("a", 600) + "/x.json", "", false},
	} {
		o := originOf(test.path, test.path, noon, noon)
		if o.folderSpec != test.spec || o.folderSure != test.sure {
			t.Errorf("%.60q: spec %q, sure %t; want %q, %t", test.path, o.folderSpec, o.folderSure, test.spec, test.sure)
		}
	}
}

func TestTheDocumentWinsOverItsNameAndFolderAndTheyComplementIt(t *testing.T) {
	const path = "consensus/SPEC-1/spec-plan_2026-02-28T10:00:00Z_claude.json"
	type identity struct {
		Spec, Stage, Agent, Time, Identity string
		Findings                           []finding
	}
	at := func(clock string) string { return "2026-02-28T" + clock + "Z" }
	for _, test := range []struct {
		says, path, text string
		want             identity
	}{
		{"nothing in the document", path, `{"steps":[]}`,
			identity{"SPEC-1", "plan", "claude", at("10:00:00"), "spec=SPEC-1;stage=plan;agent=claude;time=2026-02-28T10:00:00Z", nil}},
		{"placeholders in the document", path, `{"agent":"${AGENT}","spec_id":"${SPEC}","stage":"spec-${STAGE}","timestamp":"${NOW}","content":"c"}`,
			identity{"SPEC-1", "plan", "claude", at("10:00:00"), "spec=SPEC-1;stage=plan;agent=claude;time=2026-02-28T10:00:00Z", nil}},
		{"blanks in the document", path, `{"agent":" ","spec_id":" \t","stage":" ","content":"c"}`,
			identity{"SPEC-1", "plan", "claude", at("10:00:00"), "spec=SPEC-1;stage=plan;agent=claude;time=2026-02-28T10:00:00Z", nil}},
		{"the same in the document", path, `{"agent":"Claude","spec_id":"SPEC-1","stage":"spec-plan","content":"c","timestamp":"2026-02-28T10:00:00Z"}`,
			identity{"SPEC-1", "plan", "claude", at("10:00:00"), "time=2026-02-28T10:00:00Z", nil}},
		{"another case of the spec", path, `{"agent":"claude","spec_id":"spec-1","stage":"plan","content":"c"}`,
			identity{"spec-1", "plan", "claude", at("10:00:00"), "time=2026-02-28T10:00:00Z", nil}},
		{"something else in the document", path, `{"agent":"gemini","spec_id":"SPEC-2","stage":"tasks","content":"c","timestamp":"2026-02-28T11:00:00Z"}`,
			identity{"SPEC-2", "tasks", "gemini", at("10:00:00"), "spec=SPEC-1;stage=plan;agent=claude;time=2026-02-28T10:00:00Z", []finding{
				{findSpecMismatch, "", "spec-plan_2026-02-28T10:00:00Z_claude.json is in folder SPEC-1 and says SPEC-2"},
				{findStageMismatch, "", "spec-plan_2026-02-28T10:00:00Z_claude.json is named for stage plan and says tasks"},
				{findAgentMismatch, "gemini", "spec-plan_2026-02-28T10:00:00Z_claude.json is named for agent claude and says gemini"},
			}}},
		{"a folder that may be any", "mine/x.json", `{"agent":"claude","spec_id":"SPEC-2","stage":"tasks","content":"c","timestamp":"2026-02-28T11:00:00Z"}`,
			identity{"SPEC-2", "tasks", "claude", at("11:00:00"), "", nil}},
		{"a folder that may be any, where nothing else is", "mine/x.json", `{"agent":"claude","stage":"tasks","content":"c"}`,
			identity{"mine", "tasks", "claude", "2026-03-01T11:00:00Z", "spec=mine", nil}},
		{"a run_id and a time beside a time in the name", path, `{"run_id":"r","agent":"claude","content":"c","timestamp":"2026-02-28T11:00:00Z"}`,
			identity{"SPEC-1", "plan", "claude", at("11:00:00"), "spec=SPEC-1;stage=plan", nil}},
		{"a run_id beside a time in the name", path, `{"run_id":"r","agent":"claude","content":"c"}`,
			identity{"SPEC-1", "plan", "claude", at("10:00:00"), "spec=SPEC-1;stage=plan;time=2026-02-28T10:00:00Z", nil}},
	} {
		t.Run(test.says, func(t *testing.T) {
			d := mustRead(t, test.path, test.text)
			got := identity{d.Spec, d.Stage, d.Answers[0].Agent, time.UnixMilli(d.Report.At).UTC().Format(time.RFC3339), d.Identity, d.Report.Findings}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestATimeInANameIsTakenUnlessItCannotBe(t *testing.T) {
	for _, test := range []struct {
		says, stamp string
		named       bool
		want        string
		rank        timeRank
		warnings    []string
	}{
		{"a time", "2026-02-28T10-00-00Z", true, "2026-02-28T10:00:00Z", timeInName, nil},
		{"no zone", "20260228_100000", true, "2026-02-28T10:00:00Z", timeInName, []string{noZone}},
		{"a day ahead", "2026-03-02T12:00:00Z", true, "2026-03-02T12:00:00Z", timeInName, nil},
		{"more than a day ahead", "2026-03-02T12:00:01Z", false, "2026-03-01T11:00:00Z", timeOfFile,
			[]string{"the name's time 2026-03-02T12:00:01Z lies ahead: it is not taken"}},
		{"no such time", "2026-13-01T00:00:00Z", false, "2026-03-01T11:00:00Z", timeOfFile,
			[]string{"the name's time 2026-13-01T00:00:00Z cannot be read"}},
	} {
		t.Run(test.says, func(t *testing.T) {
			d := mustRead(t, "SPEC-1/spec-plan_"+test.stamp+"_claude.json", `{"steps":[1]}`)
			if got := time.UnixMilli(d.Report.At).UTC().Format(time.RFC3339); got != test.want || d.Report.Rank != test.rank || d.NameTime.IsZero() == test.named {
				t.Errorf("time %s of rank %d, name time %s", got, d.Report.Rank, d.NameTime)
			}
			if diff := cmp.Diff(test.warnings, d.Warnings); diff != "" {
				t.Errorf("warnings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTimesInDocumentsAreRead(t *testing.T) {
	const file = "2026-03-01T11:00:00Z"
	for _, test := range []struct {
		says, value, want string
		rank              timeRank
		warning           string
	}{
		{"RFC 3339", `"2026-02-28T10:00:00Z"`, "2026-02-28T10:00:00Z", timeOfPart, ""},
		{"RFC 3339 with an offset", `"2026-02-28T10:00:00-05:00"`, "2026-02-28T15:00:00Z", timeOfPart, ""},
		{"nanoseconds", `"2026-02-28T10:00:00.123456789+00:00"`, "2026-02-28T10:00:00.123Z", timeOfPart, ""},
		{"Unix seconds", `1772272800`, "2026-02-28T10:00:00Z", timeOfPart, ""},
		{"Unix seconds with a fraction", `1772272800.25`, "2026-02-28T10:00:00.25Z", timeOfPart, ""},
		{"Unix milliseconds", `1772272800123`, "2026-02-28T10:00:00.123Z", timeOfPart, ""},
		{"Unix seconds as text", `"1772272800"`, "2026-02-28T10:00:00Z", timeOfPart, ""},
		{"SQLite's", `"2026-02-28 10:00:00"`, "2026-02-28T10:00:00Z", timeOfPart, ""},
		{"Go's", `"2026-02-28 10:00:00.2 -0400 EDT m=+6984.4"`, "2026-02-28T14:00:00.2Z", timeOfPart, ""},
		{"no zone", `"2026-02-28T10:00:00"`, "2026-02-28T10:00:00Z", timeOfPart, `timestamp "2026-02-28T10:00:00": ` + noZone},
		{"a day ahead", `"2026-03-02T12:00:00Z"`, "2026-03-02T12:00:00Z", timeOfPart, ""},
		{"more than a day ahead", `"2026-03-02T12:00:01Z"`, file, timeUnbelieved, `timestamp "2026-03-02T12:00:01Z" lies ahead: the file's is taken`},
		{"a word", `"yesterday"`, file, timeUnbelieved, `timestamp "yesterday" is no time: the file's is taken`},
		{"a line", `"\u001b[2J\n"`, file, timeUnbelieved, `timestamp "\x1b[2J\n" is no time: the file's is taken`},
		{"nothing", `""`, file, timeUnbelieved, `timestamp "" is no time: the file's is taken`},
		{"before 1970", `-1`, file, timeUnbelieved, `timestamp "-1" is no time: the file's is taken`},
		{"a number beyond all", `1e999`, file, timeUnbelieved, `timestamp "1e999" is no time: the file's is taken`},
		{"a boolean", `true`, file, timeUnbelieved, `timestamp "true" is no time: the file's is taken`},
		{"a placeholder", `"${NOW}"`, file, timeOfFile, ""},
		{"null", `null`, file, timeOfFile, ""},
	} {
		t.Run(test.says, func(t *testing.T) {
			d := mustRead(t, "x.json", `{"spec_id":"S","stage":"plan","agent":"a","content":"c","timestamp":`+test.value+`}`)
			at := time.UnixMilli(d.Report.At).UTC()
			if got := at.Format(time.RFC3339Nano); got != test.want || d.Report.Rank != test.rank {
				t.Errorf("time %s of rank %d, want %s of %d", got, d.Report.Rank, test.want, test.rank)
			}
			if created := d.Answers[0].Created; !created.IsZero() && !created.Truncate(time.Millisecond).Equal(at) {
				t.Errorf("the answer is of %s", created)
			}
			if got := strings.Join(d.Warnings, "\n"); got != test.warning {
				t.Errorf("warnings %q, want %q", got, test.warning)
			}
		})
	}
}

func TestADocumentWithoutAnIdentityIsRejected(t *testing.T) {
	for _, test := range []struct{ says, path, text, code string }{
		{"no spec", "x.json", `{"stage":"plan","agent":"a","content":"c"}`, CodeMissingSpec},
		{"a blank spec", "x.json", `{"spec_id":" ","stage":"plan","agent":"a","content":"c"}`, CodeMissingSpec},
		{"a placeholder for a spec", "x.json", `{"spec_id":"${SPEC}","stage":"plan","agent":"a","content":"c"}`, CodeMissingSpec},
		{"no stage", "SPEC-1/x.json", `{"agent":"a","content":"c"}`, CodeMissingStage},
		{"a prefix for a stage", "x.json", `{"spec_id":"S","stage":"spec-","agent":"a","content":"c"}`, CodeMissingStage},
		{"a placeholder for a stage", "x.json", `{"spec_id":"S","stage":"${stage}","agent":"a","content":"c"}`, CodeMissingStage},
		{"no agent", "spec-plan_2026-02-28T10:00:00Z_metrics.json", `{"spec_id":"S","stage":"plan","latency_ms":1}`, CodeMissingAgent},
		{"a blank agent", "x.json", `{"spec_id":"S","stage":"plan","agent":" ","content":"c"}`, CodeMissingAgent},
		{"no agent in a list", "x.json", `{"spec_id":"S","stage":"plan","agents":[{"agent":"a"},{"content":"c"}]}`, CodeBadValue},
	} {
		t.Run(test.says, func(t *testing.T) {
			d, r := readAt(test.path, test.text)
			if r == nil {
				t.Fatalf("taken for a %s of spec %q, stage %q", d.Kind, d.Spec, d.Stage)
			}
			if wellSaid(t, r); r.Code != test.code {
				t.Errorf("%s: %s, want %s", r.Code, r, test.code)
			}
		})
	}
}

func TestIdentifiersThatCannotBeShownAreRejected(t *testing.T) {
	documents := map[string]string{
		"run_id":            `{"run_id":%s,"spec_id":"S","stage":"plan","agent":"a","content":"c"}`,
		"spec_id":           `{"spec_id":%s,"stage":"plan","agent":"a","content":"c"}`,
		"stage":             `{"spec_id":"S","stage":%s,"agent":"a","content":"c"}`,
		"agent":             `{"spec_id":"S","stage":"plan","agent":%s,"content":"c"}`,
		"agent of a run":    `{"spec_id":"S","stage":"plan","agents":[{"agent":"a"},{"agent":%s}]}`,
		"agent of metrics":  `{"spec_id":"S","stage":"plan","agent":%s,"latency_ms":1,"cost_usd":1}`,
		"agent measured":    `{"specId":"S","stage":"plan","schemaVersion":1,"consensus":{"agents":[{"agent":%s,"latency_ms":1}]}}`,
		"agent expected":    `{"spec_id":"S","stage":"plan","expected_agents":["a",%s]}`,
		"agent missing":     `{"spec_id":"S","stage":"plan","consensus_ok":true,"missing_agents":[%s]}`,
		"agent by a model":  `{"spec_id":"S","stage":"plan","model":%s,"consensus":{}}`,
		"agent of proposal": `{"spec_id":"S","stage":"plan","proposals":[{"agent_name":%s}]}`,
	}
	for what, document := range documents {
		for says, id := range map[string]string{
			"a NUL":                 `"a\u0000b"`,
			"an escape":             `"a\u001b[2Jb"`,
			"a line break":          `"a\nb"`,
			"a replacement":         `"a\ufffdb"`,
			"a next line":           `"a\u0085b"`,
			"a delete":              `"a\u007fb"`,
			"ten thousand letters":  `"` + strings.Repeat("a", 10_000) + `"`,
			"just more than allows": `"` + strings.Repeat("a", maxIdentifier+1) + `"`,
		} {
			if strings.HasPrefix(what, "agent") && strings.Contains(says, "line") {
				continue // white space in an agent is _
			}
			_, r := readAt("x.json", fmt.Sprintf(document, id))
			if r == nil || r.Code != CodeBadIdentifier {
				t.Errorf("%s with %s: %v", what, says, r)
				continue
			}
			wellSaid(t, r)
			if long := strings.Contains(says, "letters") || strings.Contains(says, "more"); long != strings.Contains(r.Hint, "short") {
				t.Errorf("%s with %s: %s", what, says, r.Hint)
			}
		}
	}
	for _, id := range []string{strings.Repeat("ż", maxIdentifier/2), "a b/c\\d?#%41", "Ω", "👩‍🚀"} {
		mustRead(t, "x.json", fmt.Sprintf(documents["spec_id"], jsonText(id)))
	}
}

func TestAValueOfTheWrongTypeIsRejectedWithItsPlace(t *testing.T) {
	const run = `"spec_id":"S","stage":"plan","agents":[{"agent":"a"},`
	for text, pointer := range map[string]string{
		`{"spec_id":{},"stage":"plan","agent":"a"}`:                                          "/spec_id",
		`{"spec_id":"S","stage_name":["plan"],"agent":"a"}`:                                  "/stage_name",
		`{"spec_id":"S","stage":"plan","run_id":[],"agent":"a"}`:                             "/run_id",
		`{"spec_id":"S","stage":"plan","agent":["a"],"content":"c"}`:                         "/agent",
		`{"spec_id":"S","stage":"plan","agent":"a","content":"c","metadata":"m"}`:            "/metadata",
		`{"spec_id":"S","stage":"plan","agent":"a","content":"c","timestamp":{}}`:            "/timestamp",
		`{"spec_id":"S","stage":"plan","agent":"a","content":"c","expected_agents":{}}`:      "/expected_agents",
		`{"spec_id":"S","stage":"plan","agent":"a","content":"c","expected_agents":["a",1]}`: "/expected_agents",
		`{"spec_id":"S","stage":"plan","expected_agents":["a"],"complete":"maybe"}`:          "/complete",
		`{` + run + `{"agent":{}}]}`:                                                         "/agents/1/agent",
		`{` + run + `{"agent":""}]}`:                                                         "/agents/1/agent",
		`{` + run + `{"agent":"b","metadata":[]}]}`:                                          "/agents/1/metadata",
		`{` + run + `{"agent":"b","created_at":[]}]}`:                                        "/agents/1/created_at",
		`{` + run + `{"agent":"b"}],"consensus_ok":"perhaps"}`:                               "/consensus_ok",
		`{` + run + `{"agent":"b"}],"degraded":1}`:                                           "/degraded",
		`{` + run + `{"agent":"b"}],"missing_agents":[{}]}`:                                  "/missing_agents",
		`{` + run + `{"agent":"b"}],"synthesis":"y"}`:                                        "/synthesis",
		`{` + run + `{"agent":"b"}],"synthesis":{"verdict":{}}}`:                             "/synthesis/verdict",
		`{` + run + `{"agent":"b"}],"synthesis":{"metadata":1}}`:                             "/synthesis/metadata",
		`{"spec_id":"S","stage":"plan","proposals":[{"agent_name":[]}]}`:                     "/proposals/0/agent_name",
		`{"spec_id":"S","stage":"plan","status":"ok","consensus":{"missing_agents":7}}`:      "/consensus/missing_agents",
		`{"spec_id":"S","stage":"plan","status":"ok","consensus":{"degraded":[]}}`:           "/consensus/degraded",
		`{"spec_id":"S","stage":"plan","status":"ok","agents":{"degraded":[{"model":1}]}}`:   "/agents/degraded",
		`{"spec_id":"S","stage":"plan","agent":"a","latency_ms":1,"cost_usd":1,"run_id":{}}`: "/run_id",
	} {
		_, r := readAt("x.json", text)
		if r == nil || r.Code != CodeBadValue || r.Pointer != pointer {
			t.Errorf("%s: %#v, want a bad value at %s", text, r, pointer)
			continue
		}
		wellSaid(t, r)
	}
}
