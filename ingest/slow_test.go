package ingest

import (
	"fmt"
	"strings"
	"testing"
)

// slow are documents that are built to take long to read: whatever is quadratic
// in the length of one of them takes hours at this size. Where they have content,
// it is what follows {"spec_id":"S","stage":"plan","agent":"a","content":
var slow = []struct {
	name  string
	piece string // repeated
	head  string // before it, and
	tail  string // after it
}{
	{"deep lists", strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + ",", "[", "1]"},
	{"short strings", `"a",`, "[", `"b"]`},
	{"a long number", "9", "", ""},
	{"escapes", `\u0041`, `"`, `"`},
	{"terminal escapes", `\u001b[`, `"`, `"`},
	{"broken terminal escapes", `\u001b]`, `"`, `"`},
	{"names that stand twice", `{\"a\":1,\"a\":1}`, `"`, `"`},
	{"braces", "{", `"x`, `"`},
	{"braces and names", `{\"a\"`, `"x`, `"`},
	{"braces and strings", `{\"a\":\"`, `"x`, `"`},
	{"small objects", `{\"a\":1} `, `"x`, `"`},
	{"lists in objects in lists", `[{\"a\":[`, `"`, `"`},
	{"fences", "```", `"x`, `"`},
	{"fences and braces", "```{\\\"a\\\":1", `"x`, `"`},
	{"strings without commas", `\"a\" `, `"x{`, `"`},
	{"strings and blanks", `\"\"` + strings.Repeat(" ", 1000), `"x{`, `"`},
	{"parentheses", "(", `"x{a`, `"`},
	{"bars", `\"a\"|`, `"x{`, `"`},
	{"bare words", `a b(\n`, `"x {`, `"`},
	{"a schema", `a: string | b,`, `"x {`, `"`},
	{"transcripts", `OpenAI Codex v1\ncodex\n`, `"`, `"`},
	{"transcripts that are none", ` \nzz OpenAI Codex v`, `"`, `"`},
	{"transcripts in a shell", `aOpenAI Codex v`, `"$ ls\n`, `"`},
	{"objects in a shell", `{\"a\":[1,2,`, `"$ ls\n`, `"`},
	{"prompts", `a@a:`, `"`, `"`},
	{"lists of conflicts", `\"conflicts\":[1,2],`, `"{`, `\"a\":1}"`},
	{"objects with conflicts", `{\"conflicts\":[\"a\",\"b\"]}\n`, `"`, `"`},
	{"a time", "2026-", `"x","timestamp":"`, `"`},
	{"an agent", "gpt-_ ", `"x","agent_name":"`, `"`},
	{"a stage", "/speckit.", `"x","stage_name":"`, `"`},
	{"a placeholder", "x", `"x","consensus_ok":true,"status":"${`, `"`},
	{"something else", "a", "", ""},
}

func TestTheTimeToReadADocumentGrowsWithItsLengthAlone(t *testing.T) {
	const size = 4 << 20
	for _, c := range slow {
		t.Run(c.name, func(t *testing.T) {
			text := `{"spec_id":"S","stage":"plan","agent":"a","content":` + c.head + strings.Repeat(c.piece, size/len(c.piece)) + c.tail + "}"
			if d, r := readAt("SPEC-1/x.json", text); r == nil {
				wellFormed(t, evidenceOf([]*document{d}, noon).judge(nil).record())
			} else {
				wellSaid(t, r)
			}
		})
	}
}

// Many small things, as many as a document may have of them.
func TestARunOfManyThingsIsReadWhole(t *testing.T) {
	const most = maxList - 10
	repeat := func(format string) string {
		var b strings.Builder
		for i := range most {
			fmt.Fprintf(&b, format, i)
		}
		return b.String()
	}
	for name, text := range map[string]string{
		"answers":         `"agents":[` + repeat(`{"agent":"a%d","content":"the same"},`) + `{"agent":"z","content":"x"}]`,
		"answers of one":  `"agents":[` + repeat(`{"agent":"a","content":"another %d"},`) + `{"agent":"z","content":"x"}]`,
		"failed agents":   `"agents":[` + repeat(`{"agent":"`+strings.Repeat("a", 500)+`%d","error":"x"},`) + `{"agent":"z","content":"x"}]`,
		"conflicts":       `"agents":[{"agent":"a","content":"x"}],"conflicts":[` + repeat(`"conflict %d",`) + `"z"]`,
		"missing agents":  `"agents":[{"agent":"a","content":"x"}],"missing_agents":[` + repeat(`"a%d",`) + `"z"]`,
		"expected agents": `"agents":[{"agent":"a","content":"x"}],"expected_agents":[` + repeat(`"a%d",`) + `"z"]`,
	} {
		t.Run(name, func(t *testing.T) {
			d := mustRead(t, "run.json", `{"run_id":"r","spec_id":"S","stage":"plan",`+text+"}")
			record := evidenceOf([]*document{d}, noon).judge(nil).record()
			if n := len(record.Artifacts) + len(record.Run.Conflicts) + len(record.Run.MissingAgents) + len(d.Report.Expected); n < most {
				t.Errorf("of %d there are %d", most, n)
			}
		})
	}
}
