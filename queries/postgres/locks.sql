-- A row lock is written to the log. So the commit of a transaction that holds
-- one waits for the standby, and all that it has read is there by then too,
-- which a mere SELECT does not promise.

-- name: LockRun :one
-- This run, as it stays until the transaction ends. The primary key.
SELECT run_id, spec_id, stage, timestamp, consensus_ok, degraded, missing_agents, conflicts
FROM consensus_runs
WHERE run_id = @run_id
FOR UPDATE;

-- name: LockReceipt :one
-- This receipt, as it stays until the transaction ends. The primary key.
SELECT sha256, identity, path, bytes, kind, state, run_id, reason, report, attempts, first_seen, settled_at
FROM receipts
WHERE sha256 = @sha256 AND identity = @identity
FOR UPDATE;
