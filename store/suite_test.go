package store

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/consensusd/consensusd/schema"
	"github.com/consensusd/consensusd/store/postgrestest"
)

// eachEngine runs test against an empty store of every kind.
func eachEngine(t *testing.T, test func(*testing.T, *Store)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		test(t, open(t, newFile(t)))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		test(t, open(t, postgrestest.Start(t).Database(t)))
	})
}

func TestMain(m *testing.M) { os.Exit(postgrestest.M{M: m}.Run()) }

// newFile returns the path of a file that is not there, hard to put into a URI.
func newFile(t *testing.T) string {
	t.Helper()
	folder := filepath.Join(t.TempDir(), "a home ?#%41&x=1")
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(folder, "consensus ?#%41+ü.db")
}

func open(t *testing.T, target string) *Store {
	t.Helper()
	s, err := Open(t.Context(), target)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func openReadOnly(t *testing.T, target string) *Store {
	t.Helper()
	s, err := OpenReadOnly(t.Context(), target)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// start is when the sample runs took place.
var start = time.Date(2025, 10, 6, 0, 19, 45, 0, time.UTC)

// sample returns run n with everything that can belong to one, complete as it
// is read back.
func sample(n int) Record {
	at := start.Add(time.Duration(n) * time.Minute)
	r := Record{Run: Run{
		SpecID: fmt.Sprintf("SPEC-KIT-%03d", n), Stage: "plan", Timestamp: at.Unix(),
		ConsensusOK: true, Degraded: true,
		MissingAgents: schema.Strings{`gpt "pro"`, "qwen"}, Conflicts: schema.Strings{},
	}}
	r.Run.RunID = RunID(at, r.Run.SpecID, r.Run.Stage)
	r.Artifacts = []Artifact{
		answer(r.Run, "claude", "Füge 'Tests' hinzu;\n-- \"zuerst\" 🙂"),
		answer(r.Run, "gemini", ""),
	}
	r.Artifacts[0].Metadata = `{"model":"claude-4.5","tokens":1234}`
	r.Artifacts[0].CreatedAt = at.Unix() + 30
	r.Syntheses = []Synthesis{synthesis(r.Run, "Both agree.")}
	r.Syntheses[0].Metadata = `{"reported":{"status":"ok"}}`
	r.Findings = []Finding{
		{RunID: r.Run.RunID, Code: "agent_failed", Agent: `gpt "pro"`, Detail: "exit status 1"},
		{RunID: r.Run.RunID, Code: "verdict_mismatch", Agent: "", Detail: "reported unanimous"},
	}
	r.Receipts = []Receipt{
		document(r.Run, fmt.Sprintf("plan_claude_%d.json", n), "answer"),
		document(r.Run, fmt.Sprintf("plan_synthesis_%d.json", n), "synthesis"),
	}
	return r
}

// small returns run n of a spec and stage without anything that belongs to it
// but one artifact, n seconds after start.
func small(n int, spec, stage, agent string) Record {
	at := start.Add(time.Duration(n) * time.Second)
	r := Run{
		RunID: RunID(at, spec, stage, agent), SpecID: spec, Stage: stage, Timestamp: at.Unix(),
		ConsensusOK: true, MissingAgents: schema.Strings{}, Conflicts: schema.Strings{},
	}
	return Record{Run: r, Artifacts: []Artifact{answer(r, agent, "yes")}}
}

func answer(r Run, agent, content string) Artifact {
	return Artifact{
		ArtifactID: ArtifactID(Time(r.Timestamp), r.RunID, agent, content),
		RunID:      r.RunID, Agent: agent, Content: content, Metadata: "{}", CreatedAt: r.Timestamp,
	}
}

func synthesis(r Run, content string) Synthesis {
	return Synthesis{
		SynthesisID: SynthesisID(Time(r.Timestamp), r.RunID, content),
		RunID:       r.RunID, SynthesizedContent: content, ConsensusVerdict: Verdict(r), Metadata: "{}", CreatedAt: r.Timestamp,
	}
}

// document returns the receipt of a document of a run, recorded when the run is new.
func document(r Run, path, kind string) Receipt {
	return Receipt{
		SHA256: fmt.Sprintf("%064x", path), Identity: "stage=plan", Path: path, Bytes: int64(len(path)), Kind: kind,
		State: string(Recorded), RunID: r.RunID, Report: "{}", Attempts: 1, FirstSeen: r.Timestamp + 60, SettledAt: r.Timestamp + 61,
	}
}

func mustRecord(t *testing.T, s *Store, records ...Record) {
	t.Helper()
	entries := make([]Entry, len(records))
	for i, r := range records {
		entries[i].Record = r
	}
	for i, r := range mustRecordAll(t, s, entries...) {
		if r.Outcome != Recorded {
			t.Fatalf("run %d is %s (%v), want recorded", i, r.Outcome, r.Err)
		}
	}
}

func mustRecordAll(t *testing.T, s *Store, entries ...Entry) []Result {
	t.Helper()
	results, err := s.RecordAll(t.Context(), entries)
	if err != nil {
		t.Fatal(err)
	}
	return results
}

func mustWhole(t *testing.T, s *Store, runID string) Record {
	t.Helper()
	r, err := s.Whole(t.Context(), runID)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// mustBeWell fails the test when Verify finds anything: the last line of every
// test that writes.
func mustBeWell(t *testing.T, s *Store) {
	t.Helper()
	problems, err := s.Verify(t.Context(), nil)
	if err != nil || len(problems) > 0 {
		t.Errorf("Verify = %v, %v, want nothing", problems, err)
	}
}

// dump returns every row of every table, as text.
func dump(t *testing.T, s *Store) []string {
	t.Helper()
	var lines []string
	for _, table := range []struct{ name, order string }{
		{"consensus_runs", "run_id"},
		{"agent_artifacts", "artifact_id"},
		{"synthesis_results", "synthesis_id"},
		{"run_findings", "run_id, code, agent, detail"},
		{"receipts", "sha256, identity"},
	} {
		lines = append(lines, rows(t.Context(), t, s.reader, "SELECT * FROM "+table.name+" ORDER BY "+table.order, table.name+":")...)
	}
	return lines
}

// rows returns what a query does, a line each: prefix, then every column.
func rows(ctx context.Context, t *testing.T, db *sql.DB, query, prefix string) (lines []string) {
	t.Helper()
	r, err := db.QueryContext(ctx, query)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	columns, err := r.Columns()
	if err != nil {
		t.Fatal(err)
	}
	for r.Next() {
		cells, into := make([]any, len(columns)), make([]any, len(columns))
		for i := range cells {
			into[i] = &cells[i]
		}
		if err := r.Scan(into...); err != nil {
			t.Fatal(err)
		}
		words := []string{prefix}
		for i, c := range cells {
			words = append(words, fmt.Sprintf("%s=%#v", columns[i], c))
		}
		lines = append(lines, strings.Join(words, " "))
	}
	if err := r.Err(); err != nil {
		t.Fatal(err)
	}
	return lines
}

// mustNotChange fails the test when do changes any row.
func mustNotChange(t *testing.T, s *Store, do func()) {
	t.Helper()
	before := dump(t, s)
	do()
	if diff := cmp.Diff(before, dump(t, s)); diff != "" {
		t.Errorf("rows changed (-before +after):\n%s", diff)
	}
}

// execute runs plain SQL past the store.
func execute(t *testing.T, s *Store, statements ...string) {
	t.Helper()
	for _, text := range statements {
		if _, err := s.writer.ExecContext(t.Context(), text); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	}
}
