// All documents of a folder, in one durable transaction: duckdb.mjs DATABASE FOLDER DOCUMENTS CONTENT-BYTES
import { createRequire } from "node:module";

const { DuckDBInstance } = createRequire(process.cwd() + "/")("@duckdb/node-api");
const [, , path, folder, documents, bytes] = process.argv;
const db = await (await DuckDBInstance.create(path)).connect();
const files = `read_json('${folder.replaceAll("'", "''")}/*.json', format = 'unstructured', maximum_object_size = ${64 << 20},
    columns = {run_id: 'VARCHAR', spec_id: 'VARCHAR', stage: 'VARCHAR', "timestamp": 'TIMESTAMPTZ',
               agents: 'STRUCT(agent VARCHAR, content VARCHAR)[]', synthesis: 'STRUCT(content VARCHAR, verdict VARCHAR)'})`;
for (const statement of [
	`CREATE TABLE consensus_runs (run_id VARCHAR PRIMARY KEY, spec_id VARCHAR, stage VARCHAR, "timestamp" BIGINT,
		consensus_ok BOOLEAN, degraded BOOLEAN, missing_agents VARCHAR, conflicts VARCHAR)`,
	`CREATE TABLE agent_artifacts (artifact_id VARCHAR PRIMARY KEY, run_id VARCHAR, agent VARCHAR, content VARCHAR, metadata VARCHAR, created_at BIGINT)`,
	`CREATE TABLE synthesis_results (synthesis_id VARCHAR PRIMARY KEY, run_id VARCHAR, synthesized_content VARCHAR, consensus_verdict VARCHAR, metadata VARCHAR, created_at BIGINT)`,
	`BEGIN`,
	`CREATE TEMP TABLE documents AS SELECT * FROM ${files}`,
	`INSERT INTO consensus_runs SELECT run_id, spec_id, stage, epoch("timestamp")::BIGINT, synthesis.verdict <> 'failed', synthesis.verdict = 'degraded', '[]', '[]' FROM documents`,
	`INSERT INTO agent_artifacts SELECT run_id || '-' || i, run_id, agents[i].agent, agents[i].content, '{}', epoch("timestamp")::BIGINT
		FROM documents, range(1, 5) r(i)`,
	`INSERT INTO synthesis_results SELECT run_id || '-s', run_id, synthesis.content, synthesis.verdict, '{}', epoch("timestamp")::BIGINT FROM documents`,
	`COMMIT`,
]) {
	await db.run(statement);
}
const rows = (await db.runAndReadAll(`SELECT (SELECT count(*) FROM consensus_runs)::INT, (SELECT count(*) FROM agent_artifacts)::INT,
	(SELECT sum(length(content)) FROM agent_artifacts)::BIGINT`)).getRows();
const [runs, artifacts, content] = rows[0].map(Number);
if (runs !== Number(documents) || artifacts !== 4 * runs || content !== artifacts * Number(bytes)) {
	throw new Error(`${runs} runs and ${artifacts} answers of ${content} bytes are recorded of ${documents} documents`);
}
db.closeSync();
