package ingest

import (
	"fmt"
	"maps"
	"math"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// slow are answers that are built to take long to read. Each is what follows
// {"spec_id":"S","stage":"plan","agent":"a","content":
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

// slowJSON are documents whose JSON is built to take long to parse, of about that
// many bytes.
var slowJSON = map[string]func(size int) string{
	"deep lists":                  func(size int) string { return answerOf(strings.Repeat("[", size/2) + strings.Repeat("]", size/2)) },
	"deep lists that have no end": func(size int) string { return answerOf(strings.Repeat("[", size)) },
	"deep objects":                func(size int) string { return strings.Repeat(`{"a":`, size/5) },
	"as deep as may be, many times": func(size int) string {
		return answerOf("[" + strings.Repeat(strings.Repeat("[", 9000)+strings.Repeat("]", 9000)+",", size/18_000) + "1]")
	},
	"a long number":               func(size int) string { return answerOf(strings.Repeat("9", size)) },
	"a long fraction":             func(size int) string { return answerOf("0." + strings.Repeat("3", size)) },
	"a long exponent":             func(size int) string { return answerOf("1e" + strings.Repeat("9", size)) },
	"a long number as a time":     func(size int) string { return `{"spec_id":"S","timestamp":` + strings.Repeat("9", size) + "}" },
	"many numbers":                func(size int) string { return answerOf("[" + strings.Repeat("1e9,", size/4) + "1]") },
	"many names":                  func(size int) string { return "{" + manyNames(size) + `"spec_id":"S"}` },
	"many names in an answer":     func(size int) string { return answerOf("{" + manyNames(size) + `"z":1}`) },
	"many names, the first twice": func(size int) string { return answerOf("{" + manyNames(size) + `"n0000000":1}`) },
	"names that are escaped": func(size int) string {
		return answerOf("{" + strings.ReplaceAll(manyNames(size/2), "n", `\u006e`) + `"z":1}`)
	},
	"names that stand twice":       func(size int) string { return answerOf("[" + strings.Repeat(`{"a":1,"a":1},`, size/14) + "1]") },
	"a long name":                  func(size int) string { return `{"` + strings.Repeat("a", size) + `":1}` },
	"many escapes":                 func(size int) string { return answerOf(`"` + strings.Repeat(`\u0041`, size/6) + `"`) },
	"many surrogates":              func(size int) string { return answerOf(`"` + strings.Repeat(`\ud83d\ude00`, size/12) + `"`) },
	"surrogates without the other": func(size int) string { return answerOf(`"` + strings.Repeat(`\ud83d`, size/6) + `"`) },
	"a string that has no end":     func(size int) string { return answerOf(`"` + strings.Repeat(`\\`, size/2)) },
	"many lines, then a mistake":   func(size int) string { return answerOf("[" + strings.Repeat("1,\n", size/3) + "}") },
	"blanks":                       func(size int) string { return answerOf(strings.Repeat(" \n", size/2) + "1") },
	"blanks behind it":             func(size int) string { return answerOf("1") + strings.Repeat("\n ", size/2) + "x" },
	"bytes that are no UTF-8":      func(size int) string { return answerOf(`"` + strings.Repeat("\xff", size) + `"`) },
	"long characters, cut off":     func(size int) string { return answerOf(`"` + strings.Repeat("\U0001F600", size/4) + "\xf0\x9f") },
}

func answerOf(content string) string {
	return `{"spec_id":"S","stage":"plan","agent":"a","content":` + content + "}"
}

// manyNames are members of an object, each of another name.
func manyNames(size int) string {
	var b strings.Builder
	for i := 0; b.Len() < size; i++ {
		fmt.Fprintf(&b, `"n%07d":1,`, i)
	}
	return b.String()
}

// mostGrowth is how many times the work may become when a document becomes four
// times as long: what is linear in its length becomes four, and what is quadratic
// sixteen times.
const mostGrowth = 12

func TestTheTimeToReadADocumentGrowsWithItsLengthAlone(t *testing.T) {
	kinds := maps.Clone(slowJSON)
	for _, c := range slow {
		kinds["an answer of "+c.name] = func(size int) string {
			return answerOf(c.head + strings.Repeat(c.piece, size/len(c.piece)) + c.tail)
		}
	}
	for name, text := range kinds {
		t.Run(name, func(t *testing.T) {
			small, large := text(1<<20), text(4<<20)
			if len(large) < 3*len(small) || len(small) < 1<<19 {
				t.Fatalf("%d and %d bytes", len(small), len(large))
			}
			isLinear := func(growth float64) bool { return growth <= mostGrowth }
			growth := growthOf(t, isLinear, func() { readSlow(t, small) }, func() { readSlow(t, large) })
			if !isLinear(growth) {
				t.Errorf("four times as long, it takes %.1f times as long to read", growth)
			}
		})
	}
}

// readSlow reads a document and judges what is in it.
func readSlow(t *testing.T, text string) {
	if d, r := readAt("SPEC-1/x.json", text); r == nil {
		wellFormed(t, evidenceOf([]*document{d}, noon).judge(nil).record())
	} else {
		wellSaid(t, r)
	}
}

// What is quadratic is told from what is not.
func TestAGrowthThatIsQuadraticIsSeen(t *testing.T) {
	quadratic := func(size int) func() {
		text := strings.Repeat(" ", size)
		return func() {
			for i := range text {
				if strings.Contains(text[:i], "x") {
					t.Error("there is no x")
				}
			}
		}
	}
	isSeen := func(growth float64) bool { return growth > mostGrowth }
	if growth := growthOf(t, isSeen, quadratic(1<<15), quadratic(1<<17)); !isSeen(growth) {
		t.Errorf("it seems to grow %.1f times", growth)
	}
}

// atOnce is what a megabyte takes at most of which only the beginning is read:
// the rest of the time goes to the memory that it fills, which grows in leaps.
const atOnce = time.Millisecond

// growthOf is how many times the processor's time that small takes large does: the
// least that both took in a few rounds, for others may be at work in between. It
// ends with the first round after which it is as expected.
func growthOf(t *testing.T, expected func(growth float64) bool, small, large func()) (growth float64) {
	t.Helper()
	least := [2]time.Duration{math.MaxInt64, math.MaxInt64}
	for round := 0; round < 10 && (round == 0 || !expected(growth)); round++ {
		for i, work := range []func(){small, large} {
			runtime.GC()
			var took time.Duration
			times := 0
			for ; took < 10*time.Millisecond; times++ { // what is done at once cannot be measured
				took += processorTime(t, work)
			}
			least[i] = min(least[i], took/time.Duration(times))
		}
		growth = float64(least[1]) / float64(max(least[0], atOnce))
	}
	return growth
}

// processorTime is how long all threads of the process have worked while work
// did.
func processorTime(t *testing.T, work func()) time.Duration {
	t.Helper()
	used := func() time.Duration {
		var u syscall.Rusage
		must(t, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	begin := used()
	work()
	return used() - begin
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
