package ingest

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
)

// noon is when the tests take place.
var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// readAt reads a document that was written an hour before noon.
func readAt(path, text string) (*document, *Rejection) {
	d, r := readDocument([]byte(text), originOf(path, path, noon.Add(-time.Hour), noon))
	if r == nil {
		sum := sha256.Sum256([]byte(text))
		d.SHA256 = hex.EncodeToString(sum[:])
	}
	return d, r
}

// mustRead reads a document that is one.
func mustRead(t testing.TB, path, text string) *document {
	t.Helper()
	d, r := readAt(path, text)
	if r != nil {
		t.Fatalf("%s: %.2000s: %s: %s", path, text, r.Code, r)
	}
	return d
}

// A documentFixture is a file in testdata/documents. The file beside it says
// under which path it is read, and what it is expected to be.
type documentFixture struct{ name, path, text, want string }

func documentFixtures(t testing.TB) (fixtures []documentFixture) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", "documents", "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatal("no fixtures", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimSuffix(file, ".json")
		want, err := os.ReadFile(name + ".want")
		if err != nil {
			t.Fatal(err)
		}
		path, rest, _ := strings.Cut(strings.TrimPrefix(string(want), "at "), "\n")
		fixtures = append(fixtures, documentFixture{filepath.Base(name), path, string(text), rest})
	}
	return fixtures
}

func TestDocumentsOfEveryFormatAreRead(t *testing.T) {
	for _, f := range documentFixtures(t) {
		t.Run(f.name, func(t *testing.T) {
			d, r := readAt(f.path, f.text)
			got := ""
			if r != nil {
				wellSaid(t, r)
				got = fmt.Sprintf("rejected %s %s\n", r.Code, r)
			} else {
				got = summary(d)
			}
			if diff := gocmp.Diff(strings.Split(f.want, "\n"), strings.Split(got, "\n")); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

var rankNames = map[timeRank]string{
	timeNone: "none", timeInName: "name", timeOfRun: "run", timeOfPart: "part", timeOfFile: "file", timeUnbelieved: "not believed",
}

// summary is all that a document says, a line each.
func summary(d *document) string {
	var b strings.Builder
	line := func(what string, format string, args ...any) {
		fmt.Fprintf(&b, what+" "+format+"\n", args...)
	}
	when := func(t time.Time) string {
		if t.IsZero() {
			return "undated"
		}
		return t.Format(time.RFC3339Nano)
	}
	text := func(s string) string {
		if len(s) > 60 {
			s = s[:60] + "…"
		}
		return fmt.Sprintf("%q", s)
	}
	r := d.Report
	line(string(d.Kind), "of %s, stage %s, run %q", d.Spec, d.Stage, d.RunID)
	line("time", "%s of %s", when(time.UnixMilli(r.At).UTC()), rankNames[r.Rank])
	if !d.NameTime.IsZero() {
		line("named", "%s", when(d.NameTime))
	}
	if len(r.Expected) > 0 || d.Complete {
		line("expected", "%q, complete %t", r.Expected, d.Complete)
	}
	for _, a := range d.Answers {
		line("answer", "%s %s %s %s", a.Agent, text(a.Content), a.Metadata.object(), when(a.Created))
		if a.Error != "" {
			line("error", "%q", a.Error)
		}
	}
	if y := d.Synthesis; y != nil {
		line("synthesis", "%s %s %s", text(y.Content), y.Metadata.object(), when(y.Created))
	}
	if r.OK != nil || r.Degraded != nil || r.Missing != nil || r.Conflicts != nil || r.Status != "" {
		line("reported", "ok %s, degraded %s, missing %q, conflicts %q, status %q", truthText(r.OK), truthText(r.Degraded), r.Missing, r.Conflicts, r.Status)
	}
	if len(r.Metrics) > 0 {
		line("metrics", "%s", jsonText(r.Metrics))
	}
	for _, f := range r.Findings {
		line("finding", "%s %s: %s", f.Code, cmp.Or(f.Agent, "-"), f.Detail)
	}
	if d.Identity != "" {
		line("identity", "%s", d.Identity)
	}
	for _, w := range d.Warnings {
		line("warning", "%s", w)
	}
	return b.String()
}

func truthText(b *bool) string {
	if b == nil {
		return "-"
	}
	return fmt.Sprint(*b)
}

func TestAnAnswerIsNeverTakenForSomethingElse(t *testing.T) {
	const head = `{"spec_id":"S","stage":"plan","agent":"a",`
	for _, test := range []struct {
		says, path, text string
		kind             docKind
		content          string
	}{
		{"a part with measurements", "x.json", head + `"content":"c","latency_ms":5,"cost_usd":0.1,"model_id":"m"}`, docAnswer, "c"},
		{"a part with a schema version", "x.json", head + `"content":"c","schemaVersion":"2.0","consensus":{}}`, docAnswer, "c"},
		{"a part with a synthesis of its own", "x.json", head + `"content":"c","synthesis":{"content":"y"}}`, docAnswer, "c"},
		{"a part with an outcome", "x.json", head + `"content":"c","consensus_ok":true,"status":"ok"}`, docAnswer, "c"},
		{"a part with expected agents", "x.json", head + `"content":"c","expected_agents":["a"],"complete":true}`, docAnswer, "c"},
		{"a part under the name of a synthesis", "spec-plan_synthesis.json", head + `"content":"c"}`, docAnswer, "c"},
		{"a part under the name of a guardrail", "guardrail-1.json", head + `"content":"c"}`, docAnswer, "c"},
		{"an answer with a synthesis of its own", "x.json", head + `"synthesis":{"steps":[]}}`, docAnswer, head + `"synthesis":{"steps":[]}}`},
		{"an answer with a schema version", "x.json", head + `"schemaVersion":1,"consensus":{}}`, docAnswer, head + `"schemaVersion":1,"consensus":{}}`},
		{"an answer with an error and more", "x.json", head + `"error":"e","consensus":{}}`, docAnswer, head + `"error":"e","consensus":{}}`},
		{"an error alone", "x.json", head + `"error":"e"}`, docAnswer, ""},
	} {
		t.Run(test.says, func(t *testing.T) {
			d := mustRead(t, test.path, test.text)
			if d.Kind != test.kind || len(d.Answers) != 1 {
				t.Fatalf("it is a %s with %d answers", d.Kind, len(d.Answers))
			}
			if a := d.Answers[0]; a.Agent != "a" || a.Content != test.content {
				t.Errorf("%s answers %q", a.Agent, a.Content)
			}
		})
	}
}

func TestContentThatIsJSONIsKeptByteForByte(t *testing.T) {
	for _, content := range []string{
		`{ "b" : [ 1.0e+0 , "\u00e9\/" ] ,` + "\n\t" + `"a" : {} }`, `[ 1,  2 ]`, `12.50`, `true`, `{"x":"${y}"}`, `[[[]]]`,
	} {
		for says, text := range map[string]string{
			"a part":        `{"spec_id":"S","stage":"plan","agent":"a","content": ` + content + ` }`,
			"a run":         `{"spec_id":"S","stage":"plan","agents":[ {"agent":"a","content":` + content + `}]}`,
			"a verdict":     `{"spec_id":"S","stage":"plan","consensus_ok":true,"artifacts":[{"agent":"a","content":` + content + `}]}`,
			"an export":     `{"spec_id":"S","stage":"plan","proposals":[{"agent_name":"a","content":` + content + `}]}`,
			"two wrappings": `{"spec_id":"S","stage":"plan","agent":"a","content":` + jsonText(content) + `}`,
		} {
			d := mustRead(t, "x.json", text)
			if got := d.Answers[0].Content; got != content {
				t.Errorf("%s: %q, want %q", says, got, content)
			}
		}
	}
	const whole = `{"spec_id":"S", "stage":"plan" ,"agent":"a", "steps": [ 1.0 ] }`
	if got := mustRead(t, "x.json", "\uFEFF\n"+whole+" \n").Answers[0].Content; got != whole {
		t.Errorf("an answer's own format: %q, want %q", got, whole)
	}
	const synthesis = `{"spec_id":"S","stage":"plan","synthesis":{"content":{ "a" : 1 }}}`
	if got := mustRead(t, "x.json", synthesis).Synthesis.Content; got != `{ "a" : 1 }` {
		t.Errorf("a synthesis: %q", got)
	}
}

func TestUnknownMembersAreKeptAndWarnedOf(t *testing.T) {
	const unknown = `"x":{"y" : [1]},"n":null,"z":"żółć"`
	const kept = `{"x":{"y" : [1]},"z":"żółć"}`
	for says, text := range map[string]string{
		"a part":                        `{"spec_id":"S","stage":"plan","agent":"a","content":"c",` + unknown + `}`,
		"an answer of a run":            `{"spec_id":"S","stage":"plan","agents":[{"agent":"a",` + unknown + `}]}`,
		"a run without a synthesis":     `{"spec_id":"S","stage":"plan","agents":[{"agent":"a"},{"agent":"b"}],` + unknown + `}`,
		"a run with a synthesis":        `{"spec_id":"S","stage":"plan","agents":[{"agent":"a"}],"synthesis":{},` + unknown + `}`,
		"a synthesis":                   `{"spec_id":"S","stage":"plan","synthesis":{` + unknown + `}}`,
		"a document around a synthesis": `{"spec_id":"S","stage":"plan","synthesis":{},` + unknown + `}`,
	} {
		d := mustRead(t, "x.json", text)
		var metadata members
		if d.Synthesis != nil {
			metadata = d.Synthesis.Metadata
		} else {
			metadata = d.Answers[0].Metadata
		}
		want := []string{`member "x" is unknown: kept in metadata`, `member "z" is unknown: kept in metadata`}
		if diff := gocmp.Diff(want, d.Warnings); diff != "" {
			t.Errorf("%s: warnings (-want +got):\n%s", says, diff)
		}
		if got := string(metadata.object()); got != kept {
			t.Errorf("%s: metadata %s, want %s", says, got, kept)
		}
	}
	many := mustRead(t, "x.json", `{"spec_id":"S","stage":"plan","agent":"a","content":"c",`+repeated(1000, `"x%d":1`)+`}`)
	if len(many.Warnings) != maxWarnings || len(many.Answers[0].Metadata) != 1000 {
		t.Errorf("%d warnings, %d members kept", len(many.Warnings), len(many.Answers[0].Metadata))
	}
}

func TestEverySpellingOfAMemberSaysTheSame(t *testing.T) {
	for _, test := range []struct {
		says, text, value string // the text without the member
		names             []string
		of                func(d *document) any
		want              any
	}{
		{"a spec", `"stage":"plan","agent":"a","content":"c"`, `"SPEC-7"`, []string{"spec_id", "specId"},
			func(d *document) any { return d.Spec }, "SPEC-7"},
		{"a stage", `"spec_id":"S","agent":"a","content":"c"`, `"spec-Tasks"`, []string{"stage", "stage_name", "command"},
			func(d *document) any { return d.Stage }, "tasks"},
		{"an agent", `"spec_id":"S","stage":"plan","consensus":{}`, `"GPT-Pro"`, []string{"agent", "agent_name", "model"},
			func(d *document) any { return d.Answers[0].Agent }, "gpt_pro"},
		{"a run", `"spec_id":"S","stage":"plan","agent":"a"`, `"Run-1"`, []string{"run_id", "runId"},
			func(d *document) any { return d.RunID }, "Run-1"},
		{"a time", `"spec_id":"S","stage":"plan","agent":"a"`, `"2026-02-28T10:00:00Z"`,
			[]string{"timestamp", "recorded_at", "created_at", "exported_at", "generated_at"},
			func(d *document) any { return time.UnixMilli(d.Report.At).UTC() }, time.Date(2026, 2, 28, 10, 0, 0, 0, time.UTC)},
		{"an outcome", `"spec_id":"S","stage":"plan"`, `false`, []string{"consensus_ok", "gate_ok", "review_ok", "consensusOk"},
			func(d *document) any { return *d.Report.OK }, false},
		{"a status", `"spec_id":"S","stage":"plan","agreements":[]`, `"hold"`,
			[]string{"status", "consensus_status", "consensusStatus", "synthesis_status"},
			func(d *document) any { return d.Report.Status + truthText(d.Report.OK) }, "holdfalse"},
		{"missing agents", `"spec_id":"S","stage":"plan","consensus_ok":true`, `["GPT-Pro"]`, []string{"missing_agents", "missingAgents"},
			func(d *document) any { return d.Report.Missing }, []string{"gpt_pro"}},
		{"a prompt's version", `"spec_id":"S","stage":"plan","agent":"a"`, `"v7"`, []string{"prompt_version", "promptVersion"},
			func(d *document) any {
				return d.Answers[0].Metadata.get("prompt_version") + d.Answers[0].Metadata.get("promptVersion")
			}, "v7"},
	} {
		for _, name := range test.names {
			d := mustRead(t, "x.json", fmt.Sprintf(`{%s,"%s":%s}`, test.text, name, test.value))
			if diff := gocmp.Diff(test.want, test.of(d)); diff != "" || len(d.Warnings) > 0 {
				t.Errorf("%s, spelt %s (-want +got):\n%s%q", test.says, name, diff, d.Warnings)
			}
		}
	}
	d := mustRead(t, "x.json", `{"specId":"B","spec_id":"A","stage":null,"command":"tasks","stage_name":"plan","agent":"a"}`)
	if d.Spec != "A" || d.Stage != "plan" {
		t.Errorf("of several spellings %s and %s count", d.Spec, d.Stage)
	}
}
