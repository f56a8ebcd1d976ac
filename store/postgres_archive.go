package store

import (
	"context"

	"github.com/consensusd/consensusd/dbgen/postgres"
	"github.com/consensusd/consensusd/dbgen/sqlite"
)

// The queries of retention, under the types of dbgen/sqlite.

func toArchivedRun(r postgres.ArchivedRun) sqlite.ArchivedRun { return sqlite.ArchivedRun(r) }

func (q postgresQueries) CountArchivedRuns(ctx context.Context) ([]sqlite.CountArchivedRunsRow, error) {
	rows, err := q.Queries.CountArchivedRuns(ctx)
	return converted(rows, err, func(r postgres.CountArchivedRunsRow) sqlite.CountArchivedRunsRow {
		return sqlite.CountArchivedRunsRow(r)
	})
}

func (q postgresQueries) CountRunsBetween(ctx context.Context, p sqlite.CountRunsBetweenParams) (int64, error) {
	return q.Queries.CountRunsBetween(ctx, postgres.CountRunsBetweenParams(p))
}

func (q postgresQueries) DeleteArchivedRun(ctx context.Context, p sqlite.DeleteArchivedRunParams) (int64, error) {
	return q.Queries.DeleteArchivedRun(ctx, postgres.DeleteArchivedRunParams(p))
}

func (q postgresQueries) ExpireRun(ctx context.Context, p sqlite.ExpireRunParams) (int64, error) {
	return q.Queries.ExpireRun(ctx, postgres.ExpireRunParams(p))
}

func (q postgresQueries) GetArchivedRun(ctx context.Context, runID string) (sqlite.ArchivedRun, error) {
	r, err := q.Queries.GetArchivedRun(ctx, runID)
	return toArchivedRun(r), err
}

func (q postgresQueries) InsertArchivedRun(ctx context.Context, p sqlite.InsertArchivedRunParams) (int64, error) {
	return q.Queries.InsertArchivedRun(ctx, postgres.InsertArchivedRunParams(p))
}

func (q postgresQueries) LatestArchivedRun(ctx context.Context, p sqlite.LatestArchivedRunParams) (sqlite.ArchivedRun, error) {
	r, err := q.Queries.LatestArchivedRun(ctx, postgres.LatestArchivedRunParams(p))
	return toArchivedRun(r), err
}

func (q postgresQueries) ListActiveSpecs(ctx context.Context, p sqlite.ListActiveSpecsParams) ([]string, error) {
	return q.Queries.ListActiveSpecs(ctx, postgres.ListActiveSpecsParams(p))
}

func (q postgresQueries) ListAgingRuns(ctx context.Context, p sqlite.ListAgingRunsParams) ([]sqlite.ListAgingRunsRow, error) {
	rows, err := q.Queries.ListAgingRuns(ctx, postgres.ListAgingRunsParams(p))
	return converted(rows, err, func(r postgres.ListAgingRunsRow) sqlite.ListAgingRunsRow { return sqlite.ListAgingRunsRow(r) })
}

func (q postgresQueries) ListArchivedRuns(ctx context.Context, p sqlite.ListArchivedRunsParams) ([]sqlite.ArchivedRun, error) {
	rows, err := q.Queries.ListArchivedRuns(ctx, postgres.ListArchivedRunsParams(p))
	return converted(rows, err, toArchivedRun)
}

func (q postgresQueries) ListArtifactMarks(ctx context.Context, runID string) ([]sqlite.ListArtifactMarksRow, error) {
	rows, err := q.Queries.ListArtifactMarks(ctx, runID)
	return converted(rows, err, func(r postgres.ListArtifactMarksRow) sqlite.ListArtifactMarksRow {
		return sqlite.ListArtifactMarksRow(r)
	})
}

func (q postgresQueries) ListExpiredRuns(ctx context.Context, p sqlite.ListExpiredRunsParams) ([]sqlite.ListExpiredRunsRow, error) {
	rows, err := q.Queries.ListExpiredRuns(ctx, postgres.ListExpiredRunsParams(p))
	return converted(rows, err, func(r postgres.ListExpiredRunsRow) sqlite.ListExpiredRunsRow { return sqlite.ListExpiredRunsRow(r) })
}

func (q postgresQueries) ListRetiredRuns(ctx context.Context, p sqlite.ListRetiredRunsParams) ([]sqlite.ArchivedRun, error) {
	rows, err := q.Queries.ListRetiredRuns(ctx, postgres.ListRetiredRunsParams(p))
	return converted(rows, err, toArchivedRun)
}

func (q postgresQueries) ListRunsInArchiveFile(ctx context.Context, p sqlite.ListRunsInArchiveFileParams) ([]sqlite.ListRunsInArchiveFileRow, error) {
	rows, err := q.Queries.ListRunsInArchiveFile(ctx, postgres.ListRunsInArchiveFileParams(p))
	return converted(rows, err, func(r postgres.ListRunsInArchiveFileRow) sqlite.ListRunsInArchiveFileRow {
		return sqlite.ListRunsInArchiveFileRow(r)
	})
}

func (q postgresQueries) ListPinnedRuns(ctx context.Context) ([]sqlite.Pin, error) {
	rows, err := q.Queries.ListPinnedRuns(ctx)
	return converted(rows, err, func(r postgres.Pin) sqlite.Pin { return sqlite.Pin(r) })
}

func (q postgresQueries) ListSynthesisMarks(ctx context.Context, runID string) ([]sqlite.ListSynthesisMarksRow, error) {
	rows, err := q.Queries.ListSynthesisMarks(ctx, runID)
	return converted(rows, err, func(r postgres.ListSynthesisMarksRow) sqlite.ListSynthesisMarksRow {
		return sqlite.ListSynthesisMarksRow(r)
	})
}

func (q postgresQueries) PinRun(ctx context.Context, p sqlite.PinRunParams) (int64, error) {
	return q.Queries.PinRun(ctx, postgres.PinRunParams(p))
}

func (q postgresQueries) ListArchivedSpecSizes(ctx context.Context) ([]sqlite.ListArchivedSpecSizesRow, error) {
	rows, err := q.Queries.ListArchivedSpecSizes(ctx)
	return converted(rows, err, func(r postgres.ListArchivedSpecSizesRow) sqlite.ListArchivedSpecSizesRow {
		return sqlite.ListArchivedSpecSizesRow(r)
	})
}

func (q postgresQueries) ListOldestRuns(ctx context.Context, p sqlite.ListOldestRunsParams) ([]sqlite.ListOldestRunsRow, error) {
	rows, err := q.Queries.ListOldestRuns(ctx, postgres.ListOldestRunsParams(p))
	return converted(rows, err, func(r postgres.ListOldestRunsRow) sqlite.ListOldestRunsRow { return sqlite.ListOldestRunsRow(r) })
}

func (q postgresQueries) ListSpecSizes(ctx context.Context) ([]sqlite.ListSpecSizesRow, error) {
	rows, err := q.Queries.ListSpecSizes(ctx)
	return converted(rows, err, func(r postgres.ListSpecSizesRow) sqlite.ListSpecSizesRow { return sqlite.ListSpecSizesRow(r) })
}
