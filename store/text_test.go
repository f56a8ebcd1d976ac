package store

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// NUL characters, and what is no UTF-8.
func TestTextsThatNotEveryDatabaseCanHoldAreRefusedByAll(t *testing.T) {
	eachEngine(t, func(t *testing.T, s *Store) {
		var entries []Entry
		var spoilt []string // by entry; "" when it is a good one
		talkative := func(n int) Record {
			r := sample(n)
			r.Run.Conflicts = []string{"they differ"}
			return r
		}
		for path := range texts(new(talkative(0))) {
			for _, bad := range []string{"a\x00b", "a\xffb", "a\xc3"} {
				for _, spoil := range []string{path, ""} {
					r := talkative(len(entries))
					if spoil != "" {
						texts(&r)[path].SetString(bad)
					}
					entries, spoilt = append(entries, Entry{Record: r}), append(spoilt, spoil)
				}
			}
		}
		if len(entries) < 100 {
			t.Fatalf("only %d texts of a record were found", len(entries)/6)
		}
		for n, got := range mustRecordAll(t, s, entries...) {
			want := talkative(n)
			switch {
			case spoilt[n] != "" && (got.Outcome != Refused || got.Err == nil || got.Err.Code != CodeRefused):
				t.Errorf("%s: %+v, want refused", spoilt[n], got)
			case spoilt[n] == "" && !cmp.Equal(want, mustWhole(t, s, want.Run.RunID)):
				t.Errorf("the run after a refused one: %+v", got)
			}
		}
		mustBeWell(t, s)
	})
}

// texts returns the texts of a record by where they are, without those that
// recording sets itself.
func texts(r *Record) map[string]reflect.Value {
	all := map[string]reflect.Value{}
	var walk func(string, reflect.Value)
	walk = func(path string, v reflect.Value) {
		switch {
		case v.Kind() == reflect.String:
			all[path] = v
		case v.Kind() == reflect.Struct:
			for i := range v.NumField() {
				walk(path+"."+v.Type().Field(i).Name, v.Field(i))
			}
		case v.Kind() == reflect.Slice:
			for i := range v.Len() {
				walk(fmt.Sprint(path, "[", i, "]"), v.Index(i))
			}
		}
	}
	walk("", reflect.ValueOf(r).Elem())
	for path := range all {
		if strings.HasPrefix(path, ".Receipts") && (strings.HasSuffix(path, ".State") || strings.HasSuffix(path, ".RunID")) {
			delete(all, path)
		}
	}
	return all
}
