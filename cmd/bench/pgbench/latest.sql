\set spec random(0, :specs - 1)
SELECT run_id, spec_id, stage, timestamp, consensus_ok, degraded, missing_agents, conflicts
FROM consensus_runs
WHERE spec_id = 'SPEC-BENCH-' || :spec AND stage = 'plan'
ORDER BY timestamp DESC, run_id DESC
LIMIT 1;
