-- name: InsertFinding :execrows
INSERT INTO run_findings (run_id, code, agent, detail)
VALUES (@run_id, @code, @agent, @detail)
ON CONFLICT (run_id, code, agent, detail) DO NOTHING;

-- name: DeleteFinding :execrows
DELETE FROM run_findings
WHERE run_id = @run_id AND code = @code AND agent = @agent AND detail = @detail;

-- name: ListFindings :many
-- What did the judge notice about this run? The primary key.
SELECT run_id, code, agent, detail
FROM run_findings
WHERE run_id = @run_id
ORDER BY code, agent, detail;

-- name: CountFindings :one
SELECT COUNT(*)
FROM run_findings
WHERE run_id = @run_id;

-- name: ListFindingsBetween :many
-- The findings of a page of runs. The primary key.
SELECT run_id, code, agent, detail
FROM run_findings
WHERE run_id > @after AND run_id <= @until
ORDER BY run_id, code, agent, detail;
