-- name: InsertRun :execrows
-- Is this run new? One row when it is, none when its id is taken.
INSERT INTO consensus_runs (run_id, spec_id, stage, timestamp, consensus_ok, degraded, missing_agents, conflicts)
VALUES (@run_id, @spec_id, @stage, @timestamp, @consensus_ok, @degraded, @missing_agents, @conflicts)
ON CONFLICT (run_id) DO NOTHING;

-- name: UpdateRun :execrows
-- Parts that came later changed what the run shows. Its id, spec and stage stay.
UPDATE consensus_runs
SET timestamp = @timestamp, consensus_ok = @consensus_ok, degraded = @degraded,
    missing_agents = @missing_agents, conflicts = @conflicts
WHERE run_id = @run_id;

-- name: GetRun :one
SELECT run_id, spec_id, stage, timestamp, consensus_ok, degraded, missing_agents, conflicts
FROM consensus_runs
WHERE run_id = @run_id;

-- name: LatestRun :one
-- Which run of this spec and stage is the newest? Index idx_consensus_spec_stage.
SELECT run_id, spec_id, stage, timestamp, consensus_ok, degraded, missing_agents, conflicts
FROM consensus_runs
WHERE spec_id = @spec_id AND stage = @stage
ORDER BY timestamp DESC, run_id DESC
LIMIT 1;

-- name: ListRecentRuns :many
-- Which runs of this spec and stage were recorded or amended since then?
-- Indexes idx_consensus_spec_stage and idx_receipts_run.
SELECT r.run_id
FROM consensus_runs r
WHERE r.spec_id = @spec_id AND r.stage = @stage AND EXISTS (
      SELECT 1 FROM receipts c WHERE c.run_id = r.run_id AND c.settled_at >= @since)
ORDER BY r.run_id DESC
LIMIT CAST(@page_size AS BIGINT);

-- name: ListRuns :many
-- The newest runs, page by page: those before (before, before_id). Empty
-- filters let everything pass. Index idx_consensus_timestamp, read backwards.
-- With EXISTS in place of IS NOT NULL, PostgreSQL would read all artifacts first.
SELECT r.run_id, r.spec_id, r.stage, r.timestamp, r.consensus_ok, r.degraded, r.missing_agents, r.conflicts
FROM consensus_runs r
WHERE r.timestamp >= @since AND r.timestamp <= @before
  AND (r.timestamp < @before OR r.run_id < @before_id)
  AND (CAST(@stage AS TEXT) = '' OR r.stage = CAST(@stage AS TEXT))
  AND (CAST(@verdict AS TEXT) = '' OR CAST(@verdict AS TEXT) =
       CASE WHEN r.consensus_ok IS NOT TRUE THEN 'failed' WHEN r.degraded IS NOT FALSE THEN 'degraded' ELSE 'unanimous' END)
  AND (CAST(@agent AS TEXT) = '' OR (
       SELECT a.agent FROM agent_artifacts a WHERE a.run_id = r.run_id AND a.agent = CAST(@agent AS TEXT) LIMIT 1) IS NOT NULL)
ORDER BY r.timestamp DESC, r.run_id DESC
LIMIT CAST(@page_size AS BIGINT);

-- name: ListSpecRuns :many
-- ListRuns for one spec. Index idx_consensus_spec_stage, then a sort of that
-- spec's runs.
SELECT r.run_id, r.spec_id, r.stage, r.timestamp, r.consensus_ok, r.degraded, r.missing_agents, r.conflicts
FROM consensus_runs r
WHERE r.spec_id = @spec_id
  AND r.timestamp >= @since AND r.timestamp <= @before
  AND (r.timestamp < @before OR r.run_id < @before_id)
  AND (CAST(@stage AS TEXT) = '' OR r.stage = CAST(@stage AS TEXT))
  AND (CAST(@verdict AS TEXT) = '' OR CAST(@verdict AS TEXT) =
       CASE WHEN r.consensus_ok IS NOT TRUE THEN 'failed' WHEN r.degraded IS NOT FALSE THEN 'degraded' ELSE 'unanimous' END)
  AND (CAST(@agent AS TEXT) = '' OR (
       SELECT a.agent FROM agent_artifacts a WHERE a.run_id = r.run_id AND a.agent = CAST(@agent AS TEXT) LIMIT 1) IS NOT NULL)
ORDER BY r.timestamp DESC, r.run_id DESC
LIMIT CAST(@page_size AS BIGINT);

-- name: CountRuns :one
-- How many runs are there, and when was the newest? SQLite reads index
-- idx_consensus_timestamp, PostgreSQL the table.
SELECT COUNT(*) AS runs, CAST(COALESCE(MAX(timestamp), 0) AS BIGINT) AS newest
FROM consensus_runs;

-- name: ListRunSizes :many
-- Every run, in pages by id, with the bytes of its answers. The primary key,
-- then index idx_artifacts_run.
SELECT r.run_id, CAST((SELECT COALESCE(SUM(OCTET_LENGTH(a.content)), 0) FROM agent_artifacts a WHERE a.run_id = r.run_id) AS BIGINT) AS bytes
FROM consensus_runs r
WHERE r.run_id > @after
ORDER BY r.run_id
LIMIT CAST(@page_size AS BIGINT);

-- name: ListRunsBetween :many
-- The runs of a page. The primary key.
SELECT run_id, spec_id, stage, timestamp, consensus_ok, degraded, missing_agents, conflicts
FROM consensus_runs
WHERE run_id > @after AND run_id <= @until
ORDER BY run_id;
