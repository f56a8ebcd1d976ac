package store

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/consensusd/consensusd/dbgen/sqlite"
)

// amend brings the stored run of e to what its Merge makes of both, row by
// row, and reports whether anything changed.
func amend(ctx context.Context, q sqlite.Querier, e Entry, stored Record) (changed bool, err error) {
	if e.Merge == nil {
		if !sameContent(stored, e.Record) {
			return false, &RefusedError{
				Code: CodeContradiction, RunID: e.Run.RunID,
				Message: "the run is recorded with other content",
				Hint:    "give the new run a run_id of its own",
			}
		}
		return false, nil
	}
	merged, err := e.Merge(stored)
	var refused *RefusedError
	switch {
	case errors.As(err, &refused):
		return false, refused
	case err != nil:
		return false, unreadable(e.Run.RunID, err)
	}
	steps := []func(context.Context, sqlite.Querier, Record, Record) (bool, error){
		amendRun, amendArtifacts, amendSyntheses, amendFindings,
	}
	for _, step := range steps {
		did, err := step(ctx, q, stored, merged)
		if err != nil {
			return false, err
		}
		changed = changed || did
	}
	return changed, nil
}

func amendRun(ctx context.Context, q sqlite.Querier, stored, merged Record) (bool, error) {
	if sameRun(stored.Run, merged.Run) {
		return false, nil
	}
	r := merged.Run
	return one(q.UpdateRun(ctx, sqlite.UpdateRunParams{
		RunID: stored.Run.RunID, Timestamp: r.Timestamp, ConsensusOK: r.ConsensusOK,
		Degraded: r.Degraded, MissingAgents: r.MissingAgents, Conflicts: r.Conflicts,
	}))
}

func amendArtifacts(ctx context.Context, q sqlite.Querier, stored, merged Record) (changed bool, err error) {
	id := func(a Artifact) string { return a.ArtifactID }
	added, kept, gone := difference(stored.Artifacts, merged.Artifacts, id)
	for _, a := range gone {
		if _, err := one(q.DeleteArtifact(ctx, a.ArtifactID)); err != nil {
			return false, err
		}
	}
	for _, pair := range kept {
		was, is := pair[0], pair[1]
		if was.Metadata == is.Metadata && was.CreatedAt == is.CreatedAt {
			continue
		}
		changed = true
		if _, err := one(q.UpdateArtifact(ctx, sqlite.UpdateArtifactParams{
			ArtifactID: is.ArtifactID, Metadata: is.Metadata, CreatedAt: is.CreatedAt,
		})); err != nil {
			return false, err
		}
	}
	err = insertBelongings(ctx, q, Record{Artifacts: added})
	return changed || len(gone)+len(added) > 0, err
}

func amendSyntheses(ctx context.Context, q sqlite.Querier, stored, merged Record) (changed bool, err error) {
	id := func(y Synthesis) string { return y.SynthesisID }
	added, kept, _ := difference(stored.Syntheses, merged.Syntheses, id)
	for _, pair := range kept {
		was, is := pair[0], pair[1]
		if was == is {
			continue
		}
		changed = true
		if _, err := one(q.UpdateSynthesis(ctx, sqlite.UpdateSynthesisParams{
			SynthesisID: is.SynthesisID, ConsensusVerdict: is.ConsensusVerdict,
			Metadata: is.Metadata, CreatedAt: is.CreatedAt,
		})); err != nil {
			return false, err
		}
	}
	err = insertBelongings(ctx, q, Record{Syntheses: added})
	return changed || len(added) > 0, err
}

func amendFindings(ctx context.Context, q sqlite.Querier, stored, merged Record) (bool, error) {
	added, _, gone := difference(stored.Findings, merged.Findings, func(f Finding) Finding { return f })
	for _, f := range gone {
		if _, err := one(q.DeleteFinding(ctx, sqlite.DeleteFindingParams(f))); err != nil {
			return false, err
		}
	}
	err := insertBelongings(ctx, q, Record{Findings: added})
	return len(gone)+len(added) > 0, err
}

// difference pairs the rows of two versions by key.
func difference[Row any, Key comparable](was, is []Row, key func(Row) Key) (added []Row, kept [][2]Row, gone []Row) {
	old := make(map[Key]Row, len(was))
	for _, r := range was {
		old[key(r)] = r
	}
	for _, r := range is {
		if o, ok := old[key(r)]; ok {
			kept = append(kept, [2]Row{o, r})
			delete(old, key(r))
			continue
		}
		added = append(added, r)
	}
	for _, r := range was {
		if _, ok := old[key(r)]; ok {
			gone = append(gone, r)
		}
	}
	return added, kept, gone
}

func sameRun(a, b Run) bool {
	return a.SpecID == b.SpecID && a.Stage == b.Stage && a.Timestamp == b.Timestamp &&
		a.ConsensusOK == b.ConsensusOK && a.Degraded == b.Degraded &&
		slices.Equal(a.MissingAgents, b.MissingAgents) && slices.Equal(a.Conflicts, b.Conflicts)
}

// sameContent reports whether two records say the same, in whatever order.
func sameContent(a, b Record) bool {
	type answer struct{ agent, content string }
	answerOf := func(a Artifact) answer { return answer{a.Agent, a.Content} }
	textOf := func(y Synthesis) string { return y.SynthesizedContent }
	return sameRun(a.Run, b.Run) && sameKeys(a.Artifacts, b.Artifacts, answerOf) && sameKeys(a.Syntheses, b.Syntheses, textOf)
}

func sameKeys[Row any, Key comparable](a, b []Row, key func(Row) Key) bool {
	set := func(rows []Row) map[Key]bool {
		keys := make(map[Key]bool, len(rows))
		for _, r := range rows {
			keys[key(r)] = true
		}
		return keys
	}
	return maps.Equal(set(a), set(b))
}

// one turns a count of changed rows into an error unless it is one.
func one(n int64, err error) (bool, error) {
	if err == nil && n != 1 {
		err = fmt.Errorf("changed %d rows, not one", n)
	}
	return true, err
}
