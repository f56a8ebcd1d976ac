package serve

import (
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/consensusd/consensusd/store"
)

// In one tier it is not yet, in the other no more.
func TestTheAnswersOfARunThatIsOnItsWayAreFound(t *testing.T) {
	folder := t.TempDir()
	s, err := store.Open(t.Context(), filepath.Join(folder, "consensus.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	a := s.Archive(filepath.Join(folder, "archive"))
	now := time.Date(2026, 6, 15, 12, 0, 0, 0, time.UTC)
	run := store.Run{RunID: "r", SpecID: "S", Stage: "plan", Timestamp: now.AddDate(0, 0, -40).Unix()}
	record := store.Record{Run: run, Artifacts: []store.Artifact{{
		ArtifactID: store.ArtifactID(store.Time(run.Timestamp), "r", "claude", "yes"), RunID: "r", Agent: "claude", Content: "yes", CreatedAt: run.Timestamp,
	}}}
	if _, err := s.Record(t.Context(), record); err != nil {
		t.Fatal(err)
	}
	var over atomic.Bool
	var all sync.WaitGroup
	defer all.Wait()
	all.Go(func() {
		defer over.Store(true)
		for range 100 {
			if _, _, err := a.Cleanup(t.Context(), store.Retention{Active: time.Hour, Archived: 9999 * time.Hour}, now, nil); err != nil {
				t.Error(err)
			}
			if _, err := a.Restore(t.Context(), now, "r"); err != nil {
				t.Error(err)
			}
			if _, err := s.Unpin(t.Context(), "r"); err != nil {
				t.Error(err)
			}
		}
	})
	seen := map[string]int{}
	for !over.Load() {
		all, err := ArtifactsOf(t.Context(), s, a, "r")
		if err != nil || len(all) != 1 || all[0].Content != "yes" {
			t.Fatalf("%+v, %v", all, err)
		}
		seen[fmt.Sprint("archived ", all[0].Archived)]++
	}
	if len(seen) != 2 {
		t.Errorf("seen %v", seen)
	}
	if all, err := ArtifactsOf(t.Context(), s, a, "nobody"); err != nil || len(all) != 0 {
		t.Errorf("of nobody: %+v, %v", all, err)
	}
}
