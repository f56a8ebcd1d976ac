-- name: InsertSynthesis :execrows
INSERT INTO synthesis_results (synthesis_id, run_id, synthesized_content, consensus_verdict, metadata, created_at)
VALUES (@synthesis_id, @run_id, @synthesized_content, @consensus_verdict, @metadata, @created_at)
ON CONFLICT (synthesis_id) DO NOTHING;

-- name: UpdateSynthesis :execrows
-- Parts that came later changed the verdict, or what is known beside it.
UPDATE synthesis_results
SET consensus_verdict = @consensus_verdict, metadata = @metadata, created_at = @created_at
WHERE synthesis_id = @synthesis_id;

-- name: ListSyntheses :many
-- What was made of this run's answers, newest first? Index idx_synthesis_run.
SELECT synthesis_id, run_id, synthesized_content, consensus_verdict, metadata, created_at
FROM synthesis_results
WHERE run_id = @run_id
ORDER BY created_at DESC, synthesis_id DESC;

-- name: ListSynthesesBetween :many
-- The syntheses of a page of runs, each run's as ListSyntheses has them. Index
-- idx_synthesis_run.
SELECT synthesis_id, run_id, synthesized_content, consensus_verdict, metadata, created_at
FROM synthesis_results
WHERE run_id > @after AND run_id <= @until
ORDER BY run_id, created_at DESC, synthesis_id DESC;
