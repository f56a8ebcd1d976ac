package store

import "testing"

func FuzzCursor(f *testing.F) {
	for _, s := range []string{"", "MTc2MTgyNTYwMCBydW4tMQ", cursor(Run{RunID: "a b", Timestamp: -1}), "!!!", "IA", "OTk5OTk5OTk5OTk5OTk5OTk5OTk5IHg"} {
		f.Add(s, int64(1761825600))
	}
	f.Fuzz(func(t *testing.T, s string, at int64) {
		parseCursor(s)
		gotAt, id, err := parseCursor(cursor(Run{RunID: s, Timestamp: at}))
		if err != nil || gotAt != at || id != s {
			t.Errorf("run %q of %d: %q of %d, %v", s, at, id, gotAt, err)
		}
	})
}
