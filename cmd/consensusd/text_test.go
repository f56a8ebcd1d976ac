package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/consensusd/consensusd/serve"
)

func devNull(t *testing.T) *os.File {
	t.Helper()
	f, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func TestControlCharactersAreShownNotObeyed(t *testing.T) {
	for text, want := range map[string]string{
		"plain, ünïcode, 日本 👩‍👩‍👧": "plain, ünïcode, 日本 👩‍👩‍👧",
		"line\n\ttab":           "line\n\ttab",
		"\x1b[31mred\x1b]0;x\a": "␛[31mred␛]0;x␇",
		"over\rwrite\x7f\x00":   "over␍write␡␀",
		"\u009b2J":              `\u009b2J`,
		"user\u202etxt.exe":     `user\u202etxt.exe`,
		"\u2066a\u2069\ufeff":   `\u2066a\u2069\ufeff`,
		"tag \U000e0041":        `tag \U000e0041`,
		"no UTF-8 \xff\x9b":     `no UTF-8 \xff\x9b`,
		"honest \ufffd":         "honest \ufffd",
	} {
		if got := visible(text); got != want {
			t.Errorf("%q is shown as %q, want %q", text, got, want)
		}
		if got := visible(want); got != want {
			t.Errorf("%q is shown as %q once more", want, got)
		}
	}
	if got, want := visibleLine("two\r\nlines\tand\x1b"), "two lines and␛"; got != want {
		t.Errorf("on one line: %q, want %q", got, want)
	}
}

func TestJSONOnATerminalIsEscapedAndMeansTheSame(t *testing.T) {
	got := escapeJSON(`{"a":"` + "\u009b\u202e\U000e0041 ü\u200d👍" + `"}`)
	if want := `{"a":"\u009b\u202e\udb40\udc41 ü` + "\u200d" + `👍"}`; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestShellWords(t *testing.T) {
	for word, want := range map[string]string{
		"plain-1.json": "plain-1.json", "my home": "'my home'", "it's": `'it'\''s'`, "": "''", "$HOME": "'$HOME'", `a\b`: `'a\b'`,
		"\x1b[31m it's\n": `$'\033[31m it\'s\012'`, "back\\slash\x07": `$'back\\slash\007'`, "\u202e": `$'\342\200\256'`, "\xff-ü": `$'\377-ü'`,
	} {
		if got := shellQuoted(word); got != want {
			t.Errorf("%q: %s, want %s", word, got, want)
		}
	}
}

func TestPointingToAPlaceInALine(t *testing.T) {
	long := strings.Repeat("x", 200)
	for name, tt := range map[string]struct {
		line   string
		column int
		want   string
	}{
		"middle":     {`{"a": b}`, 7, "    3 │ {\"a\": b}\n      │       ^"},
		"first":      {`a`, 1, "    3 │ a\n      │ ^"},
		"behind":     {`{"a"`, 5, "    3 │ {\"a\"\n      │     ^"},
		"far behind": {`{"a"`, 99, "    3 │ {\"a\"\n      │     ^"},
		"wide":       {`"日本" x`, 6, "    3 │ \"日本\" x\n      │        ^"},
		"hidden":     {"\x1b\u202ex", 3, "    3 │ ␛\\u202ex\n      │        ^"},
		"tabs":       {"\t\ta\tb", 5, "    3 │  a b\n      │    ^"},
		"no UTF-8":   {"a\xffb\xc3", 3, "    3 │ a\\xffb\\xc3\n      │      ^"},
		"empty":      {"", 1, "    3 │ \n      │ ^"},
		"long":       {long + "y" + long, 201, "    3 │ …" + long[:35] + "y" + long[:34] + "…\n      │ " + strings.Repeat(" ", 36) + "^"},
	} {
		if diff := cmp.Diff(tt.want, pointTo(tt.line, 3, tt.column)); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
	}
}

func TestLinesOfAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	long := strings.Repeat("x", 1<<20)
	if err := os.WriteFile(path, []byte("\uFEFFfirst\r\n\r\n"+long+"\n\xff"), 0o644); err != nil {
		t.Fatal(err)
	}
	for n, want := range []string{"", "first", "", long, "\xff"} {
		if got, err := lineOf(path, n); n > 0 && (err != nil || got != want) {
			t.Errorf("line %d: %.20q, %v", n, got, err)
		}
	}
	for _, n := range []int{-1, 0, 5} {
		if got, err := lineOf(path, n); err == nil {
			t.Errorf("line %d: %q", n, got)
		}
	}
	if err := os.Symlink(path, path+"-link"); err != nil {
		t.Fatal(err)
	}
	if got, err := lineOf(path+"-link", 1); err == nil {
		t.Errorf("through a link: %q", got)
	}
}

// terminal is a screen whose output can be read.
func terminal(width int, colours bool) (*screen, *strings.Builder) {
	var b strings.Builder
	return &screen{Writer: &b, terminal: true, width: width, colours: colours}, &b
}

var listed = []serve.Run{
	{RunID: "019a3c5e-2b00-8f11-9c22-5d3f0e6a7b81", SpecID: "SPEC-KIT-025-add-automated-conflict-resolution", Stage: "plan",
		Timestamp: time.Unix(1761825600, 0), Verdict: "degraded", Agents: []string{"claude", "gemini"}, MissingAgents: []string{"claude", "gpt_pro"}, Findings: 2},
	{RunID: "r\x1b[2J", SpecID: "SPEC-1", Stage: "tasks", Timestamp: time.Unix(1761739200, 0), Verdict: "unanimous", Agents: []string{"gemini"}, Conflicts: []string{"a", "b"}},
}

func TestATableOfRuns(t *testing.T) {
	wide, got := terminal(0, false)
	wide.runs(listed)
	want := `TIME              SPEC                                            STAGE  VERDICT    AGENTS                   CONFLICTS  FINDINGS  RUN
2025-10-30 12:00  SPEC-KIT-025-add-automated-conflict-resolution  plan   degraded   !claude !gpt_pro gemini  -          2         019a3c5e-2b00-8f11-9c22-5d3f0e6a7b81
2025-10-29 12:00  SPEC-1                                          tasks  unanimous  gemini                   2          -         r␛[2J
`
	if diff := cmp.Diff(want, got.String()); diff != "" {
		t.Error(diff)
	}
	narrow, got := terminal(130, false)
	narrow.runs(listed)
	want = `TIME              SPEC              STAGE  VERDICT    AGENTS             CONFLICTS  FINDINGS  RUN
2025-10-30 12:00  SPEC-KIT-025-ad…  plan   degraded   !claude !gpt_pro…  -          2         019a3c5e-2b00-8f11-9c22-5d3f0e6a7b81
2025-10-29 12:00  SPEC-1            tasks  unanimous  gemini             2          -         r␛[2J
`
	if diff := cmp.Diff(want, got.String()); diff != "" {
		t.Error(diff)
	}
}

func TestAnOverlongCellMovesItsOwnRowAlone(t *testing.T) {
	long := strings.Repeat("x", mostWidth+1)
	all := [][]string{{"A", "B", "C"}, {"1", "2", "3"}, {long, "2", "3"}, {"one", "2", long}}
	want := []string{"A    B  C", "1    2  3", long + "  2  3", "one  2  " + long}
	if diff := cmp.Diff(want, aligned(all)); diff != "" {
		t.Error(diff)
	}
	wide, got := terminal(100, false)
	wide.print(all[0], all[1:], 0)
	if diff := cmp.Diff(strings.Join(want, "\n")+"\n", got.String()); diff != "" { // nothing is cut for it
		t.Error(diff)
	}
	if got := aligned([][]string{{"code", "", "why"}, {"longer code", "", "why not"}}); got[0] != "code         why" {
		t.Errorf("an empty column: %q", got[0])
	}
}

func TestContentOnATerminal(t *testing.T) {
	s, got := terminal(80, false)
	s.content(`{"a":{"b":"`+"\u202e"+`"}}`, "", false)
	s.content("one\x1b[2J\ntwo\n", "", false)
	s.content("", "timeout\nafter 300 s", false)
	s.content(" \n", "", false)
	s.content(strings.Repeat("line\n", 50), "", false)
	want := "{\n  \"a\": {\n    \"b\": \"\\u202e\"\n  }\n}\n" + "one␛[2J\ntwo\n" + "failed: timeout after 300 s\n" + "(empty)\n" +
		strings.Repeat("line\n", 30) + "… 100 B more: --full shows all\n"
	if diff := cmp.Diff(want, got.String()); diff != "" {
		t.Error(diff)
	}
	s, got = terminal(80, false)
	s.content(strings.Repeat("line\n", 50), "", true)
	if want := strings.Repeat("line\n", 50); got.String() != want {
		t.Errorf("--full shows %d bytes, not %d", got.Len(), len(want))
	}
}

func TestColoursOnlyWhereTheyAreWanted(t *testing.T) {
	c := newCLI(nil, devNull(t), devNull(t))
	c.stdout.terminal = true
	for name, tt := range map[string]struct {
		noColour, term string
		flag, want     bool
	}{
		"a terminal": {"", "xterm", false, true},
		"NO_COLOR":   {"1", "xterm", false, false},
		"--no-color": {"", "xterm", true, false},
		"dumb":       {"", "dumb", false, false},
	} {
		t.Setenv("NO_COLOR", tt.noColour)
		t.Setenv("TERM", tt.term)
		c.noColor = tt.flag
		c.decideColours()
		if got := c.stdout.verdict("failed") == "\x1b[31mfailed\x1b[0m"; got != tt.want {
			t.Errorf("%s: %q", name, c.stdout.verdict("failed"))
		}
		if c.stderr.colours {
			t.Errorf("%s: colours on what is no terminal", name)
		}
	}
}
