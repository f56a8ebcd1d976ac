package schema_test

import (
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/consensusd/consensusd/schema"
)

func TestStringsAreKeptAsAJSONArray(t *testing.T) {
	db := newDB(t)
	for _, test := range []struct {
		value schema.Strings
		text  string
		back  schema.Strings
	}{
		{nil, `[]`, schema.Strings{}},
		{schema.Strings{}, `[]`, schema.Strings{}},
		{schema.Strings{""}, `[""]`, schema.Strings{""}},
		{schema.Strings{"claude", "gpt_pro"}, `["claude","gpt_pro"]`, schema.Strings{"claude", "gpt_pro"}},
		{schema.Strings{"b", "a", "b"}, `["b","a","b"]`, schema.Strings{"b", "a", "b"}},
		{schema.Strings{`<a> & "b"`, "ü\n\u2028\\"}, `["<a> & \"b\"","ü\n` + "\u2028" + `\\"]`, schema.Strings{`<a> & "b"`, "ü\n\u2028\\"}},
		{schema.Strings{"cut \xf0\x9f"}, `["cut ��"]`, schema.Strings{"cut ��"}},
	} {
		if got, err := test.value.Value(); got != driver.Value(test.text) || err != nil {
			t.Errorf("Value of %q = %q, %v, want %q", test.value, got, err, test.text)
		}
		var back schema.Strings
		if err := db.QueryRow("SELECT ?", test.value).Scan(&back); err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff(test.back, back); diff != "" {
			t.Errorf("%q read back (-want +got):\n%s", test.value, diff)
		}
	}
}

func TestStringsAreReadFromWhateverAColumnHolds(t *testing.T) {
	for text, want := range map[any]schema.Strings{
		nil: {}, "": {}, "[]": {}, "null": {}, ` [ "a" , "b" ] `: {"a", "b"}, `["\u00fc"]`: {"ü"},
	} {
		got := schema.Strings{"left over"}
		if err := got.Scan(text); err != nil {
			t.Errorf("Scan(%q): %v", text, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("Scan(%q) (-want +got):\n%s", text, diff)
		}
	}
	var got schema.Strings
	if err := got.Scan([]byte(`["a"]`)); err != nil || !cmp.Equal(got, schema.Strings{"a"}) {
		t.Errorf("Scan of bytes = %q, %v", got, err)
	}
	for _, bad := range []any{`{}`, `"a"`, `[1]`, `["a"`, `claude`, int64(1), true} {
		if err := got.Scan(bad); err == nil {
			t.Errorf("Scan(%v) = %q, want an error", bad, got)
		}
	}
}

func TestObjectsAreKeptAsTheirText(t *testing.T) {
	db := newDB(t)
	for _, test := range []struct{ value, back schema.Object }{
		{"", "{}"}, {"{}", "{}"}, {`{"b": 1,  "a":"ü"}`, `{"b": 1,  "a":"ü"}`},
	} {
		var back schema.Object
		if err := db.QueryRow("SELECT ?", test.value).Scan(&back); err != nil || back != test.back {
			t.Errorf("%q is read back as %q, %v, want %q", test.value, back, err, test.back)
		}
	}
	o := schema.Object("left over")
	if err := o.Scan(nil); err != nil || o != "{}" {
		t.Errorf("NULL is read as %q, %v, want {}", o, err)
	}
	if err := o.Scan([]byte(`{"a":1}`)); err != nil || o != `{"a":1}` {
		t.Errorf("bytes are read as %q, %v", o, err)
	}
	if err := o.Scan(1.5); err == nil {
		t.Errorf("a number is read as %q, want an error", o)
	}
}

func TestObjectsNestInJSON(t *testing.T) {
	type row struct {
		Metadata, None schema.Object
	}
	b, err := json.Marshal(row{Metadata: `{"tokens":12345678901234567890}`})
	if want := `{"Metadata":{"tokens":12345678901234567890},"None":{}}`; string(b) != want || err != nil {
		t.Errorf("Marshal = %s, %v, want %s", b, err, want)
	}
	var back row
	if err := json.Unmarshal(b, &back); err != nil || back != (row{`{"tokens":12345678901234567890}`, `{}`}) {
		t.Errorf("Unmarshal = %+v, %v", back, err)
	}
}

func TestAVerdictIsFailedUnlessThereIsConsensus(t *testing.T) {
	for _, test := range []struct {
		ok, degraded bool
		want         schema.Verdict
	}{
		{true, false, schema.Unanimous}, {true, true, schema.Degraded}, {false, true, schema.Failed}, {false, false, schema.Failed},
	} {
		if got := schema.VerdictOf(test.ok, test.degraded); got != test.want {
			t.Errorf("VerdictOf(%v, %v) = %s, want %s", test.ok, test.degraded, got, test.want)
		}
	}
}

func TestVerdictsAreKeptAsText(t *testing.T) {
	db := newDB(t)
	for _, want := range []schema.Verdict{schema.Unanimous, schema.Degraded, schema.Failed, ""} {
		var got schema.Verdict
		var text sql.NullString
		if err := db.QueryRow("SELECT ?1, ?1", want).Scan(&got, &text); err != nil || got != want || !text.Valid || text.String != string(want) {
			t.Errorf("%q is read back as %q and %v, %v", want, got, text, err)
		}
	}
	v := schema.Failed
	if err := v.Scan(nil); err != nil || v != "" {
		t.Errorf("NULL is read as %q, %v, want none", v, err)
	}
	if err := v.Scan(int64(1)); err == nil {
		t.Errorf("a number is read as %q, want an error", v)
	}
}
