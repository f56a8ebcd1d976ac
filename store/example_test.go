package store_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/consensusd/consensusd/store"
)

// Record a run and read it back. Recording it again changes nothing.
func ExampleOpen() {
	folder, err := os.MkdirTemp("", "consensusd")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(folder)
	ctx := context.Background()

	s, err := store.Open(ctx, filepath.Join(folder, "consensus.db"))
	if err != nil {
		log.Fatal(err)
	}
	defer s.Close()

	at := time.Date(2025, 10, 6, 0, 19, 45, 0, time.UTC)
	run := store.Record{
		Run: store.Run{
			RunID:  store.RunID(at, "SPEC-KIT-025", "plan"),
			SpecID: "SPEC-KIT-025", Stage: "plan", Timestamp: at.Unix(),
			ConsensusOK: true, Degraded: true, MissingAgents: []string{"gpt_pro"},
		},
		Artifacts: []store.Artifact{
			{Agent: "claude", Content: "Detect conflicts, then ask."},
			{Agent: "gemini", Content: "Detect conflicts, then resolve them."},
		},
		Syntheses: []store.Synthesis{{SynthesizedContent: "Detect conflicts."}},
	}
	for range 2 {
		outcome, err := s.Record(ctx, run)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(outcome)
	}

	got, err := s.Whole(ctx, run.Run.RunID)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(got.Run.SpecID, got.Run.Stage, store.Time(got.Run.Timestamp), store.Verdict(got.Run))
	for _, a := range got.Artifacts {
		fmt.Printf("%s: %s\n", a.Agent, a.Content)
	}
	fmt.Println("all:", got.Syntheses[0].SynthesizedContent)
	// Output:
	// recorded
	// duplicate
	// SPEC-KIT-025 plan 2025-10-06 00:19:45 +0000 UTC degraded
	// claude: Detect conflicts, then ask.
	// gemini: Detect conflicts, then resolve them.
	// all: Detect conflicts.
}

// List runs, newest first, two a page.
func ExampleStore_Runs() {
	s, remove := threeRuns()
	defer remove()
	for filter := (store.Filter{SpecID: "SPEC-KIT-025", Limit: 2}); ; {
		page, err := s.Runs(context.Background(), filter)
		if err != nil {
			log.Fatal(err)
		}
		for _, r := range page.Runs {
			fmt.Println(store.Time(r.Timestamp).Format(time.TimeOnly), r.Stage, store.Verdict(r))
		}
		if page.Next == "" {
			break
		}
		fmt.Println("next page")
		filter.After = page.Next
	}
	// Output:
	// 02:00:00 tasks failed
	// 01:00:00 plan unanimous
	// next page
	// 00:00:00 plan unanimous
}

// Ask how the newest run of a stage went.
func ExampleStore_LatestRun() {
	s, remove := threeRuns()
	defer remove()
	for _, stage := range []string{"tasks", "implement"} {
		r, err := s.LatestRun(context.Background(), "SPEC-KIT-025", stage)
		switch {
		case errors.Is(err, store.ErrNotFound):
			fmt.Println(stage, "was not run")
		case err != nil:
			log.Fatal(err)
		default:
			fmt.Println(stage, store.Verdict(r))
		}
	}
	// Output:
	// tasks failed
	// implement was not run
}

// threeRuns returns a store of three runs, and what removes it.
func threeRuns() (s *store.Store, remove func()) {
	folder, err := os.MkdirTemp("", "consensusd")
	if err != nil {
		log.Fatal(err)
	}
	s, err = store.Open(context.Background(), filepath.Join(folder, "consensus.db"))
	if err != nil {
		log.Fatal(err)
	}
	for hour, stage := range []string{"plan", "plan", "tasks"} {
		at := time.Date(2025, 10, 6, hour, 0, 0, 0, time.UTC)
		r := store.Run{
			RunID: store.RunID(at, "SPEC-KIT-025", stage), SpecID: "SPEC-KIT-025", Stage: stage,
			Timestamp: at.Unix(), ConsensusOK: stage == "plan",
		}
		if _, err := s.Record(context.Background(), store.Record{Run: r}); err != nil {
			log.Fatal(err)
		}
	}
	return s, func() {
		s.Close()
		os.RemoveAll(folder)
	}
}
