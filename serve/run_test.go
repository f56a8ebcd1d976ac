package serve

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/consensusd/consensusd/store"
)

func TestARecordIsAnsweredInTheShapeOfTheContract(t *testing.T) {
	s, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "consensus.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	record := store.Record{
		Run: store.Run{RunID: "r1", SpecID: "S", Stage: "plan", Timestamp: 1761825600, ConsensusOK: true, Degraded: true, MissingAgents: []string{"claude"}},
		Artifacts: []store.Artifact{
			{Agent: "gemini", Content: "yes <b>&", Metadata: `{"model":"m"}`},
			{Agent: "claude", Metadata: `{"error":"timeout"}`},
		},
		Findings: []store.Finding{{Code: "agent_failed", Agent: "claude", Detail: "timeout"}, {Code: "minority"}},
	}
	if _, err := s.Record(t.Context(), record); err != nil {
		t.Fatal(err)
	}
	whole, err := s.Whole(t.Context(), "r1")
	if err != nil {
		t.Fatal(err)
	}
	w := WholeOf(whole)
	for i := range w.Artifacts {
		w.Artifacts[i].ArtifactID = "id"
	}
	run := `{"run_id":"r1","spec_id":"S","stage":"plan","timestamp":"2025-10-30T12:00:00Z","verdict":"degraded","consensus_ok":true,"degraded":true,` +
		`"missing_agents":["claude"],"conflicts":[],"agents":["claude","gemini"],"findings":2,"archived":false,"pinned":false}`
	failed := `{"code":"agent_failed","agent":"claude","detail":"timeout"}`
	want := `{"run":` + run + `,"artifacts":[` +
		`{"artifact_id":"id","agent":"claude","content":"","metadata":{"error":"timeout"},"created_at":"2025-10-30T12:00:00Z","bytes":0,"findings":[` + failed + `]},` +
		`{"artifact_id":"id","agent":"gemini","content":"yes <b>&","metadata":{"model":"m"},"created_at":"2025-10-30T12:00:00Z","bytes":8,"findings":[]}` +
		`],"findings":[` + failed + `,{"code":"minority","agent":"","detail":""}],"receipts":[]}` + "\n"
	var got strings.Builder
	if err := Write(&got, w); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got.String()); diff != "" {
		t.Error(diff)
	}
	runs, page, err := Runs(t.Context(), s, store.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	got.Reset()
	Write(&got, Answer{SchemaVersion: SchemaVersion, Data: runs, Page: &page})
	if diff := cmp.Diff(`{"schema_version":1,"data":[`+run+`],"page":{"returned":1,"next":""},"warnings":[]}`+"\n", got.String()); diff != "" {
		t.Error(diff)
	}
}
