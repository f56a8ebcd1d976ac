-- name: InsertArchivedRun :execrows
-- A run leaves the tables of runs, or comes back to the archive after a restore.
INSERT INTO archived_runs (run_id, spec_id, stage, timestamp, consensus_ok, degraded, missing_agents, conflicts,
    agents, findings, bytes, state, file, sha256, archived_at)
VALUES (@run_id, @spec_id, @stage, @timestamp, @consensus_ok, @degraded, @missing_agents, @conflicts,
    @agents, @findings, @bytes, @state, @file, @sha256, @archived_at)
ON CONFLICT (run_id) DO NOTHING;

-- name: GetArchivedRun :one
-- Has this run left the tables of runs, and where is it? The primary key.
SELECT run_id, spec_id, stage, timestamp, consensus_ok, degraded, missing_agents, conflicts,
    agents, findings, bytes, state, file, sha256, archived_at
FROM archived_runs
WHERE run_id = @run_id;

-- name: LatestArchivedRun :one
-- Which run of this spec and stage is the newest in the archive? Index
-- idx_archived_spec_stage.
SELECT run_id, spec_id, stage, timestamp, consensus_ok, degraded, missing_agents, conflicts,
    agents, findings, bytes, state, file, sha256, archived_at
FROM archived_runs
WHERE spec_id = @spec_id AND stage = @stage AND state = 'archived'
ORDER BY timestamp DESC, run_id DESC
LIMIT 1;

-- name: ListArchivedRuns :many
-- The newest runs in the archive, page by page: those before (before,
-- before_id). Empty filters let everything pass. Index idx_archived_timestamp,
-- read backwards.
SELECT run_id, spec_id, stage, timestamp, consensus_ok, degraded, missing_agents, conflicts,
    agents, findings, bytes, state, file, sha256, archived_at
FROM archived_runs
WHERE state = 'archived' AND timestamp >= @since AND timestamp <= @before
  AND (timestamp < @before OR run_id < @before_id)
  AND (CAST(@spec_id AS TEXT) = '' OR spec_id = CAST(@spec_id AS TEXT))
  AND (CAST(@stage AS TEXT) = '' OR stage = CAST(@stage AS TEXT))
  AND (CAST(@verdict AS TEXT) = '' OR CAST(@verdict AS TEXT) =
       CASE WHEN consensus_ok IS NOT TRUE THEN 'failed' WHEN degraded IS NOT FALSE THEN 'degraded' ELSE 'unanimous' END)
ORDER BY timestamp DESC, run_id DESC
LIMIT CAST(@page_size AS BIGINT);

-- name: ListRetiredRuns :many
-- All runs that retention took away, deleted ones too, in pages by id. The primary
-- key.
SELECT run_id, spec_id, stage, timestamp, consensus_ok, degraded, missing_agents, conflicts,
    agents, findings, bytes, state, file, sha256, archived_at
FROM archived_runs
WHERE run_id > @after
ORDER BY run_id
LIMIT CAST(@page_size AS BIGINT);

-- name: ListExpiredRuns :many
-- The runs in the archive that are older than it keeps, in pages by time. Index
-- idx_archived_timestamp.
SELECT run_id, spec_id, stage, timestamp, bytes, file, sha256
FROM archived_runs
WHERE state = 'archived' AND timestamp < @before AND (timestamp, run_id) > (CAST(@after_time AS BIGINT), CAST(@after_id AS TEXT))
ORDER BY timestamp, run_id
LIMIT CAST(@page_size AS BIGINT);

-- name: ExpireRun :execrows
-- A run is about to be deleted from the archive, or its record is gone from there;
-- what it said goes at once. Not when it was restored, or archived anew.
UPDATE archived_runs
SET state = 'deleted', missing_agents = '[]', conflicts = '[]', agents = '[]', findings = 0
WHERE run_id = @run_id AND file = @file AND sha256 = @sha256 AND state = 'archived';

-- name: DeleteArchivedRun :execrows
-- A run is restored from this record, unless it was deleted, or archived anew.
DELETE FROM archived_runs
WHERE run_id = @run_id AND sha256 = @sha256 AND state = 'archived';

-- name: CountArchivedRuns :many
-- How many runs are in each file of the archive? A scan of all archived runs.
SELECT file, COUNT(*) AS runs, CAST(SUM(bytes) AS BIGINT) AS bytes,
    CAST(MIN(timestamp) AS BIGINT) AS oldest, CAST(MAX(timestamp) AS BIGINT) AS newest
FROM archived_runs
WHERE state = 'archived'
GROUP BY file
ORDER BY file;

-- name: ListAgingRuns :many
-- Which runs are older than they stay active, in pages by time, and how large are
-- they? Index idx_consensus_timestamp, then idx_artifacts_run and idx_synthesis_run.
SELECT r.run_id, r.spec_id, r.stage, r.timestamp,
    CAST((SELECT COALESCE(SUM(OCTET_LENGTH(a.content)), 0) FROM agent_artifacts a WHERE a.run_id = r.run_id)
       + (SELECT COALESCE(SUM(OCTET_LENGTH(y.synthesized_content)), 0) FROM synthesis_results y WHERE y.run_id = r.run_id) AS BIGINT) AS bytes,
    CAST(EXISTS (SELECT 1 FROM pinned_runs p WHERE p.run_id = r.run_id) AS BOOLEAN) AS pinned
FROM consensus_runs r
WHERE r.timestamp < @before AND (r.timestamp, r.run_id) > (CAST(@after_time AS BIGINT), CAST(@after_id AS TEXT))
ORDER BY r.timestamp, r.run_id
LIMIT CAST(@page_size AS BIGINT);

-- name: ListActiveSpecs :many
-- Which specs have a run in this time? Index idx_consensus_timestamp.
SELECT DISTINCT spec_id
FROM consensus_runs
WHERE timestamp >= @from_time AND timestamp <= @until_time
ORDER BY spec_id;

-- name: CountRunsBetween :one
-- How many runs are of this time? Index idx_consensus_timestamp.
SELECT COUNT(*)
FROM consensus_runs
WHERE timestamp >= @from_time AND timestamp <= @until_time;

-- name: DeleteFindings :execrows
DELETE FROM run_findings
WHERE run_id = @run_id;

-- name: DeleteArtifacts :execrows
DELETE FROM agent_artifacts
WHERE run_id = @run_id;

-- name: DeleteSyntheses :execrows
DELETE FROM synthesis_results
WHERE run_id = @run_id;

-- name: DeleteRun :execrows
DELETE FROM consensus_runs
WHERE run_id = @run_id;

-- name: ListArtifactMarks :many
-- What tells a run's answers from others, but for the answers themselves, whose
-- hash is in their ids? Index idx_artifacts_run; it reads no long content.
SELECT artifact_id, agent, metadata, created_at
FROM agent_artifacts
WHERE run_id = @run_id
ORDER BY agent, created_at, artifact_id;

-- name: ListSynthesisMarks :many
-- The same of its syntheses. Index idx_synthesis_run.
SELECT synthesis_id, consensus_verdict, metadata, created_at
FROM synthesis_results
WHERE run_id = @run_id
ORDER BY created_at DESC, synthesis_id DESC;

-- name: ListRunsInArchiveFile :many
-- Which records should this file of the archive hold? Of a month it holds runs
-- from_time to until_time: index idx_archived_timestamp.
SELECT run_id, sha256
FROM archived_runs
WHERE state = 'archived' AND timestamp >= @from_time AND timestamp < @until_time AND file = @file
ORDER BY timestamp, run_id;
