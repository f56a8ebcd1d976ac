-- name: InsertReceipt :execrows
-- Was this document recorded before? One row when it was not; a document that
-- was rejected before may be recorded now. The primary key.
INSERT INTO receipts (sha256, identity, path, bytes, kind, state, run_id, reason, report, attempts, first_seen, settled_at)
VALUES (@sha256, @identity, @path, @bytes, @kind, @state, @run_id, @reason, @report, @attempts, @first_seen, @settled_at)
ON CONFLICT (sha256, identity) DO UPDATE
SET path = excluded.path, kind = excluded.kind, state = excluded.state, run_id = excluded.run_id,
    reason = excluded.reason, report = excluded.report, attempts = receipts.attempts + excluded.attempts, settled_at = excluded.settled_at
WHERE receipts.state = 'rejected';

-- name: GetReceipt :one
-- What became of this document? The primary key.
SELECT sha256, identity, path, bytes, kind, state, run_id, reason, report, attempts, first_seen, settled_at
FROM receipts
WHERE sha256 = @sha256 AND identity = @identity;

-- name: ListReceiptsByHash :many
-- What became of a file with these bytes, under all its names? The primary key.
SELECT sha256, identity, path, bytes, kind, state, run_id, reason, report, attempts, first_seen, settled_at
FROM receipts
WHERE sha256 = @sha256
ORDER BY identity;

-- name: ListReceipts :many
-- Which documents made this run? Index idx_receipts_run.
SELECT sha256, identity, path, bytes, kind, state, run_id, reason, report, attempts, first_seen, settled_at
FROM receipts
WHERE run_id = @run_id
ORDER BY path, sha256, identity;

-- name: ListLostReceipts :many
-- Which receipts speak of a run that is neither there nor archived? In pages by
-- key; all of them together are a scan of all receipts.
SELECT sha256, identity, path, bytes, kind, state, run_id, reason, report, attempts, first_seen, settled_at
FROM receipts
WHERE (receipts.sha256, receipts.identity) > (@sha256, @identity)
  AND (run_id <> '' OR state <> 'rejected')
  AND NOT EXISTS (SELECT 1 FROM consensus_runs r WHERE r.run_id = receipts.run_id)
  AND NOT EXISTS (SELECT 1 FROM archived_runs r WHERE r.run_id = receipts.run_id)
ORDER BY receipts.sha256, receipts.identity
LIMIT CAST(@page_size AS BIGINT);

-- name: CountReceipts :many
-- How many documents were recorded, amended or rejected? A scan of all receipts.
SELECT state, COUNT(*) AS documents, CAST(SUM(bytes) AS BIGINT) AS bytes
FROM receipts
GROUP BY state
ORDER BY state;

-- name: ListReceiptsBetween :many
-- The receipts of a page of runs, each run's as ListReceipts has them. Index
-- idx_receipts_run.
SELECT sha256, identity, path, bytes, kind, state, run_id, reason, report, attempts, first_seen, settled_at
FROM receipts
WHERE run_id > @after AND run_id <= @until
ORDER BY run_id, path, sha256, identity;

-- name: ListReceiptsWithoutRun :many
-- The receipts of what was rejected, or whose run is gone, in pages by key. The primary key.
SELECT sha256, identity, path, bytes, kind, state, run_id, reason, report, attempts, first_seen, settled_at
FROM receipts
WHERE (sha256, identity) > (@sha256, @identity)
  AND NOT EXISTS (SELECT 1 FROM consensus_runs r WHERE r.run_id = receipts.run_id)
ORDER BY sha256, identity
LIMIT CAST(@page_size AS BIGINT);

-- name: CopyReceipt :execrows
-- A receipt as another database has it, unless there is one already.
INSERT INTO receipts (sha256, identity, path, bytes, kind, state, run_id, reason, report, attempts, first_seen, settled_at)
VALUES (@sha256, @identity, @path, @bytes, @kind, @state, @run_id, @reason, @report, @attempts, @first_seen, @settled_at)
ON CONFLICT (sha256, identity) DO NOTHING;
