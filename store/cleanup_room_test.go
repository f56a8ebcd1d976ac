package store

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
)

func TestWhoRecordsGetsTheLockBetweenTwoPartsOfACleanup(t *testing.T) {
	s := open(t, newFile(t))
	for n := range 20 {
		mustRecordAll(t, s, bulk(n)...)
	}
	other := open(t, s.target) // as a daemon would, with a lock of its own
	ctx, cancel := context.WithCancel(t.Context())
	var recorded atomic.Int64
	var recording sync.WaitGroup
	recording.Go(func() {
		for n := 0; ctx.Err() == nil; n++ {
			if _, err := other.Record(t.Context(), sample(n)); err != nil {
				t.Error(err)
				return
			}
			recorded.Add(1)
		}
	})
	var parts, used int
	last := int64(0)
	_, done, err := s.Archive(t.TempDir()).Cleanup(t.Context(), Retention{Active: day, Archived: 10_000 * day}, start.Add(30*day), func(int64, int64) {
		now := recorded.Load()
		if parts++; now > last {
			used++
		}
		last = now
	})
	cancel()
	recording.Wait()
	if err != nil || done.Archived < 320 || parts < 80 || used < parts/2 {
		t.Errorf("%+v, %v: somebody recorded before %d of %d parts, want most", done, err, used, parts)
	}
	mustBeWell(t, s)
}
