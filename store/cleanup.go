package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/gofrs/flock"

	"github.com/consensusd/consensusd/dbgen/sqlite"
	"github.com/consensusd/consensusd/store/archive"
)

// ErrCleaning reports that another cleanup of the archive is under way.
var ErrCleaning = errors.New("another cleanup is under way")

// A Cleaned says what a cleanup did.
type Cleaned struct {
	Archived int64 `json:"archived"`      // runs that left the tables of runs
	Deleted  int64 `json:"deleted"`       // runs that left the archive
	Changed  int64 `json:"changed"`       // runs that were amended, pinned or restored meanwhile, and stay
	Content  int64 `json:"content_bytes"` // of the archived runs
	Archive  int64 `json:"archive_bytes"` // of the archive's files now
	Before   int64 `json:"database_bytes_before"`
	After    int64 `json:"database_bytes_after"`
}

// rewriteRuns is how many runs are added to a file at a time: what is known of
// each is kept until its rows are deleted.
const rewriteRuns = 5000

// Bounds of a transaction that deletes rows: writers wait for it.
const (
	removeRuns  = 16
	removeBytes = 1 << 20
)

// Cleanup does what plan says. Runs are written to the archive, and that is made
// durable, read back and verified, before their rows are deleted, in transactions
// of few runs each, from which a run is left out that was amended or pinned
// meanwhile. Then what has expired is deleted from the archive, and the disk
// space is given back. Interrupted anywhere, nothing is lost or doubled, and the
// next cleanup goes on. One at a time cleans: the error is [ErrCleaning] else.
// progress is called with runs dealt with and of all.
func (a *Archive) Cleanup(ctx context.Context, plan *Plan, progress func(done, all int64)) (Cleaned, error) {
	c := &cleaning{archive: a, store: a.store, plan: plan, progress: progress}
	if a.store.writer == nil {
		return c.result, ErrReadOnly
	}
	release, err := a.lock()
	if err != nil {
		return c.result, err
	}
	defer release()
	return c.result, a.store.explain("clean up", c.run(ctx))
}

// lock keeps other processes from rewriting the archive.
func (a *Archive) lock() (release func() error, err error) {
	if err := os.MkdirAll(a.folder, 0o755); err != nil {
		return nil, err
	}
	l := flock.New(filepath.Join(a.folder, ".lock"))
	ok, err := l.TryLock()
	if err != nil {
		return nil, fmt.Errorf("lock archive %s: %w", a.folder, err)
	}
	if !ok {
		return nil, fmt.Errorf("archive %s: %w", a.folder, ErrCleaning)
	}
	return l.Unlock, nil
}

// A cleaning is one cleanup under way.
type cleaning struct {
	archive  *Archive
	store    *Store
	plan     *Plan
	result   Cleaned
	done     int64
	progress func(done, all int64)
}

func (c *cleaning) step(n int64) {
	c.done += n
	if c.progress != nil {
		c.progress(c.done, c.plan.Archive.Runs+c.plan.Delete.Runs)
	}
}

func (c *cleaning) run(ctx context.Context) (err error) {
	if c.result.Before, err = c.store.engine.bytes(ctx, c.store.reader); err != nil {
		return err
	}
	months := map[string][]agingRun{}
	for _, r := range c.plan.aging {
		months[r.file()] = append(months[r.file()], r)
	}
	for _, file := range slices.Sorted(maps.Keys(months)) {
		for runs := range slices.Chunk(months[file], rewriteRuns) {
			if err := c.archiveRuns(ctx, file, runs); err != nil {
				return err
			}
		}
	}
	if err := c.expire(ctx); err != nil {
		return err
	}
	if err := c.sweep(ctx); err != nil {
		return err
	}
	if err := c.store.engine.reclaim(ctx, c.store.writer); err != nil {
		return fmt.Errorf("give disk space back: %w", err)
	}
	c.result.After, err = c.store.engine.bytes(ctx, c.store.reader)
	return err
}

// archiveRuns moves runs into a file. Those that the database does not have any
// more are left out.
func (c *cleaning) archiveRuns(ctx context.Context, file string, runs []agingRun) error {
	m := &month{cleaning: c, file: file, runs: runs, written: make(map[string]written, len(runs))}
	for _, r := range runs {
		m.written[r.runID] = written{}
	}
	if _, err := archive.Rewrite(ctx, filepath.Join(c.archive.folder, file), m.keeps(ctx), m.lines(ctx)); err != nil {
		return err
	}
	if m.err != nil {
		return m.err
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
	err     error // why it could not be told what to keep
}

// written is what stands in the file of a run.
type written struct {
	row   ArchivedRun
	marks marks
}

// keeps tells which of the lines in the file before are still wanted: those of
// archived runs, and those that the database knows nothing of, as after it was
// lost.
func (m *month) keeps(ctx context.Context) func(archive.Entry) bool {
	return func(e archive.Entry) bool {
		if _, anew := m.written[e.RunID]; anew || m.err != nil {
			return m.err != nil
		}
		var stale bool
		stale, m.err = m.archive.isStale(ctx, m.file, e)
		return !stale
	}
}

// lines reads the runs, whole.
func (m *month) lines(ctx context.Context) iter.Seq2[archive.Line, error] {
	return func(yield func(archive.Line, error) bool) {
		if m.err != nil {
			yield(archive.Line{}, m.err)
			return
		}
		for _, r := range m.runs {
			record, err := m.store.Whole(ctx, r.runID)
			if errors.Is(err, ErrNotFound) {
				continue
			}
			var line []byte
			if err == nil {
				line, err = encodeRecord(record)
			}
			if err == nil {
				m.written[r.runID] = written{m.row(record, line), marksOf(record)}
			}
			if !yield(archive.Line{RunID: r.runID, Data: line}, err) {
				return
			}
		}
	}
}

func (m *month) row(r Record, line []byte) ArchivedRun {
	return ArchivedRun{
		RunID: r.Run.RunID, SpecID: r.Run.SpecID, Stage: r.Run.Stage, Timestamp: r.Run.Timestamp,
		ConsensusOK: r.Run.ConsensusOK, Degraded: r.Run.Degraded, MissingAgents: r.Run.MissingAgents, Conflicts: r.Run.Conflicts,
		Agents: agentsIn(r.Artifacts), Findings: int64(len(r.Findings)), Bytes: contentBytes(r),
		State: Archived, File: m.file, SHA256: hexSum(line), ArchivedAt: m.plan.At.Unix(),
	}
}

// chunks cuts runs into what one transaction deletes.
func chunks(runs []agingRun) iter.Seq[[]agingRun] {
	return func(yield func([]agingRun) bool) {
		for len(runs) > 0 {
			n, bytes := 1, runs[0].bytes
			for n < len(runs) && n < removeRuns && bytes+runs[n].bytes <= removeBytes {
				bytes += runs[n].bytes
				n++
			}
			if !yield(runs[:n]) {
				return
			}
			runs = runs[n:]
		}
	}
}

// remove deletes the rows of runs that are still what stands in the file.
func (m *month) remove(ctx context.Context, runs []agingRun) error {
	var removed, changed, bytes int64
	err := m.store.update(ctx, func(ctx context.Context, _ *sql.Tx, q sqlite.Querier) error {
		removed, changed, bytes = 0, 0, 0 // it may be called again
		for _, r := range runs {
			w := m.written[r.runID]
			ok, err := removeRun(ctx, q, w)
			switch {
			case err != nil:
				return fmt.Errorf("run %s: %w", r.runID, err)
			case ok:
				removed++
				bytes += w.row.Bytes
			default:
				changed++
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	m.result.Archived += removed
	m.result.Changed += changed
	m.result.Content += bytes
	return nil
}

// removeRun deletes the rows of a run, unless it has changed or is pinned.
func removeRun(ctx context.Context, q sqlite.Querier, w written) (ok bool, err error) {
	if w.row.RunID == "" {
		return false, nil // it was gone when it was to be read
	}
	run, err := q.LockRun(ctx, w.row.RunID)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	now := marks{run: run}
	if now.artifacts, err = q.ListArtifactMarks(ctx, run.RunID); err != nil {
		return false, err
	}
	if now.syntheses, err = q.ListSynthesisMarks(ctx, run.RunID); err != nil {
		return false, err
	}
	if now.findings, err = q.ListFindings(ctx, run.RunID); err != nil {
		return false, err
	}
	pins, err := q.CountPin(ctx, run.RunID)
	if err != nil || pins > 0 || !now.equal(w.marks) {
		return false, err
	}
	if n, err := q.InsertArchivedRun(ctx, sqlite.InsertArchivedRunParams(w.row)); err != nil || n == 0 {
		return false, err
	}
	return true, deleteRun(ctx, q, run.RunID)
}

func deleteRun(ctx context.Context, q sqlite.Querier, runID string) error {
	for _, rows := range []func(context.Context, string) (int64, error){q.DeleteFindings, q.DeleteArtifacts, q.DeleteSyntheses, q.DeleteRun} {
		if _, err := rows(ctx, runID); err != nil {
			return err
		}
	}
	return nil
}
