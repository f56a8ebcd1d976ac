-- Ids grow, as those of runs do that are dropped one after the other.
\set n :n + 1
\set run 10000000000000000 + :client_id * 1000000000000000 + :n
\set spec :n % 1000
\set timestamp 1772366400 + :n
\set hash random(10000000000000000, 99999999999999999)
INSERT INTO consensus_runs (run_id, spec_id, stage, timestamp, consensus_ok, degraded, missing_agents, conflicts)
VALUES ('b' || :run, 'SPEC-BENCH-' || :spec, 'plan', :timestamp, TRUE, FALSE, '[]', '[]')
ON CONFLICT (run_id) DO NOTHING;
INSERT INTO receipts (sha256, identity, path, bytes, kind, state, run_id, reason, report, attempts, first_seen, settled_at)
VALUES ('c0ab867a9262db77093f81b85180fea51a114029cea4b68' || :hash, '', 'run-0000.json', 4571, 'run', 'recorded', 'b' || :run, '', :report, 1, :timestamp, :timestamp)
ON CONFLICT (sha256, identity) DO UPDATE
SET path = excluded.path, kind = excluded.kind, state = excluded.state, run_id = excluded.run_id,
    reason = excluded.reason, report = excluded.report, attempts = receipts.attempts + excluded.attempts, settled_at = excluded.settled_at
WHERE receipts.state = 'rejected';
SELECT run_id, spec_id, stage, timestamp, consensus_ok, degraded, missing_agents, conflicts,
    agents, findings, bytes, state, file, sha256, archived_at
FROM archived_runs
WHERE run_id = 'b' || :run;
INSERT INTO agent_artifacts (artifact_id, run_id, agent, content, metadata, created_at)
VALUES ('0' || :run || '-8c01-b09f-923ff-1', 'b' || :run, 'claude', :content, '{}', :timestamp)
ON CONFLICT (artifact_id) DO NOTHING;
INSERT INTO agent_artifacts (artifact_id, run_id, agent, content, metadata, created_at)
VALUES ('0' || :run || '-8c01-b09f-923ff-2', 'b' || :run, 'gemini', :content, '{}', :timestamp)
ON CONFLICT (artifact_id) DO NOTHING;
INSERT INTO agent_artifacts (artifact_id, run_id, agent, content, metadata, created_at)
VALUES ('0' || :run || '-8c01-b09f-923ff-3', 'b' || :run, 'gpt_pro', :content, '{}', :timestamp)
ON CONFLICT (artifact_id) DO NOTHING;
INSERT INTO agent_artifacts (artifact_id, run_id, agent, content, metadata, created_at)
VALUES ('0' || :run || '-8c01-b09f-923ff-4', 'b' || :run, 'qwen', :content, '{}', :timestamp)
ON CONFLICT (artifact_id) DO NOTHING;
INSERT INTO synthesis_results (synthesis_id, run_id, synthesized_content, consensus_verdict, metadata, created_at)
VALUES ('0' || :run || '-89df-a855-ccae7-0', 'b' || :run, :synthesized, 'unanimous', :metadata, :timestamp)
ON CONFLICT (synthesis_id) DO NOTHING;
