-- ?1 runs of ?2 specs by turns in four stages, one a second, each with an answer and a receipt.
INSERT INTO consensus_runs (run_id, spec_id, stage, timestamp, consensus_ok, degraded, missing_agents, conflicts)
WITH RECURSIVE n(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM n WHERE n + 1 < ?1)
SELECT printf('bench-%030d', n), 'SPEC-BENCH-' || (n % ?2),
       CASE n / ?2 % 4 WHEN 0 THEN 'plan' WHEN 1 THEN 'tasks' WHEN 2 THEN 'implement' ELSE 'validate' END,
       1772323200 + n, 1, 0, '[]', '[]'
FROM n;
INSERT INTO agent_artifacts (artifact_id, run_id, agent, content, metadata, created_at)
SELECT 'artifact-' || run_id, run_id, 'claude', 'answer answer answer answer answer answer answer answer', '{}', timestamp
FROM consensus_runs
ORDER BY run_id;
INSERT INTO receipts (sha256, identity, path, bytes, kind, state, run_id, reason, report, attempts, first_seen, settled_at)
SELECT printf('%064x', rowid * 2654435761 % 4294967296), '', run_id || '.json', 4096, 'run', 'recorded', run_id, '', '{}', 1, timestamp, timestamp
FROM consensus_runs
ORDER BY 1;
