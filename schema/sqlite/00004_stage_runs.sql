-- +goose Up

-- The runs of a spec's stage are listed from the index alone, in their order:
-- without the id, each row of the table is read for it, and those of a second sorted.
DROP INDEX idx_consensus_spec_stage;
CREATE INDEX idx_consensus_spec_stage ON consensus_runs(spec_id, stage, timestamp, run_id);
