package ingest

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestParseObjectTakesGoodDocuments(t *testing.T) {
	for _, test := range []struct {
		says, text string
		names      []string
	}{
		{"an empty object", "{}", nil},
		{"members in their order", `{"b":1,"a":2}`, []string{"b", "a"}},
		{"white space around it", " \t\r\n{\"a\" : [ 1 ]\n}\r\n \t", []string{"a"}},
		{"a byte order mark", "\uFEFF{\"a\":1}", []string{"a"}},
		{"a byte order mark and white space", "\uFEFF\n {\"a\":1}\n", []string{"a"}},
		{"letters of all kinds", `{"żółć":"ß","日本":"語","👩‍🚀":"\ud83d\ude80"}`, []string{"żółć", "日本", "👩‍🚀"}},
		{"escaped names", `{"\u0061\n":1}`, []string{"a\n"}},
		{"the same name in different objects", `{"a":{"a":{"a":1}}}`, []string{"a"}},
		{"an empty name", `{"":null}`, []string{""}},
		{"names that differ in case alone", `{"stage":1,"Stage":2}`, []string{"stage", "Stage"}},
		{"numbers beyond any type", `{"a":-1e999,"b":` + strings.Repeat("9", 400) + `}`, []string{"a", "b"}},
	} {
		t.Run(test.says, func(t *testing.T) {
			o, r := parseObject([]byte(test.text))
			if r != nil {
				t.Fatal(r)
			}
			var names []string
			for _, m := range o.members {
				names = append(names, m.name)
			}
			if diff := cmp.Diff(test.names, names); diff != "" {
				t.Errorf("members (-want +got):\n%s", diff)
			}
			if whole := strings.Trim(test.text, "\uFEFF \t\r\n"); string(o.source) != whole {
				t.Errorf("its source is %q, want %q", o.source, whole)
			}
		})
	}
}

func TestValuesAreTheDocumentsOwnBytes(t *testing.T) {
	const value = `{ "a" : [ 1.0e0 , "\u00e9\/" ,null ] }`
	o, r := parseObject([]byte(`{"x": 1, "y" :  ` + value + ` }`))
	if r != nil {
		t.Fatal(r)
	}
	if v, _ := o.get("y"); string(v) != value {
		t.Errorf("y is %q, want %q", v, value)
	}
}

func TestParseObjectSaysWhatIsWrongAndWhere(t *testing.T) {
	times := strings.Repeat
	for _, test := range []struct {
		says, text, code string
		line, column     int
		pointer          string
		unfinished       bool
	}{
		{"nothing", "", CodeEmpty, 0, 0, "", true},
		{"blanks", " \r\n\t\n", CodeEmpty, 0, 0, "", true},
		{"a byte order mark alone", "\uFEFF \n", CodeEmpty, 0, 0, "", true},

		{"the beginning of an object", "{", CodeTruncated, 1, 2, "", true},
		{"an end within a string", "{\"a\": 1,\n \"ż\": \"zż", CodeTruncated, 2, 10, "", true},
		{"an end after a line break", "{\"a\": 1,\n", CodeTruncated, 2, 1, "", true},
		{"an end after a byte order mark", "\uFEFF{\"a\"", CodeTruncated, 1, 5, "", true},
		{"an end within a character", "{\"a\": \"\xe6\x97", CodeInvalidUTF8, 1, 8, "", true},
		{"an end within a byte order mark", "\xef\xbb", CodeInvalidUTF8, 1, 1, "", true},

		{"a byte that is no UTF-8", "{\"ż\":\n \"\xff\"}", CodeInvalidUTF8, 2, 3, "", false},
		{"Latin-1", "{\"a\": \"caf\xe9\"}", CodeInvalidUTF8, 1, 11, "", false},
		{"a surrogate as bytes", "{\"a\": \"\xed\xa0\x80\"}", CodeInvalidUTF8, 1, 8, "", false},
		{"half a surrogate pair as an escape", `{"a": "\ud83d"}`, CodeSyntax, 1, 8, "/a", false},

		{"a name twice", `{"a":1,"b":2,"a":3}`, CodeDuplicateName, 1, 14, "/a", false},
		{"a name twice in another spelling", `{"a":1,"\u0061":3}`, CodeDuplicateName, 1, 8, "/a", false},
		{"a name twice further in", "{\"x\":\n [0, {\"a/b\":1,\n \"a/b\":2}]}", CodeDuplicateName, 3, 2, "/x/1/a~1b", false},

		{"a list", ` [{"a":1}]`, CodeNotObject, 1, 2, "", false},
		{"a string", `"a"`, CodeNotObject, 1, 1, "", false},
		{"a number", "\n\n 1", CodeNotObject, 3, 2, "", false},
		{"null", "null", CodeNotObject, 1, 1, "", false},
		{"the beginning of a list", `[1,`, CodeNotObject, 1, 1, "", false},

		{"two objects", "{\"a\":1}\n {\"b\":2}", CodeTrailing, 2, 2, "", false},
		{"a brace too many", `{"a":{}}}`, CodeTrailing, 1, 9, "", false},
		{"the rest of a longer version", `{"a":"ż"} "b":2}`, CodeTrailing, 1, 11, "", false},
		{"a comma after it", `{"a":1},`, CodeTrailing, 1, 8, "", false},

		{"prose", "Sure, here it is:\n{}", CodeSyntax, 1, 1, "", false},
		{"a fence", "```json\n{}\n```", CodeSyntax, 1, 1, "", false},
		{"an unescaped quote", "{\"a\": \"says \"no\" to ż\"}", CodeSyntax, 1, 14, "", false},
		{"a line break in a string", "{\"a\": \"one\ntwo\"}", CodeSyntax, 1, 11, "/a", false},
		{"a bare word for a name", "{ this is not valid JSON", CodeSyntax, 1, 3, "", false},
		{"a bare word for a value", "{\"a\":\n [string]}", CodeSyntax, 2, 3, "/a/0", false},
		{"True for true", `{"a": True}`, CodeSyntax, 1, 7, "/a", false},
		{"nul for null", `{"a": nul}`, CodeSyntax, 1, 10, "/a", false},
		{"no comma", "{\"a\": 1\n \"b\": 2}", CodeSyntax, 2, 2, "", false},
		{"a comma too many", `{"a": 1,}`, CodeSyntax, 1, 8, "", false},
		{"single quotes", `{'a': 1}`, CodeSyntax, 1, 2, "", false},
		{"a comment", "{\"a\": 1 // one\n}", CodeSyntax, 1, 9, "", false},
		{"NaN", `{"a": NaN}`, CodeSyntax, 1, 7, "/a", false},
		{"a NUL", "{\"a\": \x00}", CodeSyntax, 1, 7, "/a", false},

		{"100,000 lists in each other", `{"a":` + times("[", 100_000) + times("]", 100_000) + "}", CodeTooDeep, 1, 10_005, "", false},
		{"100,000 objects in each other", times(`{"a":`, 100_000) + "1" + times("}", 100_000), CodeTooDeep, 1, 50_001, "", false},
		{"100,000 lists that never end", `{"a":` + times("[", 100_000), CodeTooDeep, 1, 10_005, "", false},
	} {
		t.Run(test.says, func(t *testing.T) {
			_, r := parseObject([]byte(test.text))
			if r == nil {
				t.Fatal("taken for a good document")
			}
			if r.Code == CodeTooDeep {
				test.pointer = r.Pointer // too long to be worth repeating
			}
			want := Rejection{Code: test.code, Line: test.line, Column: test.column, Pointer: test.pointer, unfinished: test.unfinished}
			got := Rejection{Code: r.Code, Line: r.Line, Column: r.Column, Pointer: r.Pointer, unfinished: r.unfinished}
			if diff := cmp.Diff(want, got, cmp.AllowUnexported(Rejection{})); diff != "" {
				t.Errorf("%s\n(-want +got):\n%s", r.Message, diff)
			}
			wellSaid(t, r)
		})
	}
}

// wellSaid checks what is true of every rejection: it says something, with a
// hint, on one line and not at length.
func wellSaid(t *testing.T, r *Rejection) {
	t.Helper()
	for what, s := range map[string]string{"message": r.Message, "hint": r.Hint} {
		if s == "" || len(s) > 400 || strings.ContainsAny(s, "\n\r\x00\x1b") || !utf8.ValidString(s) {
			t.Errorf("%s: %s is %.500q", r.Code, what, s)
		}
	}
	if len(r.Pointer) > maxPointer+len("…") || !utf8.ValidString(r.Pointer) {
		t.Errorf("%s: the pointer is %.300q", r.Code, r.Pointer)
	}
}

func TestSyntaxErrorsNameTheWholeWord(t *testing.T) {
	for text, word := range map[string]string{
		"{ this is not valid JSON":                        "this",
		`{"a": nullable}`:                                 "nullable",
		`{"a": falsehood_and_more}`:                       "falsehood_and_more",
		`{"a": trueish` + strings.Repeat("e", 1000) + "}": "trueish" + strings.Repeat("e", 33),
	} {
		_, r := parseObject([]byte(text))
		if r == nil || !strings.Contains(r.Message, fmt.Sprintf("%q", word)) {
			t.Errorf("%.40s: %v, want the word %s", text, r, word)
		}
	}
}

func TestAStrictPrefixOfADocumentIsUnfinishedAndNeverTaken(t *testing.T) {
	for _, whole := range []string{
		"\uFEFF \n{\"spec_id\": \"SPEC-Ż\", \"a\\u00e9\\n\\ud83d\\ude80\": \"日本 👩‍🚀\\\"\", \"n\": [-1.5e+10, 0, true, false, null, {}, []],\n" +
			"\t\"o\" : {\"p\": {\"q\": \"}\"}, \"\": \"\\\\\"}, \"last\": 12}",
		`{"agents":[{"agent":"claude","content":"a"},{"agent":"gemini","error":"timeout"}],"consensus_ok":true}`,
		`{}`,
	} {
		for n := range len(whole) {
			o, r := parseObject([]byte(whole[:n]))
			switch {
			case r == nil:
				t.Fatalf("%q is taken for %s", whole[:n], o.source)
			case !r.unfinished:
				t.Errorf("%q is finished: %s", whole[:n], r)
			}
		}
		if _, r := parseObject([]byte(whole)); r != nil {
			t.Errorf("%q: %s", whole, r)
		}
	}
}

// repeated joins n texts made by format and their number.
func repeated(n int, format string) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, format, i)
	}
	return b.String()
}

const hugeHead = `{"run_id":"r","spec_id":"SPEC-1","stage":"plan","timestamp":"2026-03-01T10:00:00Z",`

func TestDocumentsThatListMoreThanAnyRunAreRejected(t *testing.T) {
	for says, text := range map[string]string{
		"a million answers":   hugeHead + `"agents":[` + repeated(1_000_000, `{"agent":"a%d"}`) + `]}`,
		"a million members":   hugeHead + `"agent":"a",` + repeated(1_000_000, `"m%d":1`) + "}",
		"a million agents":    hugeHead + `"expected_agents":[` + repeated(1_000_000, `"a%d"`) + `]}`,
		"a million conflicts": hugeHead + `"synthesis":{},"conflicts":[` + repeated(1_000_000, `"c%d"`) + `]}`,
	} {
		t.Run(says, func(t *testing.T) {
			t.Parallel()
			_, r := readDocument([]byte(text), originOf("x.json", "x.json", noon, noon))
			if r == nil || r.Code != CodeTooMany || len(r.Error())+len(r.Hint) > 300 {
				t.Errorf("%v, want %s", r, CodeTooMany)
			}
		})
	}
}

// Each of these would take hours, or gigabytes, if anything about it grew with
// the square of its size.
func TestHugeRunsAreRecordedInProportionToTheirSize(t *testing.T) {
	const n = maxList - 100
	answers := `"agents":[` + repeated(n, `{"agent":"a%d","content":"yes"}`) + `]`
	for _, test := range []struct {
		says, text                    string
		artifacts, missing, conflicts int
	}{
		{"members of an answer", hugeHead + `"agent":"a",` + repeated(n, `"m%d":1`) + "}", 1, 0, 0},
		{"unknown members of a part", hugeHead + `"agent":"a","content":"yes",` + repeated(n, `"m%d":1`) + "}", 1, 0, 0},
		{"expected agents", hugeHead + `"expected_agents":[` + repeated(n, `"a%d"`) + `]}`, 0, n, 0},
		{"answers", hugeHead + answers + "}", n, 0, 0},
		{"answers and unknown members", hugeHead + answers + "," + repeated(n, `"m%d":1`) + "}", n, 0, 0},
		{"answers of one agent", hugeHead + `"agents":[` + repeated(n, `{"agent":"a","content":"%d"}`) + `]}`, n, 0, 0},
		{"conflicts", hugeHead + `"agents":[{"agent":"a","content":"yes"}],"conflicts":[` + repeated(n, `"c%d"`) + `]}`, 1, 0, n},
	} {
		t.Run(test.says, func(t *testing.T) {
			t.Parallel()
			r := evidenceOf([]*document{mustRead(t, "x.json", test.text)}, noon).judge(nil).record()
			if got := [...]int{len(r.Artifacts), len(r.Run.MissingAgents), len(r.Run.Conflicts)}; got != [...]int{test.artifacts, test.missing, test.conflicts} {
				t.Errorf("artifacts, missing agents and conflicts are %d", got)
			}
			size := len(r.Receipts[0].Reason)
			for _, a := range r.Artifacts {
				size += len(a.Content) + len(a.Metadata)
			}
			if size > 2*len(test.text) {
				t.Errorf("%d bytes are recorded of %d", size, len(test.text))
			}
		})
	}
}

func TestComplaintsAboutHugeThingsAreShort(t *testing.T) {
	long := strings.Repeat("ż\\n", 100_000)
	for says, text := range map[string]string{
		"a long name twice":                  `{"` + long + `":1,"` + long + `":2}`,
		"a long word":                        `{"a":` + strings.Repeat("x", 1_000_000) + "}",
		"a syntax error below long names":    strings.Repeat(`{"`+long[:50_000]+`":`, 100) + "?",
		"a syntax error 9,000 levels deep":   strings.Repeat(`{"a":[`, 4_500) + "?",
		"a name twice 9,000 levels deep":     strings.Repeat(`{"a":1,"b":`, 9_000) + `{"a":1,"a":2}`,
		"a million lines before the error":   "{" + strings.Repeat("\n", 1_000_000) + "?}",
		"a long spec":                        `{"spec_id":"` + long + `","stage":"plan","agent":"a","content":""}`,
		"a wrong type in the 9,000th answer": `{"spec_id":"s","stage":"plan","agents":[` + repeated(9_000, `{"agent":"a%d"}`) + `,{"agent":[]}]}`,
		"9,000 values of the wrong type":     `{"spec_id":"s","stage":"plan","agents":[` + repeated(9_000, `{"agent":[%d]}`) + `]}`,
		"9,000 agents that are none":         `{"spec_id":"s","stage":"plan","expected_agents":[` + repeated(9_000, "%d") + `]}`,
	} {
		t.Run(says, func(t *testing.T) {
			t.Parallel()
			_, r := readDocument([]byte(text), originOf("x.json", "x.json", noon, noon))
			if r == nil {
				t.Fatal("taken for a good document")
			}
			wellSaid(t, r)
			if len(r.Error()) > 500 {
				t.Errorf("the whole of it has %d bytes", len(r.Error()))
			}
		})
	}
}

func TestWhatIsNestedDeepIsRejectedOrRecorded(t *testing.T) {
	for _, format := range []string{
		`"agent":"a","content":"c","x":%s}`, `"agent":"a","content":%s}`, `"agent":"a","x":%s}`, `"agents":[{"agent":"a","metadata":{"x":%s}}]}`,
		`"agent":"a","latency_ms":1,"cost_usd":1,"x":%s}`, `"schemaVersion":1,"consensus":{"agents":[{"agent":"a","x":%s}]}}`,
		`"synthesis":{"x":%s}}`, `"status":"ok","conflicts":%s}`,
	} {
		for levels := 9_990; levels <= 10_000; levels++ {
			text := hugeHead + fmt.Sprintf(format, strings.Repeat("[", levels)+strings.Repeat("]", levels))
			d, r := readAt("x.json", text)
			if r == nil {
				wellFormed(t, evidenceOf([]*document{d}, noon).judge(nil).record())
			} else if r.Code != CodeTooDeep {
				t.Errorf("%s, %d levels: %s", format, levels, r)
			}
		}
	}
}
