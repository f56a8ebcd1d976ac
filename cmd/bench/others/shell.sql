-- All documents of a folder, in one durable transaction. fsdir reads a file each
-- time that its data is named: once, therefore.
.bail on
PRAGMA synchronous = FULL;
PRAGMA cache_size = -16000;
PRAGMA temp_store = MEMORY;
BEGIN IMMEDIATE;
CREATE TEMP TABLE documents AS
SELECT CAST(data AS TEXT) AS data
FROM fsdir(:inbox)
WHERE name LIKE '%.json';
INSERT INTO consensus_runs (run_id, spec_id, stage, timestamp, consensus_ok, degraded, missing_agents, conflicts)
SELECT data ->> '$.run_id', data ->> '$.spec_id', data ->> '$.stage', UNIXEPOCH(data ->> '$.timestamp'),
       data ->> '$.synthesis.verdict' <> 'failed', data ->> '$.synthesis.verdict' = 'degraded', '[]', '[]'
FROM documents;
INSERT INTO agent_artifacts (artifact_id, run_id, agent, content, metadata, created_at)
SELECT (f.data ->> '$.run_id') || '-' || a.key, f.data ->> '$.run_id', a.value ->> '$.agent', a.value ->> '$.content', '{}',
       UNIXEPOCH(f.data ->> '$.timestamp')
FROM documents f, json_each(f.data, '$.agents') a;
INSERT INTO synthesis_results (synthesis_id, run_id, synthesized_content, consensus_verdict, metadata, created_at)
SELECT (data ->> '$.run_id') || '-s', data ->> '$.run_id', data ->> '$.synthesis.content', data ->> '$.synthesis.verdict', '{}',
       UNIXEPOCH(data ->> '$.timestamp')
FROM documents;
COMMIT;
