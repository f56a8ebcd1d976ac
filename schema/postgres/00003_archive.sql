-- +goose Up

-- The runs that retention took out of the tables of runs. Their records are in
-- files of the archive, until they are deleted from there. A row stays for good:
-- what comes for such a run later does not begin it anew.
CREATE TABLE archived_runs (
    run_id         TEXT COLLATE "C" PRIMARY KEY,
    spec_id        TEXT COLLATE "C" NOT NULL,
    stage          TEXT COLLATE "C" NOT NULL,
    timestamp      BIGINT NOT NULL,  -- Unix seconds, UTC
    consensus_ok   BOOLEAN NOT NULL,
    degraded       BOOLEAN NOT NULL,
    missing_agents TEXT NOT NULL,     -- JSON array of strings
    conflicts      TEXT NOT NULL,     -- JSON array of strings; '[]' when deleted
    agents         TEXT NOT NULL,     -- JSON array of strings: who has an artifact
    findings       BIGINT NOT NULL,  -- how many
    bytes          BIGINT NOT NULL,  -- of its answers and syntheses
    state          TEXT NOT NULL,     -- 'archived' | 'deleted'
    file           TEXT NOT NULL,     -- its name in archive/
    sha256         TEXT NOT NULL,     -- of its record there, lower-case hex
    archived_at    BIGINT NOT NULL   -- Unix seconds, UTC
);

CREATE INDEX idx_archived_spec_stage ON archived_runs(spec_id, stage, timestamp);
CREATE INDEX idx_archived_timestamp ON archived_runs(timestamp);

-- Runs that retention leaves alone.
CREATE TABLE pinned_runs (
    run_id    TEXT COLLATE "C" PRIMARY KEY,
    pinned_at BIGINT NOT NULL -- Unix seconds, UTC
);
