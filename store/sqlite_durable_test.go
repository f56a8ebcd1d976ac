package store

import (
	"os"
	"testing"
)

// SQLite's commit syncs when it has something to write. That the log has grown
// shows that it had, and so that all before it is safe as well.
func TestWhatIsFoundRecordedIsSyncedBeforeAnybodyReliesOnIt(t *testing.T) {
	path := newFile(t)
	s := open(t, path)
	recorded := sample(1)
	mustRecord(t, s, recorded)
	receipt := recorded.Receipts[0]
	mustNotChange(t, s, func() {
		for _, c := range []struct {
			name string
			do   func() error
		}{
			{"a duplicate", func() error {
				_, err := s.RecordAll(t.Context(), []Entry{{Record: recorded}})
				return err
			}},
			{"a document to confirm", func() error {
				_, err := s.Confirm(t.Context(), DocumentKey{receipt.SHA256, receipt.Identity})
				return err
			}},
			{"a recorded document that is rejected", func() error {
				_, err := s.Reject(t.Context(), receipt)
				return err
			}},
			{"a start", func() error { // the last: its end empties the log, which then begins anew
				again, err := Open(t.Context(), path)
				if err != nil {
					return err
				}
				return again.Close()
			}},
		} {
			before := logSize(t, path)
			if err := c.do(); err != nil {
				t.Errorf("%s: %v", c.name, err)
			}
			if after := logSize(t, path); after <= before {
				t.Errorf("%s: the log has %d bytes, as before: nothing was synced", c.name, after)
			}
		}
	})
	mustBeWell(t, s)
}

func logSize(t *testing.T, path string) int64 {
	t.Helper()
	info, err := os.Stat(path + "-wal")
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}
