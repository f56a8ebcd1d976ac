package ingest

import (
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/consensusd/consensusd/schema"
	"github.com/consensusd/consensusd/store"
)

// reportedObject is what was reported, as it is kept beside the verdict.
func (j *judgement) reportedObject() jsontext.Value {
	r := j.reported
	return jsontext.Value(jsonText(struct {
		OK        *bool    `json:"consensus_ok,omitzero"`
		Degraded  *bool    `json:"degraded,omitzero"`
		Missing   []string `json:"missing_agents,omitzero"`
		Conflicts []string `json:"conflicts,omitempty"`
		Status    string   `json:"status,omitzero"`
	}{r.OK, r.Degraded, r.Missing, r.Conflicts, r.Status}))
}

// record returns the judged run as it is stored.
func (j *judgement) record() store.Record {
	at := j.time()
	rec := store.Record{Receipts: j.receipts, Run: store.Run{
		RunID: j.runID, SpecID: j.spec, Stage: j.stage, Timestamp: at.Unix(),
		ConsensusOK: j.ok, Degraded: j.degraded, MissingAgents: j.missing, Conflicts: j.conflicts,
	}}
	for i := range rec.Receipts {
		rec.Receipts[i].RunID = j.runID
	}
	for _, x := range j.exhibits {
		created := x.Created
		if created.IsZero() {
			created = at
		}
		id := x.id
		if id == "" {
			id = store.ArtifactID(at, j.runID, x.Agent, x.Content)
		}
		rec.Artifacts = append(rec.Artifacts, store.Artifact{
			ArtifactID: id, RunID: j.runID, Agent: x.Agent, Content: x.Content,
			Metadata: schema.Object(textOf(x.Metadata.object())), CreatedAt: created.Unix(),
		})
	}
	for _, y := range j.syntheses {
		rec.Syntheses = append(rec.Syntheses, j.synthesisRow(y))
	}
	seen := map[store.Finding]bool{}
	for _, f := range j.findings {
		row := store.Finding{RunID: j.runID, Code: f.Code, Agent: f.Agent, Detail: f.Detail}
		if !seen[row] {
			seen[row] = true
			rec.Findings = append(rec.Findings, row)
		}
	}
	return rec
}

func (j *judgement) synthesisRow(y synthesis) store.Synthesis {
	at := j.time()
	created, id := y.Created, y.id
	if created.IsZero() {
		created = at
	}
	if id == "" {
		id = store.SynthesisID(at, j.runID, y.Content)
	}
	metadata := slices.Clone(y.Metadata)
	metadata.set("reported", j.reportedObject())
	if len(j.expected) > 0 {
		metadata.set("expected_agents", jsontext.Value(jsonText(j.expected)))
	}
	return store.Synthesis{
		SynthesisID: id, RunID: j.runID, SynthesizedContent: y.Content,
		ConsensusVerdict: schema.VerdictOf(j.ok, j.degraded),
		Metadata:         schema.Object(textOf(metadata.object())), CreatedAt: created.Unix(),
	}
}
