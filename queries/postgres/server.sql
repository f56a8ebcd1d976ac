-- name: Server :one
-- Is this a server and database that can hold our tables?
SELECT CAST(current_setting('server_version_num') AS BIGINT) AS version,
       CAST(current_setting('server_encoding') AS TEXT) AS encoding;

-- name: BackendPID :one
-- Which process of the server answers this connection?
SELECT CAST(pg_backend_pid() AS BIGINT) AS pid;

-- name: Sizes :one
-- What do the tables take on disk, with their indexes and large values?
SELECT CAST(pg_total_relation_size('consensus_runs') + pg_total_relation_size('agent_artifacts')
     + pg_total_relation_size('synthesis_results') + pg_total_relation_size('run_findings')
     + pg_total_relation_size('receipts') AS BIGINT) AS bytes;

-- name: MayWrite :one
-- Is the server a primary, and may this role do to every table what recording
-- does? One right that is missing is too many, so each is asked for by itself.
SELECT CAST(current_setting('transaction_read_only') AS TEXT) AS read_only,
       CAST(has_table_privilege('consensus_runs', 'SELECT') AND has_table_privilege('consensus_runs', 'INSERT') AND has_table_privilege('consensus_runs', 'UPDATE')
        AND has_table_privilege('agent_artifacts', 'SELECT') AND has_table_privilege('agent_artifacts', 'INSERT') AND has_table_privilege('agent_artifacts', 'UPDATE') AND has_table_privilege('agent_artifacts', 'DELETE')
        AND has_table_privilege('synthesis_results', 'SELECT') AND has_table_privilege('synthesis_results', 'INSERT') AND has_table_privilege('synthesis_results', 'UPDATE')
        AND has_table_privilege('run_findings', 'SELECT') AND has_table_privilege('run_findings', 'INSERT') AND has_table_privilege('run_findings', 'DELETE')
        AND has_table_privilege('receipts', 'SELECT') AND has_table_privilege('receipts', 'INSERT') AND has_table_privilege('receipts', 'UPDATE') AS BOOLEAN) AS allowed;

-- name: ListOrphans :many
-- Which rows have lost their run? Foreign keys forbid it, but a superuser may
-- go past them. A scan of all tables.
SELECT CAST('agent_artifacts' AS TEXT) AS relation, artifact_id AS id, run_id
FROM agent_artifacts a
WHERE NOT EXISTS (SELECT 1 FROM consensus_runs r WHERE r.run_id = a.run_id)
UNION ALL
SELECT 'synthesis_results', synthesis_id, run_id
FROM synthesis_results y
WHERE NOT EXISTS (SELECT 1 FROM consensus_runs r WHERE r.run_id = y.run_id)
UNION ALL
SELECT 'run_findings', code, run_id
FROM run_findings f
WHERE NOT EXISTS (SELECT 1 FROM consensus_runs r WHERE r.run_id = f.run_id)
ORDER BY 1, 2, 3;
