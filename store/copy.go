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

// A Copied is what [Copy] did, and what a look at both databases found then.
type Copied struct {
	Runs     int64     `json:"runs"`     // in the source
	Copied   int64     `json:"copied"`   // runs that the target had not
	Amended  int64     `json:"amended"`  // runs of which the target had fewer documents
	Same     int64     `json:"same"`     // runs that both have alike now
	Newer    int64     `json:"newer"`    // runs of which the target has more documents, and keeps them
	Receipts int64     `json:"receipts"` // copied, of documents that are part of no run
	Problems []Problem `json:"problems"` // runs about which the databases disagree; never null
	// Digests over all runs of the source but the newer ones, in the order of
	// their ids, as each database has them afterwards.
	SourceSHA256 string `json:"source_sha256"`
	TargetSHA256 string `json:"target_sha256"`
	Archived     int64  `json:"archived"` // runs that are in the archive or deleted, of which the target now knows
}

// Copy brings all runs and receipts of from into to, both of which may be
// recorded into meanwhile. Each run is copied whole or not at all, with its ids
// and receipts as they are, and read back. What is there already is compared
// instead, so an interrupted copy is resumed by beginning again. progress is
// called with the runs looked at and all runs of from. A run that both databases
// have, of which the target has not merely fewer documents, is left as it is;
// unless the target just has more of them, it is told of.
func Copy(ctx context.Context, from, to *Store, progress func(done, all int64)) (Copied, error) {
	c := copying{from: from, to: to, source: sha256.New(), target: sha256.New(), progress: progress}
	c.result.Problems = []Problem{}
	if to.writer == nil {
		return c.result, ErrReadOnly
	}
	err := c.runs(ctx)
	if err == nil {
		err = from.explain("copy what is archived", c.retired(ctx))
	}
	if err == nil {
		err = from.explain("copy receipts", c.receipts(ctx))
	}
	if err == nil { // what was there already was only read
		_, err = to.Confirm(ctx, c.last)
	}
	c.result.SourceSHA256, c.result.TargetSHA256 = hex.EncodeToString(c.source.Sum(nil)), hex.EncodeToString(c.target.Sum(nil))
	return c.result, err
}

type copying struct {
	from, to       *Store
	source, target hash.Hash
	progress       func(done, all int64)
	last           DocumentKey // of the last run compared
	result         Copied
}

func (c *copying) runs(ctx context.Context) error {
	all, err := c.from.read().CountRuns(ctx)
	if err != nil {
		return c.from.explain("count runs of "+c.from.Target(), err)
	}
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
	return c.from.explain("copy runs", err)
}

// page copies what the target lacks of a page, and compares the whole of it.
func (c *copying) page(ctx context.Context, p page) error {
	before, err := c.have(ctx, p)
	if err != nil {
		return err
	}
	var missing []Record
	for _, r := range p.records {
		if old, ok := before[r.Run.RunID]; !ok || hasMore(r, old) {
			missing = append(missing, r)
		}
	}
	after := before
	if len(missing) > 0 {
		if err := c.insert(ctx, missing); err != nil {
			return err
		}
		if after, err = c.have(ctx, p); err != nil {
			return err
		}
	}
	for _, r := range p.records {
		was, had := before[r.Run.RunID]
		is, has := after[r.Run.RunID]
		switch {
		case !had && has:
			c.result.Copied++
		case had && len(is.Receipts) > len(was.Receipts):
			c.result.Amended++
		}
		c.compare(r, is, has)
	}
	return nil
}

// have returns the runs of a page that are in the target, by id.
func (c *copying) have(ctx context.Context, p page) (map[string]Record, error) {
	have, err := c.to.counterparts(ctx, p)
	return have, c.to.explain("read "+c.to.Target(), err)
}

// compare counts a run of the source and what the target has of it, if it has.
func (c *copying) compare(r, there Record, has bool) {
	source, target := digestible(r), digestible(there)
	for _, d := range there.Receipts {
		c.last = DocumentKey{d.SHA256, d.Identity}
	}
	switch {
	case has && source == target:
		c.result.Same++
	case has && hasMore(there, r):
		c.result.Newer++
		return
	case has:
		c.result.Problems = append(c.result.Problems, Problem{"run_differs", "run", r.Run.RunID, "the databases disagree about this run: compare what consensusd show says of each"})
	}
	c.source.Write([]byte(source))
	if has {
		c.target.Write([]byte(target))
	}
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

// hasMore reports whether r was made from all the documents that old was, and
// from others.
func hasMore(r, old Record) bool { return hasDocuments(r, old) && !hasDocuments(old, r) }

// insert records the runs of a page, over as many connections as the target
// records over.
func (c *copying) insert(ctx context.Context, records []Record) error {
	writers := min(c.to.writer.Stats().MaxOpenConnections, maxWriters)
	parts := slices.Collect(slices.Chunk(records, (len(records)+writers-1)/writers))
	refused := make([][]Problem, len(parts))
	group, ctx := errgroup.WithContext(ctx)
	for i, part := range parts {
		group.Go(func() (err error) {
			refused[i], err = c.to.restoreEach(ctx, part)
			return err
		})
	}
	err := group.Wait()
	c.result.Problems = append(c.result.Problems, slices.Concat(refused...)...)
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
				if what := unstorable(Record{Receipts: []Receipt{r}}); what != "" {
					return fmt.Errorf("%s holds a NUL character or is no UTF-8", what)
				}
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
