-- +goose Up

-- One consensus run: several agents answered one stage of one spec.
-- The first three tables and their four indexes are the public interface for
-- plain SQL; their names, columns and types never change.
CREATE TABLE consensus_runs (
    run_id         TEXT PRIMARY KEY,
    spec_id        TEXT NOT NULL,
    stage          TEXT NOT NULL,
    timestamp      INTEGER NOT NULL, -- Unix seconds, UTC
    consensus_ok   BOOLEAN,
    degraded       BOOLEAN,
    missing_agents TEXT,             -- JSON array of strings, '[]' when none
    conflicts      TEXT              -- JSON array of strings, '[]' when none
);

-- What one agent answered. A failed agent has an artifact too: its stub as
-- content, or '' where there is none, and metadata.error.
CREATE TABLE agent_artifacts (
    artifact_id TEXT PRIMARY KEY,
    run_id      TEXT NOT NULL,
    agent       TEXT NOT NULL,
    content     TEXT NOT NULL,
    metadata    TEXT,    -- JSON object
    created_at  INTEGER, -- Unix seconds, UTC
    FOREIGN KEY (run_id) REFERENCES consensus_runs(run_id)
);

CREATE TABLE synthesis_results (
    synthesis_id        TEXT PRIMARY KEY,
    run_id              TEXT NOT NULL,
    synthesized_content TEXT NOT NULL,
    consensus_verdict   TEXT,    -- 'unanimous' | 'degraded' | 'failed'
    metadata            TEXT,    -- JSON object; reported: what the run said of itself
    created_at          INTEGER, -- Unix seconds, UTC
    FOREIGN KEY (run_id) REFERENCES consensus_runs(run_id)
);

CREATE INDEX idx_consensus_spec_stage ON consensus_runs(spec_id, stage);
CREATE INDEX idx_consensus_timestamp ON consensus_runs(timestamp);
CREATE INDEX idx_artifacts_run ON agent_artifacts(run_id);
CREATE INDEX idx_synthesis_run ON synthesis_results(run_id);

-- What the judge noticed about a run; the codes are listed in docs/judging.md.
CREATE TABLE run_findings (
    run_id TEXT NOT NULL,
    code   TEXT NOT NULL,
    agent  TEXT NOT NULL, -- '' when it concerns the whole run
    detail TEXT NOT NULL, -- at most 300 characters
    PRIMARY KEY (run_id, code, agent, detail),
    FOREIGN KEY (run_id) REFERENCES consensus_runs(run_id)
) WITHOUT ROWID;

-- What became of every document ever seen, written in the transaction that
-- recorded it. A document is its bytes together with what its name and folder
-- add to them: the same placeholder synthesis under two runs' names is two
-- documents. Outlives the run, hence no foreign key.
CREATE TABLE receipts (
    sha256     TEXT NOT NULL,    -- of the file's bytes, lower-case hex
    identity   TEXT NOT NULL,    -- what name and folder say that the bytes do not; '' when nothing
    path       TEXT NOT NULL,    -- below the inbox or the folder read in place
    bytes      INTEGER NOT NULL, -- size of the file
    kind       TEXT NOT NULL,    -- what the document is: run, answer, synthesis, metrics, …
    state      TEXT NOT NULL,    -- 'recorded' | 'amended' | 'rejected'
    run_id     TEXT NOT NULL,    -- '' when rejected
    reason     TEXT NOT NULL,    -- why it was rejected, or warnings; '' when none
    report     TEXT NOT NULL,    -- JSON object: what the document said about its run beside its answers
    attempts   INTEGER NOT NULL, -- how often it was tried
    first_seen INTEGER NOT NULL, -- Unix seconds, UTC
    settled_at INTEGER NOT NULL, -- Unix seconds, UTC: when its fate was committed
    PRIMARY KEY (sha256, identity)
) WITHOUT ROWID;

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
       LENGTH(CAST(a.content AS BLOB)) AS bytes, a.metadata, a.created_at
FROM agent_artifacts a
JOIN consensus_runs r ON r.run_id = a.run_id;

-- One row an agent and run: everyone who answered, failed or was missed.
CREATE VIEW v1_agents AS
SELECT r.run_id, r.spec_id, r.stage, r.timestamp, a.agent, COUNT(*) AS artifacts,
       SUM(LENGTH(CAST(a.content AS BLOB))) AS bytes,
       EXISTS (SELECT 1 FROM json_each(r.missing_agents) m WHERE m.value = a.agent) AS missing
FROM consensus_runs r
JOIN agent_artifacts a ON a.run_id = r.run_id
GROUP BY r.run_id, a.agent
UNION ALL
SELECT r.run_id, r.spec_id, r.stage, r.timestamp, m.value, 0, 0, 1
FROM consensus_runs r, json_each(r.missing_agents) m
WHERE NOT EXISTS (SELECT 1 FROM agent_artifacts a WHERE a.run_id = r.run_id AND a.agent = m.value);

CREATE VIEW v1_findings AS
SELECT f.run_id, r.spec_id, r.stage, r.timestamp, f.code, f.agent, f.detail
FROM run_findings f
JOIN consensus_runs r ON r.run_id = f.run_id;
