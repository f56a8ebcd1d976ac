package store

import (
	"fmt"
	"slices"

	"github.com/go-json-experiment/json"

	"github.com/consensusd/consensusd/dbgen/sqlite"
	"github.com/consensusd/consensusd/schema"
)

// An archivedRecord is a record as a line of an archive file. Its members have
// the names of the columns; what is JSON in a column is a string of it here, so
// that it comes back to the byte. Receipts stay in the database.
type archivedRecord struct {
	Run       archivedHead        `json:"run"`
	Artifacts []archivedArtifact  `json:"artifacts"`
	Syntheses []archivedSynthesis `json:"syntheses"`
	Findings  []archivedFinding   `json:"findings"`
}

type archivedHead struct {
	RunID         string         `json:"run_id"`
	SpecID        string         `json:"spec_id"`
	Stage         string         `json:"stage"`
	Timestamp     int64          `json:"timestamp"`
	ConsensusOK   bool           `json:"consensus_ok"`
	Degraded      bool           `json:"degraded"`
	MissingAgents schema.Strings `json:"missing_agents"`
	Conflicts     schema.Strings `json:"conflicts"`
}

type archivedArtifact struct {
	ArtifactID string `json:"artifact_id"`
	Agent      string `json:"agent"`
	Content    string `json:"content"`
	Metadata   string `json:"metadata"`
	CreatedAt  int64  `json:"created_at"`
}

type archivedSynthesis struct {
	SynthesisID        string         `json:"synthesis_id"`
	SynthesizedContent string         `json:"synthesized_content"`
	ConsensusVerdict   schema.Verdict `json:"consensus_verdict"`
	Metadata           string         `json:"metadata"`
	CreatedAt          int64          `json:"created_at"`
}

type archivedFinding struct {
	Code   string `json:"code"`
	Agent  string `json:"agent"`
	Detail string `json:"detail"`
}

func encodeRecord(r Record) ([]byte, error) {
	a := archivedRecord{Run: archivedHead(r.Run)}
	for _, x := range r.Artifacts {
		a.Artifacts = append(a.Artifacts, archivedArtifact{x.ArtifactID, x.Agent, x.Content, string(x.Metadata), x.CreatedAt})
	}
	for _, y := range r.Syntheses {
		a.Syntheses = append(a.Syntheses, archivedSynthesis{y.SynthesisID, y.SynthesizedContent, y.ConsensusVerdict, string(y.Metadata), y.CreatedAt})
	}
	for _, f := range r.Findings {
		a.Findings = append(a.Findings, archivedFinding{f.Code, f.Agent, f.Detail})
	}
	b, err := json.Marshal(a)
	if err != nil {
		return nil, fmt.Errorf("run %s cannot be archived: %w", r.Run.RunID, err)
	}
	return b, nil
}

func decodeRecord(line []byte) (r Record, err error) {
	var a archivedRecord
	if err := json.Unmarshal(line, &a, json.RejectUnknownMembers(true)); err != nil {
		return r, fmt.Errorf("its record: %w", err)
	}
	r.Run = Run(a.Run)
	for _, x := range a.Artifacts {
		r.Artifacts = append(r.Artifacts, Artifact{
			ArtifactID: x.ArtifactID, RunID: a.Run.RunID, Agent: x.Agent, Content: x.Content, Metadata: schema.Object(x.Metadata), CreatedAt: x.CreatedAt,
		})
	}
	for _, y := range a.Syntheses {
		r.Syntheses = append(r.Syntheses, Synthesis{
			SynthesisID: y.SynthesisID, RunID: a.Run.RunID, SynthesizedContent: y.SynthesizedContent,
			ConsensusVerdict: y.ConsensusVerdict, Metadata: schema.Object(y.Metadata), CreatedAt: y.CreatedAt,
		})
	}
	for _, f := range a.Findings {
		r.Findings = append(r.Findings, Finding{RunID: a.Run.RunID, Code: f.Code, Agent: f.Agent, Detail: f.Detail})
	}
	return r, nil
}

// contentBytes is how long a run's answers and syntheses are together.
func contentBytes(r Record) (n int64) {
	for _, a := range r.Artifacts {
		n += int64(len(a.Content))
	}
	for _, y := range r.Syntheses {
		n += int64(len(y.SynthesizedContent))
	}
	return n
}

// marks are what a run has beside its contents, whose hashes are in the ids:
// whether it has changed is told without reading them.
type marks struct {
	run       Run
	artifacts []sqlite.ListArtifactMarksRow
	syntheses []sqlite.ListSynthesisMarksRow
	findings  []Finding
}

func marksOf(r Record) marks {
	m := marks{run: r.Run, findings: r.Findings}
	for _, a := range r.Artifacts {
		m.artifacts = append(m.artifacts, sqlite.ListArtifactMarksRow{ArtifactID: a.ArtifactID, Agent: a.Agent, Metadata: a.Metadata, CreatedAt: a.CreatedAt})
	}
	for _, y := range r.Syntheses {
		m.syntheses = append(m.syntheses, sqlite.ListSynthesisMarksRow{SynthesisID: y.SynthesisID, ConsensusVerdict: y.ConsensusVerdict, Metadata: y.Metadata, CreatedAt: y.CreatedAt})
	}
	return m
}

func (m marks) equal(o marks) bool {
	a, b := m.run, o.run
	return a.RunID == b.RunID && a.SpecID == b.SpecID && a.Stage == b.Stage && a.Timestamp == b.Timestamp &&
		a.ConsensusOK == b.ConsensusOK && a.Degraded == b.Degraded &&
		slices.Equal(a.MissingAgents, b.MissingAgents) && slices.Equal(a.Conflicts, b.Conflicts) &&
		slices.Equal(m.artifacts, o.artifacts) && slices.Equal(m.syntheses, o.syntheses) && slices.Equal(m.findings, o.findings)
}

// agentsIn returns who has an artifact, each once; artifacts are ordered by agent.
func agentsIn(artifacts []Artifact) (agents []string) {
	for _, a := range artifacts {
		if len(agents) == 0 || agents[len(agents)-1] != a.Agent {
			agents = append(agents, a.Agent)
		}
	}
	return agents
}
