-- name: ListSpecSizes :many
-- How many bytes of answers and syntheses does each spec have in the database? A
-- scan of all runs, then indexes idx_artifacts_run and idx_synthesis_run; no long
-- content is read.
SELECT r.spec_id, COUNT(*) AS runs, CAST(SUM(
      (SELECT COALESCE(SUM(OCTET_LENGTH(a.content)), 0) FROM agent_artifacts a WHERE a.run_id = r.run_id)
    + (SELECT COALESCE(SUM(OCTET_LENGTH(y.synthesized_content)), 0) FROM synthesis_results y WHERE y.run_id = r.run_id)) AS BIGINT) AS bytes
FROM consensus_runs r
GROUP BY r.spec_id
ORDER BY r.spec_id;

-- name: ListArchivedSpecSizes :many
-- How many bytes did each spec have that are in the archive now, by file? A scan
-- of all archived runs.
SELECT spec_id, file, COUNT(*) AS runs, CAST(SUM(bytes) AS BIGINT) AS bytes
FROM archived_runs
WHERE state = 'archived'
GROUP BY spec_id, file
ORDER BY spec_id, file;

-- name: ListOldestRuns :many
-- The oldest runs of a spec that retention may have, and how large they are. Index
-- idx_consensus_spec_stage, then a sort of that spec's runs.
SELECT r.run_id, r.stage, r.timestamp,
    CAST((SELECT COALESCE(SUM(OCTET_LENGTH(a.content)), 0) FROM agent_artifacts a WHERE a.run_id = r.run_id)
       + (SELECT COALESCE(SUM(OCTET_LENGTH(y.synthesized_content)), 0) FROM synthesis_results y WHERE y.run_id = r.run_id) AS BIGINT) AS bytes
FROM consensus_runs r
WHERE r.spec_id = @spec_id AND r.timestamp > 0
  AND NOT EXISTS (SELECT 1 FROM pinned_runs p WHERE p.run_id = r.run_id)
ORDER BY r.timestamp, r.run_id
LIMIT CAST(@page_size AS BIGINT);
