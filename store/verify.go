package store

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/consensusd/consensusd/dbgen/sqlite"
)

// A Problem is something that verification found wrong.
type Problem struct {
	Code  string `json:"code"`  // for programs: docs/guarantees.md lists them
	What  string `json:"what"`  // database, run, receipt, file …
	Which string `json:"which"` // its id or path
	Why   string `json:"why"`
}

// A Check looks at one run whole, and returns what is wrong with it. It may be
// called for several runs at the same time.
type Check func(Record) []Problem

// Verify examines the database: its own integrity and foreign keys, that every
// artifact and synthesis is what its id was made from, that a run's rows agree
// about its verdict, its missing agents and whether it has artifacts, and that
// every receipt has its run. Runs with which nothing is wrong so far are given to
// checks as well. progress is called with the number of runs looked at and of
// all runs. It returns what is wrong, nothing when all is well, and an error when
// it could not find out. Rows that are written meanwhile are seen whole or not at
// all.
func (s *Store) Verify(ctx context.Context, progress func(done, all int64), checks ...Check) ([]Problem, error) {
	problems, err := s.verifyDatabase(ctx)
	if err != nil || slices.ContainsFunc(problems, func(p Problem) bool { return p.Code == "database_unreadable" }) {
		return problems, err
	}
	found, err := s.verifyRuns(ctx, progress, checks)
	if err != nil {
		return nil, s.explain("check runs", err)
	}
	problems = append(problems, found...)
	found, err = s.verifyReceipts(ctx)
	return append(problems, found...), s.explain("check receipts", err)
}

// verifyDatabase lets the database examine itself.
func (s *Store) verifyDatabase(ctx context.Context) (problems []Problem, err error) {
	lines, err := s.engine.check(ctx, s.reader)
	for _, l := range lines {
		code := "database_damaged"
		if strings.HasPrefix(l, foreignKeyPrefix) {
			code = "foreign_key"
		}
		problems = append(problems, Problem{code, "database", s.Target(), l})
	}
	if err != nil && len(problems) > 0 {
		return append(problems, Problem{"database_unreadable", "database", s.Target(), s.explain("check", err).Error()}), nil
	}
	return problems, s.explain("check the database", err)
}

// foreignKeyPrefix begins what an engine says about rows without their run.
const foreignKeyPrefix = "foreign key: "

func (s *Store) verifyRuns(ctx context.Context, progress func(done, all int64), checks []Check) (problems []Problem, err error) {
	all, err := s.read().CountRuns(ctx)
	if err != nil {
		return nil, err
	}
	var done int64
	err = s.eachReadable(ctx, func(p page) error {
		problems = append(problems, verifyPage(p, checks)...)
		done += int64(len(p.records))
		if progress != nil {
			progress(done, max(done, all.Runs))
		}
		return nil
	}, func(runID string, why error) {
		done++
		problems = append(problems, Problem{"run_unreadable", "run", runID, why.Error()})
	})
	return problems, err
}

// verifyPage looks at the runs of a page, as many at a time as there are
// processors, and returns what is wrong in their order.
func verifyPage(p page, checks []Check) []Problem {
	found := make([][]Problem, len(p.records))
	var group errgroup.Group
	workers := runtime.GOMAXPROCS(0)
	for w := range workers {
		group.Go(func() error {
			for i := w; i < len(p.records); i += workers {
				found[i] = verifyRun(p.records[i])
				for _, check := range checks {
					if len(found[i]) == 0 {
						found[i] = check(p.records[i])
					}
				}
			}
			return nil
		})
	}
	group.Wait()
	return slices.Concat(found...)
}

// verifyRun looks at what can be told from the rows of one run.
func verifyRun(r Record) (problems []Problem) {
	at := Time(r.Run.Timestamp)
	for _, a := range r.Artifacts {
		if !sameHash(a.ArtifactID, ArtifactID(at, a.RunID, a.Agent, a.Content)) {
			problems = append(problems, Problem{"artifact_altered", "artifact", a.ArtifactID, "its content is not what was recorded under this id (run " + a.RunID + ")"})
		}
	}
	for _, y := range r.Syntheses {
		if !sameHash(y.SynthesisID, SynthesisID(at, y.RunID, y.SynthesizedContent)) {
			problems = append(problems, Problem{"synthesis_altered", "synthesis", y.SynthesisID, "its content is not what was recorded under this id (run " + y.RunID + ")"})
		}
		if y.ConsensusVerdict != Verdict(r.Run) {
			problems = append(problems, Problem{"verdict_differs", "synthesis", y.SynthesisID, fmt.Sprintf("verdict %s, but its run is %s", y.ConsensusVerdict, Verdict(r.Run))})
		}
	}
	if len(r.Run.MissingAgents) > 0 && !r.Run.Degraded {
		problems = append(problems, Problem{"not_degraded", "run", r.Run.RunID, "agents are missing, and yet it is not degraded"})
	}
	hasNone := slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.Code == "no_artifacts" })
	if len(r.Receipts) > 0 && len(r.Artifacts) == 0 && !hasNone {
		problems = append(problems, Problem{"artifacts_gone", "run", r.Run.RunID, "its artifacts are gone"})
	}
	for _, c := range r.Receipts {
		if c.State != string(Recorded) && c.State != string(Amended) {
			problems = append(problems, Problem{"receipt_state", "receipt", c.SHA256, fmt.Sprintf("it is part of run %s, and says %s (file %s)", r.Run.RunID, c.State, c.Path)})
		}
	}
	return problems
}

// verifyReceipts finds receipts that say that a document is part of a run, and
// have none.
func (s *Store) verifyReceipts(ctx context.Context) (problems []Problem, err error) {
	for after := (sqlite.ListLostReceiptsParams{PageSize: pageRuns}); ; {
		lost, err := s.read().ListLostReceipts(ctx, after)
		if err != nil || len(lost) == 0 {
			return problems, err
		}
		for _, r := range lost {
			why := fmt.Sprintf("its run %s is not in the database (file %s)", r.RunID, r.Path)
			if r.RunID == "" {
				why = fmt.Sprintf("it says %s, and names no run (file %s)", r.State, r.Path)
			}
			problems = append(problems, Problem{"receipt_without_run", "receipt", r.SHA256, why})
		}
		last := lost[len(lost)-1]
		after.SHA256, after.Identity = last.SHA256, last.Identity
	}
}
