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

-- name: ListSpecArtifacts :many
-- What did every agent answer in the runs of a spec, or of its stage, between two
-- times? Newest run first. Indexes idx_consensus_spec_stage, idx_artifacts_run.
SELECT a.artifact_id, a.run_id, a.agent, a.content, a.metadata, a.created_at
FROM consensus_runs r
JOIN agent_artifacts a ON a.run_id = r.run_id
WHERE r.spec_id = @spec_id
  AND r.timestamp >= @since AND r.timestamp <= @before
  AND (CAST(@stage AS TEXT) = '' OR r.stage = CAST(@stage AS TEXT))
ORDER BY r.timestamp DESC, r.run_id DESC, a.agent, a.created_at, a.artifact_id;

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
