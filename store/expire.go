package store

import (
	"bufio"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
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

// expire notes in the database that runs are deleted. Their records go with the
// next [cleaning.sweep]; not a run whose file is damaged expires.
func (c *cleaning) expire(ctx context.Context) error {
	var expired []sqlite.ExpireRunParams
	for _, r := range c.plan.expired {
		if !c.damaged[r.File] {
			expired = append(expired, sqlite.ExpireRunParams{RunID: r.RunID, File: r.File, SHA256: r.SHA256})
		}
	}
	for runs := range slices.Chunk(expired, planPage) {
		n, err := c.store.expireRuns(ctx, runs)
		if err != nil {
			return err
		}
		c.result.Deleted += n
		c.step(int64(len(runs)))
	}
	if len(expired) > 0 {
		Step("expired")
	}
	return nil
}

// expireRuns notes in one transaction that runs are deleted, but for those that
// have left this record since.
func (s *Store) expireRuns(ctx context.Context, runs []sqlite.ExpireRunParams) (n int64, err error) {
	err = s.update(ctx, func(ctx context.Context, _ *sql.Tx, q sqlite.Querier) error {
		n = 0 // it may be called again
		for _, r := range runs {
			changed, err := q.ExpireRun(ctx, r)
			if err != nil {
				return err
			}
			n += changed
		}
		return nil
	})
	return n, err
}

// A wantedError reports that a file was to be replaced by one without a record
// that the database says is in it.
type wantedError struct{ file, runID string }

func (e *wantedError) Error() string {
	return fmt.Sprintf("archive file %s is left as it is: it would have lost run %s; clean up again, and tell the program's authors if this comes back", e.file, e.runID)
}

// letGo is asked before a file is replaced by one without the entries gone. It
// refuses when the database relies on one of them, and sees to it that those of
// deleted runs are in deleted.jsonl by then.
func (c *cleaning) letGo(ctx context.Context, file string) func(gone []archive.Entry) error {
	return func(gone []archive.Entry) error {
		var deletions []ArchivedRun
		for _, e := range gone {
			row, err := c.store.read().GetArchivedRun(ctx, e.RunID)
			switch {
			case errors.Is(err, sql.ErrNoRows):
			case err != nil:
				return err
			case row.File != file || row.SHA256 != e.SHA256:
			case row.State == Deleted:
				deletions = append(deletions, row)
			default:
				return &wantedError{file, e.RunID}
			}
		}
		if len(deletions) > 0 {
			if err := c.archive.noteDeleted(deletions, c.plan.At); err != nil {
				return fmt.Errorf("note what is deleted: %w", err)
			}
			Step("noted")
		}
		Step("rewritten")
		return nil
	}
}

// noteDeleted appends a line for each run that has none yet, and makes them
// durable.
func (a *Archive) noteDeleted(runs []ArchivedRun, at time.Time) error {
	path := filepath.Join(a.folder, deletedFile)
	noted, whole, err := notedIn(path)
	if err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, a.store.engine.fileMode())
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
	for _, r := range runs {
		if noted[r.RunID+" "+r.SHA256] {
			continue
		}
		line, err := json.Marshal(deletion{r.RunID, r.SpecID, r.Stage, Time(r.Timestamp), r.SHA256, at})
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
	return archive.SyncFolder(a.folder)
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

func hexSum(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
