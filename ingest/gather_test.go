package ingest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/consensusd/consensusd/store"
)

// Parts of runs are in no batch, and yet hold memory until something is committed.
func TestPartsThatFillTheMemoryHoldUpNobody(t *testing.T) {
	h, l := lockedHome(t)
	s, err := store.Open(t.Context(), h.Database())
	must(t, err)
	t.Cleanup(func() { s.Close() })
	for i := range 40 {
		part := fmt.Sprintf(`{"run_id": "r", "spec_id": "S", "stage": "plan", "agent": "agent_%d", "content": "%0600d"}`, i, i)
		must(t, os.WriteFile(filepath.Join(h.Inbox(), fmt.Sprint(i, ".json")), []byte(part), 0o644))
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	in := New(h, s, Options{Settle: time.Nanosecond})
	in.lock = l
	p := &pass{in: in, memory: newMemory(1024)}
	if err := p.read(ctx, []source{{h.Inbox(), inboxPlace}}, nil); err != nil || len(in.parts) != 40 {
		t.Errorf("%d parts are read, %v", len(in.parts), err)
	}
}
