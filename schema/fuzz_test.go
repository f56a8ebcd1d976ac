package schema

import (
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func FuzzColumns(f *testing.F) {
	for _, s := range []string{"", "[]", "null", `["a","b"]`, `[1]`, "{}", "[\"\x00\"]", `["\ud800"]`, "[[", `{"a":1}`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var list Strings
		if list.Scan(s) == nil {
			again(t, list)
		}
		if utf8.ValidString(s) {
			again(t, Strings{s, "", s})
		}
		var object Object
		if err := object.Scan([]byte(s)); err != nil || object == "" {
			t.Errorf("%q: %q, %v", s, object, err)
		}
		var verdict Verdict
		if err := verdict.Scan(s); err != nil || string(verdict) != s {
			t.Errorf("%q: %q, %v", s, verdict, err)
		}
	})
}

// again checks that a column reads as it was written.
func again(t *testing.T, list Strings) {
	t.Helper()
	column, err := list.Value()
	if err != nil {
		t.Fatal(err)
	}
	var is Strings
	if err := is.Scan(column); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(list, is); diff != "" {
		t.Errorf("written and read again:\n%s", diff)
	}
}
