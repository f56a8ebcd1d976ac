package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"fmt"
	"hash"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"golang.org/x/sync/errgroup"

	"github.com/consensusd/consensusd/dbgen/sqlite"
)

// A Copied is what [Copy] did, and what its last look at both databases found.
type Copied struct {
	Runs     int64     `json:"runs"`     // in the source
	Copied   int64     `json:"copied"`   // runs that the target had not
	Amended  int64     `json:"amended"`  // runs that the target had less of
	Same     int64     `json:"same"`     // runs that both have alike now
	Newer    int64     `json:"newer"`    // runs that the target has more of, and keeps so
	Receipts int64     `json:"receipts"` // copied, of documents that are part of no run
	Problems []Problem `json:"problems"` // runs of which each database says what the other does not; never null
	// Digests over the runs that both have alike, in the order of their ids.
	SourceSHA256 string `json:"source_sha256"`
	TargetSHA256 string `json:"target_sha256"`
}

// maxPasses bounds how often runs that are recorded meanwhile are gone after.
const maxPasses = 5

// Copy brings all runs and receipts of from into to, both of which may be
// recorded into meanwhile. Each run is copied whole or not at all, with its ids
// and receipts as they are. What is there already is compared instead, so an
// interrupted copy is resumed by beginning again, and what was copied is read
// back from both databases at the end. progress is called with the runs looked at
// and all runs of from. A run of which both databases hold documents that the
// other has not is left as it is, and told of.
func Copy(ctx context.Context, from, to *Store, progress func(done, all int64)) (Copied, error) {
	var total Copied
	if to.writer == nil {
		return total, ErrReadOnly
	}
	tried := map[string]bool{}
	for n := 1; ; n++ {
		c := copying{from: from, to: to, source: sha256.New(), target: sha256.New(), progress: progress, tried: tried}
		if err := c.pass(ctx); err != nil {
			return total, err
		}
		moved := c.result.Copied + c.result.Amended + c.result.Receipts
		c.result.Copied += total.Copied
		c.result.Amended += total.Amended
		c.result.Receipts += total.Receipts
		if total = c.result; moved == 0 || n == maxPasses {
			return total, nil
		}
	}
}

// A copying is one pass over all that is to be copied.
type copying struct {
	from, to       *Store
	source, target hash.Hash
	progress       func(done, all int64)
	tried          map[string]bool // runs that an earlier look found different, and amended
	result         Copied
}

func (c *copying) pass(ctx context.Context) error {
	all, err := c.from.read().CountRuns(ctx)
	if err != nil {
		return c.from.explain("count runs of "+c.from.Target(), err)
	}
	c.result.Problems = []Problem{}
	err = c.from.eachPage(ctx, func(p page) error {
		if err := c.page(ctx, p); err != nil {
			return err
		}
		c.result.Runs += int64(len(p.records))
		if c.progress != nil {
			c.progress(c.result.Runs, max(c.result.Runs, all.Runs))
		}
		return nil
	})
	if err != nil {
		return c.from.explain("copy runs", err)
	}
	if err := c.receipts(ctx); err != nil {
		return c.from.explain("copy receipts", err)
	}
	c.result.SourceSHA256, c.result.TargetSHA256 = hex.EncodeToString(c.source.Sum(nil)), hex.EncodeToString(c.target.Sum(nil))
	return nil
}

// page compares one page with what the target has of it, and copies the rest.
func (c *copying) page(ctx context.Context, p page) error {
	there, err := c.to.between(ctx, p.after, p.until)
	if err != nil {
		return c.to.explain("read "+c.to.Target(), err)
	}
	have := make(map[string]Record, len(there))
	for _, r := range there {
		have[r.Run.RunID] = r
	}
	var missing []Record
	for _, r := range p.records {
		old, ok := have[r.Run.RunID]
		if !ok {
			missing = append(missing, r)
			continue
		}
		switch source, target := digestible(r), digestible(old); {
		case source == target:
			c.result.Same++
			c.source.Write([]byte(source))
			c.target.Write([]byte(target))
		case len(r.Receipts) > 0 && hasDocuments(r, old) && !c.tried[r.Run.RunID]:
			c.tried[r.Run.RunID] = hasDocuments(old, r) // else more of its documents may come yet
			missing = append(missing, r)
		case len(old.Receipts) > len(r.Receipts) && hasDocuments(old, r):
			c.result.Newer++
		default:
			c.result.Problems = append(c.result.Problems, Problem{"run", r.Run.RunID, "the databases disagree about this run: compare what consensusd show says of each"})
		}
	}
	return c.insert(ctx, missing)
}

// digestible returns a record as text in which all that counts is told, and
// nothing of how often, when and from where its documents came.
func digestible(r Record) string {
	r.Receipts = slices.Clone(r.Receipts)
	for i := range r.Receipts {
		c := &r.Receipts[i]
		c.Path, c.Attempts, c.FirstSeen, c.SettledAt = "", 0, 0, 0
	}
	slices.SortFunc(r.Receipts, compareReceipts)
	b, err := json.Marshal(r, jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true), json.Deterministic(true))
	if err != nil {
		return fmt.Sprintf("%#v", r) // metadata that is no JSON
	}
	return string(b)
}

// hasDocuments reports whether r was made from all the documents that old was.
func hasDocuments(r, old Record) bool {
	return !slices.ContainsFunc(old.Receipts, func(o Receipt) bool {
		return !slices.ContainsFunc(r.Receipts, func(c Receipt) bool { return compareReceipts(o, c) == 0 })
	})
}

// insert records the runs of a page, over as many connections as the target
// records over.
func (c *copying) insert(ctx context.Context, records []Record) error {
	if len(records) == 0 {
		return nil
	}
	writers := min(c.to.writer.Stats().MaxOpenConnections, maxWriters)
	parts := slices.Collect(slices.Chunk(records, (len(records)+writers-1)/writers))
	done := make([]restored, len(parts))
	group, ctx := errgroup.WithContext(ctx)
	for i, part := range parts {
		group.Go(func() (err error) {
			done[i], err = c.to.restoreEach(ctx, part)
			return err
		})
	}
	err := group.Wait()
	for _, r := range done {
		c.result.Copied += r.recorded
		c.result.Amended += r.amended
		c.result.Problems = append(c.result.Problems, r.problems...)
	}
	return err
}

// maxWriters is how many transactions a page is divided into at most: more make
// a server with few cores no faster.
const maxWriters = 4

// receipts copies those of documents that are part of no run.
func (c *copying) receipts(ctx context.Context) error {
	for after := (sqlite.ListReceiptsWithoutRunParams{PageSize: pageRuns}); ; {
		receipts, err := c.from.read().ListReceiptsWithoutRun(ctx, after)
		if err != nil || len(receipts) == 0 {
			return err
		}
		var copied int64
		err = c.to.update(ctx, func(ctx context.Context, _ *sql.Tx, q sqlite.Querier) error {
			copied = 0
			for _, r := range receipts {
				n, err := q.CopyReceipt(ctx, sqlite.CopyReceiptParams(r))
				if err != nil {
					return err
				}
				copied += n
			}
			return nil
		})
		if err != nil {
			return err
		}
		c.result.Receipts += copied
		last := receipts[len(receipts)-1]
		after.SHA256, after.Identity = last.SHA256, last.Identity
	}
}
