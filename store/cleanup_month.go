package store

import (
	"context"
	"errors"
	"iter"
	"path/filepath"

	"github.com/consensusd/consensusd/store/archive"
)

// archiveRuns moves runs into a file. Those that the database does not have any
// more are left out.
func (c *cleaning) archiveRuns(ctx context.Context, file string, runs []agingRun) error {
	m := &month{cleaning: c, file: file, runs: runs, written: make(map[string]written, len(runs))}
	change := archive.Change{Keep: m.keeps(ctx), Add: m.lines(ctx), LetGo: c.letGo(ctx, file), Mode: c.store.engine.fileMode()}
	if _, err := archive.Rewrite(ctx, filepath.Join(c.archive.folder, file), change); err != nil {
		return err
	}
	Step("archived")
	for chunk := range chunks(runs) {
		if err := m.remove(ctx, chunk); err != nil {
			return err
		}
		c.step(int64(len(chunk)))
	}
	return nil
}

// A month is a file of the archive that is written anew.
type month struct {
	*cleaning
	file    string
	runs    []agingRun
	written map[string]written
}

// written is what stands in the file of a run.
type written struct {
	row   ArchivedRun
	marks marks
}

// keeps tells which of the lines in the file before are still wanted: those of
// archived runs, and those that the database knows nothing of, as after it was
// lost.
func (m *month) keeps(ctx context.Context) func(archive.Entry) (bool, error) {
	return func(e archive.Entry) (bool, error) {
		is, err := m.archive.standing(ctx, m.file, e)
		return is != entryStale, err
	}
}

// lines reads the runs, whole. One that cannot be read or written, as after
// somebody changed its rows by hand, is told of and stays where it is.
func (m *month) lines(ctx context.Context) iter.Seq2[archive.Line, error] {
	return func(yield func(archive.Line, error) bool) {
		for _, r := range m.runs {
			line, err := m.line(ctx, r.runID)
			if errors.Is(err, ErrNotFound) {
				continue
			}
			if err != nil {
				if _, dead := m.store.read().CountPin(ctx, r.runID); dead == nil {
					m.problem("archive", err)
					continue
				}
			}
			if !yield(archive.Line{RunID: r.runID, Data: line}, err) {
				return
			}
		}
	}
}

// line reads a run as a line, and remembers what it was.
func (m *month) line(ctx context.Context, runID string) ([]byte, error) {
	record, err := m.store.Whole(ctx, runID)
	if err != nil {
		return nil, err
	}
	line, err := encodeRecord(record)
	if err == nil {
		m.written[runID] = written{m.row(record, line), marksOf(record)}
	}
	return line, err
}

func (m *month) row(r Record, line []byte) ArchivedRun {
	return ArchivedRun{
		RunID: r.Run.RunID, SpecID: r.Run.SpecID, Stage: r.Run.Stage, Timestamp: r.Run.Timestamp,
		ConsensusOK: r.Run.ConsensusOK, Degraded: r.Run.Degraded, MissingAgents: r.Run.MissingAgents, Conflicts: r.Run.Conflicts,
		Agents: agentsIn(r.Artifacts), Findings: int64(len(r.Findings)), Bytes: contentBytes(r),
		State: Archived, File: m.file, SHA256: hexSum(line), ArchivedAt: m.plan.At.Unix(),
	}
}
