package store

import (
	"math"
	"testing"
	"time"
)

func TestAsManyOldRunsAreNamedAsTakeTheSpace(t *testing.T) {
	eachEngine(t, func(t *testing.T, s *Store) {
		const all = 120
		var records []Record
		var bytes int64
		for i := range all {
			r := aged(i, "S", cleanupNow, time.Duration(all-i)*day)
			records, bytes = append(records, r), bytes+contentBytes(r)
		}
		mustRecord(t, s, records...)
		for space, want := range map[int64]int{0: 0, 1: 1, contentBytes(records[0]): 1, contentBytes(records[0]) + 1: 2, bytes - 1: all, math.MaxInt64: all} {
			runs, err := s.OldestRuns(t.Context(), "S", space)
			if err != nil || len(runs) != want || want > 0 && runs[want-1].RunID != records[want-1].Run.RunID {
				t.Errorf("%d bytes: %d runs, not %d, %v", space, len(runs), want, err)
			}
		}
	})
}
