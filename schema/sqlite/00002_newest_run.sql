-- +goose Up

-- The newest run of a spec and stage is the last entry of its part of the index:
-- without the time, all runs of that spec and stage are read and sorted.
DROP INDEX idx_consensus_spec_stage;
CREATE INDEX idx_consensus_spec_stage ON consensus_runs(spec_id, stage, timestamp);
