package store

import (
	"bufio"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/consensusd/consensusd/dbgen/sqlite"
	"github.com/consensusd/consensusd/store/archive"
)

// A deletion is a line of deleted.jsonl: what is left of a run outside of the
// database.
type deletion struct {
	RunID     string    `json:"run_id"`
	SpecID    string    `json:"spec_id"`
	Stage     string    `json:"stage"`
	Timestamp time.Time `json:"timestamp"`
	SHA256    string    `json:"sha256"` // of its record
	DeletedAt time.Time `json:"deleted_at"`
}

// deletedFile is the file in the archive that lists what was deleted from it.
const deletedFile = "deleted.jsonl"

// expire notes that runs are deleted, first in deleted.jsonl, and then in the
// database. Their records go with the next [cleaning.sweep].
func (c *cleaning) expire(ctx context.Context) error {
	if len(c.plan.expired) == 0 {
		return nil
	}
	if err := c.noteDeleted(); err != nil {
		return err
	}
	Step("noted")
	for runs := range slices.Chunk(c.plan.expired, planPage) {
		var n int64
		err := c.store.update(ctx, func(ctx context.Context, _ *sql.Tx, q sqlite.Querier) error {
			n = 0
			for _, r := range runs {
				changed, err := q.ExpireRun(ctx, r.RunID)
				if err != nil {
					return err
				}
				n += changed
			}
			return nil
		})
		if err != nil {
			return err
		}
		c.result.Deleted += n
		c.step(int64(len(runs)))
	}
	Step("expired")
	return nil
}

// noteDeleted appends a line for each expired run that has none yet, and makes
// them durable.
func (c *cleaning) noteDeleted() error {
	path := filepath.Join(c.archive.folder, deletedFile)
	noted, whole, err := notedIn(path)
	if err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	defer file.Close()
	if err := file.Truncate(whole); err != nil { // what an interruption left of a line
		return err
	}
	if _, err := file.Seek(whole, io.SeekStart); err != nil {
		return err
	}
	w := bufio.NewWriter(file)
	for _, r := range c.plan.expired {
		if noted[r.RunID+" "+r.SHA256] {
			continue
		}
		line, err := json.Marshal(deletion{r.RunID, r.SpecID, r.Stage, Time(r.Timestamp), r.SHA256, c.plan.At})
		if err != nil {
			return err
		}
		w.Write(append(line, '\n'))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if err := file.Sync(); err != nil {
		return err
	}
	return archive.SyncFolder(c.archive.folder)
}

// notedIn returns which records the file lists, and the length of its whole
// lines.
func notedIn(path string) (noted map[string]bool, whole int64, err error) {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, err
	}
	defer file.Close()
	noted = map[string]bool{}
	for r := bufio.NewReader(file); ; {
		line, err := r.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return noted, whole, nil
		}
		if err != nil {
			return nil, 0, err
		}
		var d deletion
		if json.Unmarshal(line, &d) == nil {
			noted[d.RunID+" "+d.SHA256] = true
		}
		whole += int64(len(line))
	}
}

// sweep rewrites the files that hold records which are not wanted any more, of
// deleted and restored runs and of an interrupted cleanup, and lists the runs
// again that the database has forgotten.
func (c *cleaning) sweep(ctx context.Context) error {
	names, err := c.archive.files()
	if err != nil {
		return err
	}
	c.result.Archive = 0
	for _, name := range names {
		if err := c.sweepFile(ctx, name); err != nil {
			return err
		}
		if info, err := os.Stat(filepath.Join(c.archive.folder, name)); err == nil {
			c.result.Archive += info.Size()
		}
	}
	return nil
}

func (c *cleaning) sweepFile(ctx context.Context, name string) error {
	f, err := c.archive.open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	stale := map[string]bool{}
	for _, e := range f.Manifest.Entries {
		is, err := c.archive.isStale(ctx, name, e)
		if err != nil {
			return err
		}
		if is {
			stale[e.RunID] = true
			continue
		}
		if err := c.adopt(ctx, f, name, e); err != nil {
			return err
		}
	}
	if len(stale) == 0 {
		return nil
	}
	none := func(func(archive.Line, error) bool) {}
	_, err = archive.Rewrite(ctx, filepath.Join(c.archive.folder, name), func(e archive.Entry) bool { return !stale[e.RunID] }, none)
	Step("swept")
	return err
}

// isStale reports whether an entry of a file is not wanted any more.
func (a *Archive) isStale(ctx context.Context, name string, e archive.Entry) (bool, error) {
	row, err := a.store.read().GetArchivedRun(ctx, e.RunID)
	if err == nil {
		return row.State == Deleted || row.File != name || row.SHA256 != e.SHA256, nil
	}
	if !errors.Is(err, sql.ErrNoRows) {
		return false, err
	}
	_, err = a.store.read().GetRun(ctx, e.RunID) // restored, or not removed yet
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

// adopt lists the run of an entry that the database knows nothing of.
func (c *cleaning) adopt(ctx context.Context, f *archive.File, name string, e archive.Entry) error {
	_, err := c.store.read().GetArchivedRun(ctx, e.RunID)
	if !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	line, err := f.Line(e.RunID)
	if err != nil {
		return err
	}
	r, err := decodeRecord(line)
	if err != nil {
		return err
	}
	m := &month{cleaning: c, file: name}
	row := m.row(r, line)
	return c.store.update(ctx, func(ctx context.Context, _ *sql.Tx, q sqlite.Querier) error {
		_, err := q.InsertArchivedRun(ctx, sqlite.InsertArchivedRunParams(row))
		return err
	})
}

func hexSum(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
