package store

import (
	"context"
	"errors"
	"slices"

	"github.com/consensusd/consensusd/dbgen/sqlite"
	"github.com/consensusd/consensusd/store/archive"
)

// A StageFilter says which runs of a spec's stage to list.
type StageFilter struct {
	SpecID, Stage string
	ArchivedOnly  bool   // leaves out the active runs
	After         string // the cursor of the page before; "" begins
	Limit         int    // of runs a page; 10 unless it is positive
}

// A StageRun is a run of a spec's stage, with what was answered in it.
type StageRun struct {
	RunID     string
	Archived  bool
	Artifacts []Artifact // as [Store.Artifacts] has them
	Unread    error      // why there are none of an archived run: the error of [Archive.Whole]
}

// StageRuns returns the runs of a spec's stage, active and archived alike, newest
// first, a page at a time, with the cursor of the next page or "". A run that is
// moved to the archive or back meanwhile is on its page once; one that is deleted
// from the archive meanwhile is not. An archived run that cannot be read says so
// itself and keeps no other from being returned.
func (a *Archive) StageRuns(ctx context.Context, f StageFilter) (runs []StageRun, next string, err error) {
	p, err := Filter{After: f.After, Limit: f.Limit}.params()
	if err != nil {
		return nil, "", err
	}
	rows, err := a.store.read().ListStageArtifacts(ctx, sqlite.ListStageArtifactsParams{
		SpecID: f.SpecID, Stage: f.Stage, ArchivedOnly: f.ArchivedOnly,
		Before: p.Before, BeforeID: p.BeforeID, PageSize: p.PageSize + 1, // one more tells whether there is a next page
	})
	if err != nil {
		return nil, "", a.store.explain("artifacts of "+f.SpecID+" "+f.Stage, err)
	}
	months := monthReader{archive: a}
	defer months.close()
	var last sqlite.ListStageArtifactsRow
	for n := int64(0); len(rows) > 0; n++ {
		if n == p.PageSize {
			return runs, cursor(Run{RunID: last.RunID, Timestamp: last.Timestamp}), nil
		}
		last = rows[0]
		end := slices.IndexFunc(rows, func(r sqlite.ListStageArtifactsRow) bool { return r.RunID != last.RunID })
		if end < 0 {
			end = len(rows)
		}
		run := StageRun{RunID: last.RunID, Artifacts: artifactsOf(rows[:end])}
		if last.File != "" {
			if run, err = months.run(ctx, ArchivedRun{RunID: last.RunID, File: last.File, SHA256: last.SHA256}); err != nil {
				return nil, "", err
			}
		}
		if !errors.Is(run.Unread, ErrDeleted) {
			runs = append(runs, run)
		}
		rows = rows[end:]
	}
	return runs, "", nil
}

// artifactsOf returns the artifacts in the rows of one run.
func artifactsOf(rows []sqlite.ListStageArtifactsRow) (all []Artifact) {
	for _, r := range rows {
		if r.ArtifactID.Valid {
			all = append(all, Artifact{
				ArtifactID: r.ArtifactID.String, RunID: r.RunID, Agent: r.Agent.String,
				Content: r.Content.String, Metadata: r.Metadata, CreatedAt: r.CreatedAt,
			})
		}
	}
	return all
}

// A monthReader reads archived runs in the order of their time: it keeps the file
// of the month open which it read last.
type monthReader struct {
	archive *Archive
	name    string
	file    *archive.File
}

// run returns an archived run from the file it was in a moment ago, or else from
// where it is by now. The error is no matter of this run.
func (m *monthReader) run(ctx context.Context, row ArchivedRun) (StageRun, error) {
	r, err := m.record(row)
	if err != nil {
		r, err = m.archive.Whole(ctx, row.RunID)
	}
	if errors.Is(err, ErrNotFound) { // it came back to the active ones
		active, err := m.archive.store.Artifacts(ctx, row.RunID)
		return StageRun{RunID: row.RunID, Artifacts: active}, err
	}
	return StageRun{RunID: row.RunID, Archived: true, Artifacts: r.Artifacts, Unread: err}, ctx.Err()
}

func (m *monthReader) record(row ArchivedRun) (Record, error) {
	if m.file == nil || m.name != row.File {
		m.close()
		file, err := m.archive.open(row.File)
		if err != nil {
			return Record{}, err
		}
		m.name, m.file = row.File, file
	}
	return recordIn(m.file, row)
}

func (m *monthReader) close() {
	if m.file != nil {
		m.file.Close()
		m.file = nil
	}
}
