package store

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/consensusd/consensusd/schema"
)

func TestARunIsReadBackAsItWasRecorded(t *testing.T) {
	eachEngine(t, func(t *testing.T, s *Store) {
		want := sample(1)
		if got, err := s.Record(t.Context(), want); got != Recorded || err != nil {
			t.Fatalf("Record = %v, %v, want recorded", got, err)
		}
		if diff := cmp.Diff(want, mustWhole(t, s, want.Run.RunID)); diff != "" {
			t.Errorf("Whole (-recorded +read):\n%s", diff)
		}
		if got, err := s.Run(t.Context(), want.Run.RunID); err != nil || !cmp.Equal(got, want.Run) {
			t.Errorf("Run = %+v, %v", got, err)
		}
		mustBeWell(t, s)
	})
}

func TestEveryColumnIsWrittenAsTheSchemaPromises(t *testing.T) {
	eachEngine(t, func(t *testing.T, s *Store) {
		r := sample(1)
		r.Run.RunID = "run-1"
		r.Artifacts, r.Syntheses = r.Artifacts[:1], r.Syntheses[:1]
		r.Findings, r.Receipts = r.Findings[:1], r.Receipts[:1]
		if _, err := s.Record(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		want := []string{
			`consensus_runs: run_id="run-1" spec_id="SPEC-KIT-001" stage="plan" timestamp=1759710045 consensus_ok=true degraded=true missing_agents="[\"gpt \\\"pro\\\"\",\"qwen\"]" conflicts="[]"`,
			`agent_artifacts: artifact_id="0199b6e4-6348-8127-b1fa-f8fc97c70e19" run_id="run-1" agent="claude" content="Füge 'Tests' hinzu;\n-- \"zuerst\" 🙂" metadata="{\"model\":\"claude-4.5\",\"tokens\":1234}" created_at=1759710075`,
			`synthesis_results: synthesis_id="0199b6e4-6348-8e55-b663-00a3fc1273ee" run_id="run-1" synthesized_content="Both agree." consensus_verdict="degraded" metadata="{\"reported\":{\"status\":\"ok\"}}" created_at=1759710045`,
			`run_findings: run_id="run-1" code="agent_failed" agent="gpt \"pro\"" detail="exit status 1"`,
			`receipts: sha256="0000000000000000000000000000706c616e5f636c617564655f312e6a736f6e" identity="stage=plan" path="plan_claude_1.json" bytes=18 kind="answer" state="recorded" run_id="run-1" reason="" report="{}" attempts=1 first_seen=1759710105 settled_at=1759710106`,
		}
		if diff := cmp.Diff(want, dump(t, s)); diff != "" {
			t.Errorf("rows (-want +got):\n%s", diff)
		}
		mustBeWell(t, s)
	})
}

func TestRecordCompletesWhatACallerLeavesOut(t *testing.T) {
	eachEngine(t, func(t *testing.T, s *Store) {
		want := small(1, "SPEC-1", "plan", "claude")
		want.Syntheses = []Synthesis{synthesis(want.Run, "Fine.")}
		want.Findings = []Finding{{RunID: want.Run.RunID, Code: "minority"}}
		want.Receipts = []Receipt{}
		bare := Record{
			Run:       want.Run,
			Artifacts: []Artifact{{Agent: "claude", Content: "yes"}},
			Syntheses: []Synthesis{{SynthesizedContent: "Fine."}},
			Findings:  []Finding{{Code: "minority"}},
		}
		bare.Run.MissingAgents, bare.Run.Conflicts = nil, nil
		if got, err := s.Record(t.Context(), bare); got != Recorded || err != nil {
			t.Fatalf("Record = %v, %v, want recorded", got, err)
		}
		if diff := cmp.Diff(want, mustWhole(t, s, want.Run.RunID)); diff != "" {
			t.Errorf("Whole (-want +got):\n%s", diff)
		}
		if bare.Artifacts[0].ArtifactID != "" {
			t.Error("Record changed its argument")
		}
		mustBeWell(t, s)
	})
}

func TestTheSameRunAgainIsADuplicateAndChangesNothing(t *testing.T) {
	eachEngine(t, func(t *testing.T, s *Store) {
		withReceipts, without := sample(1), sample(2)
		without.Receipts = nil
		// Two equal answers of one agent are one row.
		without.Artifacts = append(without.Artifacts, without.Artifacts[0])
		for _, r := range []Record{withReceipts, without} {
			if got, err := s.Record(t.Context(), r); got != Recorded || err != nil {
				t.Fatalf("Record = %v, %v, want recorded", got, err)
			}
			slices.Reverse(r.Artifacts)
			mustNotChange(t, s, func() {
				if got, err := s.Record(t.Context(), r); got != Duplicate || err != nil {
					t.Errorf("Record again = %v, %v, want duplicate", got, err)
				}
			})
		}
		mustBeWell(t, s)
	})
}

func TestOtherContentUnderTheSameRunIDIsAContradictionAndChangesNothing(t *testing.T) {
	changes := map[string]func(*Record){
		"other answer":    func(r *Record) { r.Artifacts[0].Content = "no" },
		"other agent":     func(r *Record) { r.Artifacts[0].Agent = "qwen" },
		"one answer less": func(r *Record) { r.Artifacts = r.Artifacts[:1] },
		"one answer more": func(r *Record) { r.Artifacts = append(r.Artifacts, Artifact{Agent: "gpt", Content: "no"}) },
		"other synthesis": func(r *Record) { r.Syntheses[0].SynthesizedContent = "Neither agrees." },
		"no synthesis":    func(r *Record) { r.Syntheses = nil },
		"other spec":      func(r *Record) { r.Run.SpecID = "SPEC-KIT-999" },
		"other stage":     func(r *Record) { r.Run.Stage = "tasks" },
		"other time":      func(r *Record) { r.Run.Timestamp++ },
		"other outcome":   func(r *Record) { r.Run.ConsensusOK = false },
		"not degraded":    func(r *Record) { r.Run.Degraded = false },
		"nobody missing":  func(r *Record) { r.Run.MissingAgents = nil },
		"a conflict":      func(r *Record) { r.Run.Conflicts = schema.Strings{"they differ"} },
		"new document":    func(r *Record) { r.Run.Stage, r.Receipts = "tasks", []Receipt{document(r.Run, "new.json", "run")} },
	}
	eachEngine(t, func(t *testing.T, s *Store) {
		r := sample(1)
		r.Receipts = nil
		mustRecord(t, s, r)
		for name, change := range changes {
			other := sample(1)
			other.Receipts = nil
			change(&other)
			mustNotChange(t, s, func() {
				outcome, err := s.Record(t.Context(), other)
				var refused *RefusedError
				if !errors.As(err, &refused) || refused.Code != CodeContradiction || refused.RunID != r.Run.RunID || outcome != Refused {
					t.Errorf("%s: Record = %v, %v, want a contradiction", name, outcome, err)
				}
			})
		}
		mustBeWell(t, s)
	})
}

func TestValuesThatTheDatabaseDoesNotTakeAreRefused(t *testing.T) {
	eachEngine(t, func(t *testing.T, s *Store) {
		r := small(1, "SPEC-1", "plan", "claude")
		r.Artifacts = append(r.Artifacts, answer(Run{RunID: "no such run"}, "gemini", "yes"))
		mustNotChange(t, s, func() {
			results := mustRecordAll(t, s, Entry{Record: r})
			if got := results[0]; got.Outcome != Refused || got.Err == nil || got.Err.Code != CodeRefused || got.RunID != r.Run.RunID {
				t.Errorf("RecordAll = %+v, want refused", got)
			}
		})
	})
}

func TestNothingIsRecordedWhenTheContextIsDone(t *testing.T) {
	eachEngine(t, func(t *testing.T, s *Store) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		mustNotChange(t, s, func() {
			if _, err := s.Record(ctx, sample(1)); !errors.Is(err, context.Canceled) {
				t.Errorf("Record = %v, want %v", err, context.Canceled)
			}
			if _, err := s.Reject(ctx, sample(1).Receipts...); !errors.Is(err, context.Canceled) {
				t.Errorf("Reject = %v, want %v", err, context.Canceled)
			}
		})
	})
}
