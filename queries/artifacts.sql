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
