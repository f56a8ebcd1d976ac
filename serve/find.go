package serve

import (
	"context"
	"errors"

	"github.com/consensusd/consensusd/store"
)

// Find returns a run, from the archive when it is there. The error is
// [store.ErrNotFound] or [store.ErrDeleted] when it is nowhere.
func Find(ctx context.Context, s *store.Store, a *store.Archive, runID string) (Whole, error) {
	r, err := s.Whole(ctx, runID)
	if errors.Is(err, store.ErrNotFound) {
		w, archived := findArchived(ctx, a, runID)
		if !errors.Is(archived, store.ErrNotFound) {
			return w, archived
		}
		r, err = s.Whole(ctx, runID) // it may have come back meanwhile
	}
	if err != nil {
		return Whole{}, err
	}
	w := WholeOf(r)
	w.Run.Pinned, err = s.IsPinned(ctx, runID)
	return w, err
}

func findArchived(ctx context.Context, a *store.Archive, runID string) (Whole, error) {
	r, err := a.Whole(ctx, runID)
	if err != nil {
		return Whole{}, err
	}
	w := WholeOf(r)
	w.Run.Archived = true
	return w, nil
}

// FindLatest returns the newest run of a spec and stage, from the archive when
// all are there, or [store.ErrNotFound].
func FindLatest(ctx context.Context, s *store.Store, a *store.Archive, specID, stage string) (Whole, error) {
	run, err := s.LatestRun(ctx, specID, stage)
	if err == nil {
		return Find(ctx, s, a, run.RunID)
	}
	if !errors.Is(err, store.ErrNotFound) {
		return Whole{}, err
	}
	archived, missing := a.Latest(ctx, specID, stage)
	if errors.Is(missing, store.ErrNotFound) {
		return Whole{}, err
	}
	if missing != nil {
		return Whole{}, missing
	}
	return findArchived(ctx, a, archived.RunID)
}

// ArchivedRuns returns a page of the runs in the archive that filter names,
// newest first.
func ArchivedRuns(ctx context.Context, a *store.Archive, filter store.Filter) ([]Run, Page, error) {
	rows, next, err := a.Runs(ctx, filter)
	runs := make([]Run, len(rows))
	for i, r := range rows {
		runs[i] = runOf(store.Run{
			RunID: r.RunID, SpecID: r.SpecID, Stage: r.Stage, Timestamp: r.Timestamp,
			ConsensusOK: r.ConsensusOK, Degraded: r.Degraded, MissingAgents: r.MissingAgents, Conflicts: r.Conflicts,
		}, r.Agents, r.Findings)
		runs[i].Archived = true
	}
	return runs, Page{len(runs), next}, err
}

// looks is how often a run must be in neither tier to be in none: it may be on its
// way from one to the other, and back.
const looks = 3

// ArtifactsOf returns what every agent answered in one run, active or archived;
// none when there is no such run. The error is [store.ErrDeleted] when it was
// deleted.
func ArtifactsOf(ctx context.Context, s *store.Store, a *store.Archive, runID string) ([]Artifact, error) {
	for range looks {
		active, err := s.Artifacts(ctx, runID)
		if err != nil || len(active) > 0 {
			return artifactsIn(active, false), err
		}
		archived, err := ArchivedArtifactsOf(ctx, a, runID)
		if !errors.Is(err, store.ErrNotFound) {
			return archived, err
		}
	}
	return nil, nil
}

// ArchivedArtifactsOf is [ArtifactsOf] of a run in the archive alone. The error is
// [store.ErrNotFound] or [store.ErrDeleted] when it is not there.
func ArchivedArtifactsOf(ctx context.Context, a *store.Archive, runID string) ([]Artifact, error) {
	r, err := a.Whole(ctx, runID)
	return artifactsIn(r.Artifacts, true), err
}
