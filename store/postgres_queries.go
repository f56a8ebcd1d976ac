package store

import (
	"context"

	"github.com/consensusd/consensusd/dbgen/postgres"
	"github.com/consensusd/consensusd/dbgen/sqlite"
)

// postgresQueries are the queries of dbgen/postgres under the types of
// dbgen/sqlite, which the rest of this package speaks. Both are generated from
// the same statements: where they drift apart this does not compile.
type postgresQueries struct{ *postgres.Queries }

var _ sqlite.Querier = postgresQueries{}

// converted returns rows under the other package's type.
func converted[From, To any](rows []From, err error, convert func(From) To) ([]To, error) {
	to := make([]To, len(rows))
	for i, r := range rows {
		to[i] = convert(r)
	}
	return to, err
}

func toRun(r postgres.Run) sqlite.Run                   { return sqlite.Run(r) }
func toArtifact(a postgres.Artifact) sqlite.Artifact    { return sqlite.Artifact(a) }
func toSynthesis(y postgres.Synthesis) sqlite.Synthesis { return sqlite.Synthesis(y) }
func toFinding(f postgres.Finding) sqlite.Finding       { return sqlite.Finding(f) }
func toReceipt(r postgres.Receipt) sqlite.Receipt       { return sqlite.Receipt(r) }

func (q postgresQueries) CopyReceipt(ctx context.Context, p sqlite.CopyReceiptParams) (int64, error) {
	return q.Queries.CopyReceipt(ctx, postgres.CopyReceiptParams(p))
}

func (q postgresQueries) CountReceipts(ctx context.Context) ([]sqlite.CountReceiptsRow, error) {
	rows, err := q.Queries.CountReceipts(ctx)
	return converted(rows, err, func(r postgres.CountReceiptsRow) sqlite.CountReceiptsRow { return sqlite.CountReceiptsRow(r) })
}

func (q postgresQueries) CountRuns(ctx context.Context) (sqlite.CountRunsRow, error) {
	r, err := q.Queries.CountRuns(ctx)
	return sqlite.CountRunsRow(r), err
}

func (q postgresQueries) DeleteFinding(ctx context.Context, p sqlite.DeleteFindingParams) (int64, error) {
	return q.Queries.DeleteFinding(ctx, postgres.DeleteFindingParams(p))
}

func (q postgresQueries) GetReceipt(ctx context.Context, p sqlite.GetReceiptParams) (sqlite.Receipt, error) {
	r, err := q.Queries.GetReceipt(ctx, postgres.GetReceiptParams(p))
	return toReceipt(r), err
}

func (q postgresQueries) GetRun(ctx context.Context, runID string) (sqlite.Run, error) {
	r, err := q.Queries.GetRun(ctx, runID)
	return toRun(r), err
}

func (q postgresQueries) InsertArtifact(ctx context.Context, p sqlite.InsertArtifactParams) (int64, error) {
	return q.Queries.InsertArtifact(ctx, postgres.InsertArtifactParams(p))
}

func (q postgresQueries) InsertFinding(ctx context.Context, p sqlite.InsertFindingParams) (int64, error) {
	return q.Queries.InsertFinding(ctx, postgres.InsertFindingParams(p))
}

func (q postgresQueries) InsertReceipt(ctx context.Context, p sqlite.InsertReceiptParams) (int64, error) {
	return q.Queries.InsertReceipt(ctx, postgres.InsertReceiptParams(p))
}

func (q postgresQueries) InsertRun(ctx context.Context, p sqlite.InsertRunParams) (int64, error) {
	return q.Queries.InsertRun(ctx, postgres.InsertRunParams(p))
}

func (q postgresQueries) InsertSynthesis(ctx context.Context, p sqlite.InsertSynthesisParams) (int64, error) {
	return q.Queries.InsertSynthesis(ctx, postgres.InsertSynthesisParams(p))
}

func (q postgresQueries) LatestRun(ctx context.Context, p sqlite.LatestRunParams) (sqlite.Run, error) {
	r, err := q.Queries.LatestRun(ctx, postgres.LatestRunParams(p))
	return toRun(r), err
}

func (q postgresQueries) ListArtifacts(ctx context.Context, runID string) ([]sqlite.Artifact, error) {
	rows, err := q.Queries.ListArtifacts(ctx, runID)
	return converted(rows, err, toArtifact)
}

func (q postgresQueries) ListArtifactsBetween(ctx context.Context, p sqlite.ListArtifactsBetweenParams) ([]sqlite.Artifact, error) {
	rows, err := q.Queries.ListArtifactsBetween(ctx, postgres.ListArtifactsBetweenParams(p))
	return converted(rows, err, toArtifact)
}

func (q postgresQueries) ListFindings(ctx context.Context, runID string) ([]sqlite.Finding, error) {
	rows, err := q.Queries.ListFindings(ctx, runID)
	return converted(rows, err, toFinding)
}

func (q postgresQueries) ListFindingsBetween(ctx context.Context, p sqlite.ListFindingsBetweenParams) ([]sqlite.Finding, error) {
	rows, err := q.Queries.ListFindingsBetween(ctx, postgres.ListFindingsBetweenParams(p))
	return converted(rows, err, toFinding)
}

func (q postgresQueries) ListLostReceipts(ctx context.Context, p sqlite.ListLostReceiptsParams) ([]sqlite.Receipt, error) {
	rows, err := q.Queries.ListLostReceipts(ctx, postgres.ListLostReceiptsParams(p))
	return converted(rows, err, toReceipt)
}

func (q postgresQueries) ListReceipts(ctx context.Context, runID string) ([]sqlite.Receipt, error) {
	rows, err := q.Queries.ListReceipts(ctx, runID)
	return converted(rows, err, toReceipt)
}

func (q postgresQueries) ListReceiptsBetween(ctx context.Context, p sqlite.ListReceiptsBetweenParams) ([]sqlite.Receipt, error) {
	rows, err := q.Queries.ListReceiptsBetween(ctx, postgres.ListReceiptsBetweenParams(p))
	return converted(rows, err, toReceipt)
}

func (q postgresQueries) ListReceiptsByHash(ctx context.Context, sha256 string) ([]sqlite.Receipt, error) {
	rows, err := q.Queries.ListReceiptsByHash(ctx, sha256)
	return converted(rows, err, toReceipt)
}

func (q postgresQueries) ListReceiptsWithoutRun(ctx context.Context, p sqlite.ListReceiptsWithoutRunParams) ([]sqlite.Receipt, error) {
	rows, err := q.Queries.ListReceiptsWithoutRun(ctx, postgres.ListReceiptsWithoutRunParams(p))
	return converted(rows, err, toReceipt)
}

func (q postgresQueries) ListRecentRuns(ctx context.Context, p sqlite.ListRecentRunsParams) ([]string, error) {
	return q.Queries.ListRecentRuns(ctx, postgres.ListRecentRunsParams(p))
}

func (q postgresQueries) ListRunSizes(ctx context.Context, p sqlite.ListRunSizesParams) ([]sqlite.ListRunSizesRow, error) {
	rows, err := q.Queries.ListRunSizes(ctx, postgres.ListRunSizesParams(p))
	return converted(rows, err, func(r postgres.ListRunSizesRow) sqlite.ListRunSizesRow { return sqlite.ListRunSizesRow(r) })
}

func (q postgresQueries) ListRuns(ctx context.Context, p sqlite.ListRunsParams) ([]sqlite.Run, error) {
	rows, err := q.Queries.ListRuns(ctx, postgres.ListRunsParams(p))
	return converted(rows, err, toRun)
}

func (q postgresQueries) ListRunsBetween(ctx context.Context, p sqlite.ListRunsBetweenParams) ([]sqlite.Run, error) {
	rows, err := q.Queries.ListRunsBetween(ctx, postgres.ListRunsBetweenParams(p))
	return converted(rows, err, toRun)
}

func (q postgresQueries) ListSpecRuns(ctx context.Context, p sqlite.ListSpecRunsParams) ([]sqlite.Run, error) {
	rows, err := q.Queries.ListSpecRuns(ctx, postgres.ListSpecRunsParams(p))
	return converted(rows, err, toRun)
}

func (q postgresQueries) ListStageArtifacts(ctx context.Context, p sqlite.ListStageArtifactsParams) ([]sqlite.ListStageArtifactsRow, error) {
	rows, err := q.Queries.ListStageArtifacts(ctx, postgres.ListStageArtifactsParams(p))
	return converted(rows, err, func(r postgres.ListStageArtifactsRow) sqlite.ListStageArtifactsRow {
		return sqlite.ListStageArtifactsRow(r)
	})
}

func (q postgresQueries) ListSyntheses(ctx context.Context, runID string) ([]sqlite.Synthesis, error) {
	rows, err := q.Queries.ListSyntheses(ctx, runID)
	return converted(rows, err, toSynthesis)
}

func (q postgresQueries) ListSynthesesBetween(ctx context.Context, p sqlite.ListSynthesesBetweenParams) ([]sqlite.Synthesis, error) {
	rows, err := q.Queries.ListSynthesesBetween(ctx, postgres.ListSynthesesBetweenParams(p))
	return converted(rows, err, toSynthesis)
}

func (q postgresQueries) LockReceipt(ctx context.Context, p sqlite.LockReceiptParams) (sqlite.Receipt, error) {
	r, err := q.Queries.LockReceipt(ctx, postgres.LockReceiptParams(p))
	return toReceipt(r), err
}

func (q postgresQueries) LockRun(ctx context.Context, runID string) (sqlite.Run, error) {
	r, err := q.Queries.LockRun(ctx, runID)
	return toRun(r), err
}

func (q postgresQueries) UpdateArtifact(ctx context.Context, p sqlite.UpdateArtifactParams) (int64, error) {
	return q.Queries.UpdateArtifact(ctx, postgres.UpdateArtifactParams(p))
}

func (q postgresQueries) UpdateRun(ctx context.Context, p sqlite.UpdateRunParams) (int64, error) {
	return q.Queries.UpdateRun(ctx, postgres.UpdateRunParams(p))
}

func (q postgresQueries) UpdateSynthesis(ctx context.Context, p sqlite.UpdateSynthesisParams) (int64, error) {
	return q.Queries.UpdateSynthesis(ctx, postgres.UpdateSynthesisParams(p))
}
