package store

import (
	"context"
	"fmt"
	"slices"
)

// A Problem is something that verification found wrong.
type Problem struct {
	What  string `json:"what"`  // database, run, receipt, file …
	Which string `json:"which"` // its id or path
	Why   string `json:"why"`
}

// Verify examines the database: its own integrity and foreign keys, that every
// artifact and synthesis is what its id was made from, that a run's rows agree
// about its verdict, its missing agents and whether it has artifacts, and that every receipt has its run. progress is called
// with the number of runs looked at and of all runs. It returns what is wrong,
// nothing when all is well, and an error when it could not find out.
func (s *Store) Verify(ctx context.Context, progress func(done, all int64)) ([]Problem, error) {
	var problems []Problem
	lines, err := s.engine.check(ctx, s.reader)
	for _, l := range lines {
		problems = append(problems, Problem{"database", s.Target(), l})
	}
	if err != nil && len(problems) > 0 {
		return append(problems, Problem{"database", s.Target(), s.explain("check", err).Error()}), nil
	}
	if err != nil {
		return nil, s.explain("check the database", err)
	}
	found, err := s.verifyRuns(ctx, progress)
	if err != nil {
		return nil, s.explain("check runs", err)
	}
	problems = append(problems, found...)
	lost, err := s.read().ListLostReceipts(ctx)
	if err != nil {
		return nil, s.explain("check receipts", err)
	}
	for _, r := range lost {
		problems = append(problems, Problem{"receipt", r.SHA256, fmt.Sprintf("its run %s is not in the database (file %s)", r.RunID, r.Path)})
	}
	return problems, nil
}

func (s *Store) verifyRuns(ctx context.Context, progress func(done, all int64)) (problems []Problem, err error) {
	all, err := s.read().CountRuns(ctx)
	if err != nil {
		return nil, err
	}
	var done int64
	err = s.eachPage(ctx, func(p page) error {
		for _, r := range p.records {
			problems = append(problems, verifyRun(r)...)
		}
		done += int64(len(p.records))
		if progress != nil {
			progress(done, max(done, all.Runs))
		}
		return nil
	})
	return problems, err
}

func verifyRun(r Record) (problems []Problem) {
	at := Time(r.Run.Timestamp)
	for _, a := range r.Artifacts {
		if !sameHash(a.ArtifactID, ArtifactID(at, a.RunID, a.Agent, a.Content)) {
			problems = append(problems, Problem{"artifact", a.ArtifactID, "its content is not what was recorded under this id (run " + a.RunID + ")"})
		}
	}
	for _, y := range r.Syntheses {
		if !sameHash(y.SynthesisID, SynthesisID(at, y.RunID, y.SynthesizedContent)) {
			problems = append(problems, Problem{"synthesis", y.SynthesisID, "its content is not what was recorded under this id (run " + y.RunID + ")"})
		}
		if y.ConsensusVerdict != Verdict(r.Run) {
			problems = append(problems, Problem{"synthesis", y.SynthesisID, fmt.Sprintf("verdict %s, but its run is %s", y.ConsensusVerdict, Verdict(r.Run))})
		}
	}
	if len(r.Run.MissingAgents) > 0 && !r.Run.Degraded {
		problems = append(problems, Problem{"run", r.Run.RunID, "agents are missing, and yet it is not degraded"})
	}
	hasNone := slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.Code == "no_artifacts" })
	if len(r.Receipts) > 0 && len(r.Artifacts) == 0 && !hasNone {
		problems = append(problems, Problem{"run", r.Run.RunID, "its artifacts are gone"})
	}
	return problems
}
