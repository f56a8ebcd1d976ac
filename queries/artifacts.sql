-- name: InsertArtifact :execrows
INSERT INTO agent_artifacts (artifact_id, run_id, agent, content, metadata, created_at)
VALUES (@artifact_id, @run_id, @agent, @content, @metadata, @created_at)
ON CONFLICT (artifact_id) DO NOTHING;

-- name: UpdateArtifact :execrows
-- A later part told more about an answer; the answer itself never changes.
UPDATE agent_artifacts
SET metadata = @metadata, created_at = @created_at
WHERE artifact_id = @artifact_id;

-- name: DeleteArtifact :execrows
-- For the empty artifact that stood for an agent until its answer came.
DELETE FROM agent_artifacts
WHERE artifact_id = @artifact_id;

-- name: ListArtifacts :many
-- What did every agent of this run answer? Index idx_artifacts_run.
SELECT artifact_id, run_id, agent, content, metadata, created_at
FROM agent_artifacts
WHERE run_id = @run_id
ORDER BY agent, created_at, artifact_id;

-- name: ListStageArtifacts :many
-- What did every agent answer in the runs of a spec's stage, active and archived,
-- newest run first, a page of runs at a time: those before (before, before_id)? One
-- statement, so that a run which is being moved is in one of both. An archived run
-- has one row, and so has a run without answers: its artifact is NULL. Index
-- idx_consensus_spec_stage alone, idx_archived_spec_stage, idx_artifacts_run.
WITH page AS (
    SELECT r.run_id, r.timestamp, '' AS file, '' AS sha256
    FROM consensus_runs r
    WHERE r.spec_id = @spec_id AND r.stage = @stage AND NOT CAST(@archived_only AS BOOLEAN)
      AND r.timestamp <= @before AND (r.timestamp < @before OR r.run_id < @before_id)
    UNION ALL
    SELECT o.run_id, o.timestamp, o.file, o.sha256
    FROM archived_runs o
    WHERE o.spec_id = @spec_id AND o.stage = @stage AND o.state = 'archived'
      AND o.timestamp <= @before AND (o.timestamp < @before OR o.run_id < @before_id)
    ORDER BY timestamp DESC, run_id DESC
    LIMIT CAST(@page_size AS BIGINT)
)
SELECT page.run_id, page.timestamp, page.file, page.sha256,
    a.artifact_id, a.agent, a.content, a.metadata, CAST(COALESCE(a.created_at, 0) AS BIGINT) AS created_at
FROM page
LEFT JOIN agent_artifacts a ON a.run_id = page.run_id AND page.file = ''
ORDER BY page.timestamp DESC, page.run_id DESC, a.agent, a.created_at, a.artifact_id;

-- name: ListAgents :many
-- Who has an artifact in this run? Index idx_artifacts_run.
SELECT DISTINCT agent
FROM agent_artifacts
WHERE run_id = @run_id
ORDER BY agent;

-- name: ListArtifactsBetween :many
-- The artifacts of a page of runs, each run's as ListArtifacts has them. Index
-- idx_artifacts_run.
SELECT artifact_id, run_id, agent, content, metadata, created_at
FROM agent_artifacts
WHERE run_id > @after AND run_id <= @until
ORDER BY run_id, agent, created_at, artifact_id;
