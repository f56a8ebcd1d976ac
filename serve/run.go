package serve

import (
	"context"
	"fmt"
	"time"

	"github.com/consensusd/consensusd/schema"
	"github.com/consensusd/consensusd/store"
)

// A Run is a run in a list.
type Run struct {
	RunID         string         `json:"run_id"`
	SpecID        string         `json:"spec_id"`
	Stage         string         `json:"stage"`
	Timestamp     time.Time      `json:"timestamp"`
	Verdict       schema.Verdict `json:"verdict"`
	ConsensusOK   bool           `json:"consensus_ok"`
	Degraded      bool           `json:"degraded"`
	MissingAgents schema.Strings `json:"missing_agents"`
	Conflicts     schema.Strings `json:"conflicts"`
	Agents        []string       `json:"agents"` // who has an artifact, in alphabetical order
	Findings      int64          `json:"findings"`
	Archived      bool           `json:"archived"`
	Pinned        bool           `json:"pinned"`
}

// An Artifact is what an agent answered, in a list.
type Artifact struct {
	ArtifactID string        `json:"artifact_id"`
	RunID      string        `json:"run_id"`
	Agent      string        `json:"agent"`
	Content    string        `json:"content"`
	Metadata   schema.Object `json:"metadata"`
	CreatedAt  time.Time     `json:"created_at"`
	Archived   bool          `json:"archived,omitzero"`
}

// A Whole is a run with everything that belongs to it.
type Whole struct {
	Run       Run           `json:"run"`
	Artifacts []RunArtifact `json:"artifacts"`
	Synthesis *Synthesis    `json:"synthesis,omitzero"` // nil when there is none
	Findings  []Finding     `json:"findings"`
	Receipts  []Receipt     `json:"receipts"`
}

// A RunArtifact is what an agent answered, within its run.
type RunArtifact struct {
	ArtifactID string        `json:"artifact_id"`
	Agent      string        `json:"agent"`
	Content    string        `json:"content"`
	Metadata   schema.Object `json:"metadata"`
	CreatedAt  time.Time     `json:"created_at"`
	Bytes      int           `json:"bytes"`
	Findings   []Finding     `json:"findings"` // about this agent
}

// A Synthesis is what was made of a run's answers.
type Synthesis struct {
	SynthesisID string         `json:"synthesis_id"`
	Content     string         `json:"content"`
	Verdict     schema.Verdict `json:"verdict"`
	Metadata    schema.Object  `json:"metadata"`
	CreatedAt   time.Time      `json:"created_at"`
}

// A Finding is what the judge noticed.
type Finding struct {
	Code   string `json:"code"`
	Agent  string `json:"agent"` // "" when it concerns the whole run
	Detail string `json:"detail"`
}

// A Receipt tells of a document that the run was made from.
type Receipt struct {
	SHA256    string    `json:"sha256"`
	Path      string    `json:"path"`
	Bytes     int64     `json:"bytes"`
	Kind      string    `json:"kind"`
	State     string    `json:"state"`
	SettledAt time.Time `json:"settled_at"`
}

// Runs returns a page of the runs that filter names, newest first.
func Runs(ctx context.Context, s *store.Store, filter store.Filter) ([]Run, Page, error) {
	page, err := s.Runs(ctx, filter)
	if err != nil {
		return nil, Page{}, err
	}
	pinned, err := s.Pinned(ctx)
	if err != nil {
		return nil, Page{}, err
	}
	runs := make([]Run, len(page.Runs))
	for i, r := range page.Runs {
		agents, err := s.Agents(ctx, r.RunID)
		if err != nil {
			return nil, Page{}, err
		}
		findings, err := s.CountFindings(ctx, r.RunID)
		if err != nil {
			return nil, Page{}, err
		}
		runs[i] = runOf(r, agents, findings)
		runs[i].Pinned = pinned[r.RunID]
	}
	return runs, Page{len(runs), page.Next}, nil
}

// Artifacts returns what was answered in the runs that filter names, active or
// archived, newest run first. The page's cursor is one of runs. unread says of
// each run that could not be read from the archive which and why; the others are
// there.
func Artifacts(ctx context.Context, a *store.Archive, filter store.StageFilter) (all []Artifact, page Page, unread []error, err error) {
	runs, next, err := a.StageRuns(ctx, filter)
	for _, r := range runs {
		all = append(all, artifactsIn(r.Artifacts, r.Archived)...)
		if r.Unread != nil {
			unread = append(unread, fmt.Errorf("run %s: %w", r.RunID, r.Unread))
		}
	}
	return all, Page{len(all), next}, unread, err
}

func artifactsIn(rows []store.Artifact, archived bool) []Artifact {
	all := make([]Artifact, len(rows))
	for i, a := range rows {
		all[i] = Artifact{a.ArtifactID, a.RunID, a.Agent, a.Content, a.Metadata, store.Time(a.CreatedAt), archived}
	}
	return all
}

// WholeOf returns a record as it is answered.
func WholeOf(r store.Record) Whole {
	w := Whole{Run: runOf(r.Run, agentsOf(r.Artifacts), int64(len(r.Findings)))}
	for _, f := range r.Findings {
		w.Findings = append(w.Findings, Finding{f.Code, f.Agent, f.Detail})
	}
	for _, a := range r.Artifacts {
		w.Artifacts = append(w.Artifacts, RunArtifact{
			a.ArtifactID, a.Agent, a.Content, a.Metadata, store.Time(a.CreatedAt), len(a.Content), findingsAbout(a.Agent, w.Findings),
		})
	}
	if len(r.Syntheses) > 0 {
		y := r.Syntheses[0]
		w.Synthesis = &Synthesis{y.SynthesisID, y.SynthesizedContent, y.ConsensusVerdict, y.Metadata, store.Time(y.CreatedAt)}
	}
	for _, c := range r.Receipts {
		w.Receipts = append(w.Receipts, Receipt{c.SHA256, c.Path, c.Bytes, c.Kind, c.State, store.Time(c.SettledAt)})
	}
	return w
}

func runOf(r store.Run, agents []string, findings int64) Run {
	return Run{
		RunID: r.RunID, SpecID: r.SpecID, Stage: r.Stage, Timestamp: store.Time(r.Timestamp),
		Verdict: store.Verdict(r), ConsensusOK: r.ConsensusOK, Degraded: r.Degraded,
		MissingAgents: r.MissingAgents, Conflicts: r.Conflicts, Agents: agents, Findings: findings,
	}
}

// agentsOf returns who answered, each once; artifacts are ordered by agent.
func agentsOf(artifacts []store.Artifact) (agents []string) {
	for _, a := range artifacts {
		if len(agents) == 0 || agents[len(agents)-1] != a.Agent {
			agents = append(agents, a.Agent)
		}
	}
	return agents
}

func findingsAbout(agent string, findings []Finding) (about []Finding) {
	for _, f := range findings {
		if f.Agent == agent {
			about = append(about, f)
		}
	}
	return about
}
