\set run random(10000000000000000, 99999999999999999)
\set artifact random(10000000000000000, 99999999999999999)
\set synthesis random(10000000000000000, 99999999999999999)
\set spec random(1000, 9999)
\set timestamp random(1772323200, 1772409599)
BEGIN;
INSERT INTO consensus_runs (run_id, spec_id, stage, timestamp, consensus_ok, degraded, missing_agents, conflicts)
VALUES ('019ca945-0a00-8c01-' || :run, 'SPEC-BENCH-' || :spec, 'plan', :timestamp, TRUE, FALSE, '[]', '[]')
ON CONFLICT (run_id) DO NOTHING;
INSERT INTO agent_artifacts (artifact_id, run_id, agent, content, metadata, created_at)
VALUES ('019ca945-0a00-8c01-' || :artifact, '019ca945-0a00-8c01-' || :run, 'claude', :content, '{}', :timestamp)
ON CONFLICT (artifact_id) DO NOTHING;
INSERT INTO synthesis_results (synthesis_id, run_id, synthesized_content, consensus_verdict, metadata, created_at)
VALUES ('019ca945-0a00-8c01-' || :synthesis, '019ca945-0a00-8c01-' || :run, :synthesized, 'unanimous', '{}', :timestamp)
ON CONFLICT (synthesis_id) DO NOTHING;
COMMIT;
