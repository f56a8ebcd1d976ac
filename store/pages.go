package store

import (
	"context"
	"database/sql"

	"github.com/consensusd/consensusd/dbgen/sqlite"
)

// Bounds of a page of whole runs. Those answers alone that are larger take more.
const (
	pageRuns  = 200
	pageBytes = 8 << 20
)

// A page is a part of all runs, in the order of their ids.
type page struct {
	after, until string // the runs in it are those after the first id, up to the second
	records      []Record
}

// eachPage calls visit with all runs whole, a page at a time, each page as of
// one moment. Runs recorded meanwhile may be missed, none is visited twice.
func (s *Store) eachPage(ctx context.Context, visit func(page) error) error {
	return s.eachReadable(ctx, visit, nil)
}

// eachReadable is eachPage, which gives the runs that cannot be read to skip and
// goes on, unless that is nil. A page with one of them is read run by run.
func (s *Store) eachReadable(ctx context.Context, visit func(page) error, skip func(runID string, why error)) error {
	most := pageRuns
	for after, alone := "", ""; ; {
		until, err := s.pageEnd(ctx, after, most)
		if err != nil || until == "" {
			return err
		}
		records, err := s.between(ctx, after, until)
		switch {
		case isDamage(err) && skip != nil && most > 1:
			most, alone = 1, until
			continue
		case isDamage(err) && skip != nil:
			skip(until, err)
		case err != nil:
			return err
		default:
			if err := visit(page{after, until, records}); err != nil {
				return err
			}
		}
		if after = until; after >= alone {
			most = pageRuns
		}
	}
}

// pageEnd returns the last id of the page of so many runs after an id, "" when
// there is none.
func (s *Store) pageEnd(ctx context.Context, after string, most int) (until string, err error) {
	sizes, err := s.read().ListRunSizes(ctx, sqlite.ListRunSizesParams{After: after, PageSize: int64(most)})
	var bytes int64
	for _, r := range sizes {
		if bytes += r.Bytes; until != "" && bytes > pageBytes {
			break
		}
		until = r.RunID
	}
	return until, err
}

// between returns the runs after one id, up to and with another, whole.
func (s *Store) between(ctx context.Context, after, until string) ([]Record, error) {
	tx, err := s.reader.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelSnapshot, ReadOnly: true})
	if err != nil {
		return nil, err
	}
	defer tx.Rollback()
	q := s.engine.read(tx)
	runs, err := q.ListRunsBetween(ctx, sqlite.ListRunsBetweenParams{After: after, Until: until})
	if err != nil {
		return nil, err
	}
	page := make(map[string]*Record, len(runs))
	records := make([]Record, len(runs))
	for i, r := range runs {
		records[i].Run = r
		page[r.RunID] = &records[i]
	}
	artifacts, err := q.ListArtifactsBetween(ctx, sqlite.ListArtifactsBetweenParams{After: after, Until: until})
	if err != nil {
		return nil, err
	}
	syntheses, err := q.ListSynthesesBetween(ctx, sqlite.ListSynthesesBetweenParams{After: after, Until: until})
	if err != nil {
		return nil, err
	}
	findings, err := q.ListFindingsBetween(ctx, sqlite.ListFindingsBetweenParams{After: after, Until: until})
	if err != nil {
		return nil, err
	}
	receipts, err := q.ListReceiptsBetween(ctx, sqlite.ListReceiptsBetweenParams{After: after, Until: until})
	if err != nil {
		return nil, err
	}
	distribute(artifacts, page, func(a Artifact) string { return a.RunID }, func(r *Record) *[]Artifact { return &r.Artifacts })
	distribute(syntheses, page, func(y Synthesis) string { return y.RunID }, func(r *Record) *[]Synthesis { return &r.Syntheses })
	distribute(findings, page, func(f Finding) string { return f.RunID }, func(r *Record) *[]Finding { return &r.Findings })
	distribute(receipts, page, func(c Receipt) string { return c.RunID }, func(r *Record) *[]Receipt { return &r.Receipts })
	return records, nil
}

// distribute gives every row to its run. One whose run is not there is left out:
// a receipt outlives its run.
func distribute[Row any](rows []Row, page map[string]*Record, runID func(Row) string, of func(*Record) *[]Row) {
	for _, row := range rows {
		if r := page[runID(row)]; r != nil {
			list := of(r)
			*list = append(*list, row)
		}
	}
}

// counterparts returns the runs of another database's page that are in this one,
// by id. They are read in pages of their own: there may be many more between the
// same ids.
func (s *Store) counterparts(ctx context.Context, p page) (map[string]Record, error) {
	wanted := make(map[string]bool, len(p.records))
	for _, r := range p.records {
		wanted[r.Run.RunID] = true
	}
	have := make(map[string]Record, len(p.records))
	for after := p.after; after < p.until; {
		until, err := s.pageEnd(ctx, after, pageRuns)
		if err != nil || until == "" {
			return have, err
		}
		until = min(until, p.until)
		records, err := s.between(ctx, after, until)
		if err != nil {
			return have, err
		}
		for _, r := range records {
			if wanted[r.Run.RunID] {
				have[r.Run.RunID] = r
			}
		}
		after = until
	}
	return have, nil
}
