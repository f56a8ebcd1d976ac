package ingest

import (
	"bytes"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
)

// listed returns the elements of a list as the decoder finds them.
func listed(t *testing.T, v jsontext.Value) (list []jsontext.Value) {
	dec := jsontext.NewDecoder(bytes.NewReader(v))
	dec.ReadToken()
	for dec.PeekKind() != ']' {
		e, err := dec.ReadValue()
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, e.Clone())
	}
	return list
}

// mustBeFoundAgain fails the test when a value of a document is not what the
// decoder finds in it, at any depth.
func mustBeFoundAgain(t *testing.T, v jsontext.Value) {
	t.Helper()
	switch v.Kind() {
	case '"':
		if got, want := unquoted(v), unquote(v); got != want {
			t.Errorf("%s is %q, want %q", v, got, want)
		}
	case '{':
		want, err := readObject(v, maxList+1)
		if err != nil || len(want.members) > maxList {
			return
		}
		got := objectOf(v, "")
		if len(got.members) != len(want.members) {
			t.Fatalf("%s has %d members, want %d", v, len(got.members), len(want.members))
		}
		for i, m := range want.members {
			if g := got.members[i]; g.name != m.name || !bytes.Equal(g.value, m.value) {
				t.Errorf("%s: member %d is %q: %s, want %q: %s", v, i, g.name, g.value, m.name, m.value)
			}
			mustBeFoundAgain(t, m.value)
		}
	case '[':
		got, want := elements(v), listed(t, v)
		if len(got) != min(len(want), maxList+1) {
			t.Fatalf("%s has %d elements, want %d", v, len(got), len(want))
		}
		for i, e := range got {
			if !bytes.Equal(e, want[i]) {
				t.Errorf("%s: element %d is %s, want %s", v, i, e, want[i])
			}
			mustBeFoundAgain(t, e)
		}
	}
}

func FuzzWhatIsInADocumentIsFoundAgain(f *testing.F) {
	for _, text := range []string{
		`{}`, ` { "a" : [ ] , "b":{},"c":[[],{}, [1 , -2.5e3,true ]] }`, "{\"a\"\t:\n\r\"\\\"}]\\\\\",\"\\u0022\":null}",
		`{"agents":[{"agent":"claude","content":"a \\\" b","m":{"x":[1,{"y":"]"}]}},"gemini",7],"ü\n":"é\ud83d\ude00"}`,
		string(benchDocument(1, 300)),
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) > 1<<16 {
			return
		}
		o, rejection := parseObject(text)
		if rejection != nil {
			return
		}
		mustBeFoundAgain(t, o.source)
	})
}
