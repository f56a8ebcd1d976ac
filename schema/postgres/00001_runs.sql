-- +goose Up

-- The tables of schema/sqlite, where every column is explained. Keys compare by
-- byte (COLLATE "C"), as they do there, so that both engines list in one order.

CREATE TABLE consensus_runs (
    run_id         TEXT COLLATE "C" PRIMARY KEY,
    spec_id        TEXT COLLATE "C" NOT NULL,
    stage          TEXT COLLATE "C" NOT NULL,
    timestamp      BIGINT NOT NULL, -- Unix seconds, UTC
    consensus_ok   BOOLEAN,
    degraded       BOOLEAN,
    missing_agents TEXT,            -- JSON array of strings, '[]' when none
    conflicts      TEXT             -- JSON array of strings, '[]' when none
);

CREATE TABLE agent_artifacts (
    artifact_id TEXT COLLATE "C" PRIMARY KEY,
    run_id      TEXT COLLATE "C" NOT NULL,
    agent       TEXT COLLATE "C" NOT NULL,
    content     TEXT NOT NULL,
    metadata    TEXT,   -- JSON object
    created_at  BIGINT, -- Unix seconds, UTC
    FOREIGN KEY (run_id) REFERENCES consensus_runs(run_id)
);

CREATE TABLE synthesis_results (
    synthesis_id        TEXT COLLATE "C" PRIMARY KEY,
    run_id              TEXT COLLATE "C" NOT NULL,
    synthesized_content TEXT NOT NULL,
    consensus_verdict   TEXT,   -- 'unanimous' | 'degraded' | 'failed'
    metadata            TEXT,   -- JSON object; reported: what the run said of itself
    created_at          BIGINT, -- Unix seconds, UTC
    FOREIGN KEY (run_id) REFERENCES consensus_runs(run_id)
);

CREATE INDEX idx_consensus_spec_stage ON consensus_runs(spec_id, stage);
CREATE INDEX idx_consensus_timestamp ON consensus_runs(timestamp);
CREATE INDEX idx_artifacts_run ON agent_artifacts(run_id);
CREATE INDEX idx_synthesis_run ON synthesis_results(run_id);

CREATE TABLE run_findings (
    run_id TEXT COLLATE "C" NOT NULL,
    code   TEXT COLLATE "C" NOT NULL,
    agent  TEXT COLLATE "C" NOT NULL, -- '' when it concerns the whole run
    detail TEXT COLLATE "C" NOT NULL, -- at most 300 characters
    PRIMARY KEY (run_id, code, agent, detail),
    FOREIGN KEY (run_id) REFERENCES consensus_runs(run_id)
);

CREATE TABLE receipts (
    sha256     TEXT COLLATE "C" NOT NULL, -- of the file's bytes, lower-case hex
    identity   TEXT COLLATE "C" NOT NULL, -- what name and folder say that the bytes do not; '' when nothing
    path       TEXT COLLATE "C" NOT NULL, -- below the inbox or the folder read in place
    bytes      BIGINT NOT NULL,           -- size of the file
    kind       TEXT NOT NULL,             -- what the document is: run, answer, synthesis, metrics, …
    state      TEXT COLLATE "C" NOT NULL, -- 'recorded' | 'amended' | 'rejected'
    run_id     TEXT COLLATE "C" NOT NULL, -- '' when rejected
    reason     TEXT NOT NULL,             -- why it was rejected, or warnings; '' when none
    report     TEXT NOT NULL,             -- JSON object: what the document said about its run beside its answers
    attempts   BIGINT NOT NULL,           -- how often it was tried
    first_seen BIGINT NOT NULL,           -- Unix seconds, UTC
    settled_at BIGINT NOT NULL,           -- Unix seconds, UTC: when its fate was committed
    PRIMARY KEY (sha256, identity)
);

CREATE INDEX idx_receipts_run ON receipts(run_id);

-- The stable surface for analytics; these views survive migrations.

CREATE VIEW v1_runs AS
SELECT r.run_id, r.spec_id, r.stage, r.timestamp,
       CASE WHEN r.consensus_ok IS NOT TRUE THEN 'failed'
            WHEN r.degraded IS NOT FALSE THEN 'degraded'
            ELSE 'unanimous' END AS verdict,
       r.consensus_ok, r.degraded, r.missing_agents, r.conflicts,
       (SELECT COUNT(*) FROM agent_artifacts a WHERE a.run_id = r.run_id) AS artifacts,
       (SELECT COUNT(*) FROM run_findings f WHERE f.run_id = r.run_id) AS findings
FROM consensus_runs r;

CREATE VIEW v1_artifacts AS
SELECT a.artifact_id, a.run_id, r.spec_id, r.stage, r.timestamp, a.agent, a.content,
       OCTET_LENGTH(a.content) AS bytes, a.metadata, a.created_at
FROM agent_artifacts a
JOIN consensus_runs r ON r.run_id = a.run_id;

-- One row an agent and run: everyone who answered, failed or was missed.
CREATE VIEW v1_agents AS
SELECT r.run_id, r.spec_id, r.stage, r.timestamp, a.agent, COUNT(*) AS artifacts,
       SUM(OCTET_LENGTH(a.content))::BIGINT AS bytes,
       EXISTS (SELECT 1 FROM json_array_elements_text(r.missing_agents::JSON) m WHERE m = a.agent) AS missing
FROM consensus_runs r
JOIN agent_artifacts a ON a.run_id = r.run_id
GROUP BY r.run_id, a.agent
UNION ALL
SELECT r.run_id, r.spec_id, r.stage, r.timestamp, m, 0, 0, TRUE
FROM consensus_runs r, json_array_elements_text(r.missing_agents::JSON) m
WHERE NOT EXISTS (SELECT 1 FROM agent_artifacts a WHERE a.run_id = r.run_id AND a.agent = m);

CREATE VIEW v1_findings AS
SELECT f.run_id, r.spec_id, r.stage, r.timestamp, f.code, f.agent, f.detail
FROM run_findings f
JOIN consensus_runs r ON r.run_id = f.run_id;
