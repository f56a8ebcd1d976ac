-- name: PinRun :execrows
INSERT INTO pinned_runs (run_id, pinned_at)
VALUES (@run_id, @pinned_at)
ON CONFLICT (run_id) DO NOTHING;

-- name: UnpinRun :execrows
DELETE FROM pinned_runs
WHERE run_id = @run_id;

-- name: CountPin :one
-- Is this run pinned? The primary key.
SELECT COUNT(*)
FROM pinned_runs
WHERE run_id = @run_id;

-- name: ListPinnedRuns :many
-- Which runs are pinned, and since when? A scan of all pins.
SELECT run_id, pinned_at
FROM pinned_runs
ORDER BY run_id;
