-- All documents of a folder, in one durable transaction.
.bail on
PRAGMA synchronous = FULL;
PRAGMA cache_size = -16000;
BEGIN IMMEDIATE;
INSERT INTO consensus_runs (run_id, spec_id, stage, timestamp, consensus_ok, degraded, missing_agents, conflicts)
SELECT data ->> '$.run_id', data ->> '$.spec_id', data ->> '$.stage', UNIXEPOCH(data ->> '$.timestamp'),
       data ->> '$.synthesis.verdict' <> 'failed', data ->> '$.synthesis.verdict' = 'degraded', '[]', '[]'
FROM fsdir(:inbox)
WHERE name LIKE '%.json';
INSERT INTO agent_artifacts (artifact_id, run_id, agent, content, metadata, created_at)
SELECT (f.data ->> '$.run_id') || '-' || a.key, f.data ->> '$.run_id', a.value ->> '$.agent', a.value ->> '$.content', '{}',
       UNIXEPOCH(f.data ->> '$.timestamp')
FROM fsdir(:inbox) f, json_each(f.data, '$.agents') a
WHERE f.name LIKE '%.json';
INSERT INTO synthesis_results (synthesis_id, run_id, synthesized_content, consensus_verdict, metadata, created_at)
SELECT (data ->> '$.run_id') || '-s', data ->> '$.run_id', data ->> '$.synthesis.content', data ->> '$.synthesis.verdict', '{}',
       UNIXEPOCH(data ->> '$.timestamp')
FROM fsdir(:inbox)
WHERE name LIKE '%.json';
COMMIT;
