package store

import (
	"context"
	"database/sql"
	"encoding/base64"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/consensusd/consensusd/dbgen/sqlite"
	"github.com/consensusd/consensusd/schema"
)

// Run returns the run with the given id, or [ErrNotFound].
func (s *Store) Run(ctx context.Context, runID string) (Run, error) {
	r, err := s.read().GetRun(ctx, runID)
	return r, s.explain("run "+runID, err)
}

// LatestRun returns the newest run of a spec and stage, or [ErrNotFound].
func (s *Store) LatestRun(ctx context.Context, specID, stage string) (Run, error) {
	r, err := s.read().LatestRun(ctx, sqlite.LatestRunParams{SpecID: specID, Stage: stage})
	return r, s.explain("newest run of "+specID+" "+stage, err)
}

// RecentRuns returns the ids of runs of a spec and stage that were recorded or
// amended since then, two at most: who wants the only one needs no more.
func (s *Store) RecentRuns(ctx context.Context, specID, stage string, since time.Time) ([]string, error) {
	ids, err := s.read().ListRecentRuns(ctx, sqlite.ListRecentRunsParams{SpecID: specID, Stage: stage, Since: since.Unix(), PageSize: 2})
	return ids, s.explain("recent runs of "+specID+" "+stage, err)
}

// A Filter says which runs to list; its zero value is all of them.
type Filter struct {
	SpecID, Stage, Agent string
	Verdict              schema.Verdict
	Since, Until         time.Time // from the first to just before the second
	After                string    // the cursor of the page before; "" begins
	Limit                int       // of runs a page; 10 unless it is positive
}

// A Page is part of a list of runs, newest first.
type Page struct {
	Runs []Run
	Next string // the cursor for the page after this one; "" when this is the last
}

// Runs returns the runs that filter names, newest first, a page at a time.
// Runs recorded while somebody pages are not missed unless they are newer than
// the page they would be on.
func (s *Store) Runs(ctx context.Context, f Filter) (Page, error) {
	params, err := f.params()
	if err != nil {
		return Page{}, err
	}
	limit := params.PageSize
	params.PageSize++ // one more tells whether there is a next page
	var runs []Run
	if f.SpecID == "" {
		runs, err = s.read().ListRuns(ctx, params)
	} else {
		runs, err = s.read().ListSpecRuns(ctx, sqlite.ListSpecRunsParams{
			SpecID: f.SpecID, Since: params.Since, Before: params.Before, BeforeID: params.BeforeID,
			Stage: params.Stage, Verdict: params.Verdict, Agent: params.Agent, PageSize: params.PageSize,
		})
	}
	if err != nil {
		return Page{}, s.explain("list runs", err)
	}
	if int64(len(runs)) <= limit {
		return Page{Runs: runs}, nil
	}
	runs = runs[:limit]
	return Page{runs, cursor(runs[limit-1])}, nil
}

func (f Filter) params() (sqlite.ListRunsParams, error) {
	p := sqlite.ListRunsParams{
		Since: math.MinInt64, Before: math.MaxInt64,
		Stage: f.Stage, Verdict: string(f.Verdict), Agent: f.Agent,
		PageSize: 10,
	}
	if f.Limit > 0 {
		p.PageSize = min(int64(f.Limit), math.MaxInt64-1) // one more is asked for
	}
	if !f.Since.IsZero() {
		p.Since = f.Since.Unix()
	}
	if !f.Until.IsZero() {
		p.Before = f.Until.Unix() // before_id '' lets none of that second pass
	}
	if f.After == "" {
		return p, nil
	}
	at, id, err := parseCursor(f.After)
	if err != nil {
		return p, err
	}
	if at < p.Before {
		p.Before, p.BeforeID = at, id
	}
	return p, nil
}

func cursor(r Run) string {
	return base64.RawURLEncoding.EncodeToString([]byte(strconv.FormatInt(r.Timestamp, 10) + " " + r.RunID))
}

func parseCursor(s string) (at int64, runID string, err error) {
	b, err := base64.RawURLEncoding.DecodeString(s)
	seconds, runID, ok := strings.Cut(string(b), " ")
	if err == nil && ok {
		at, err = strconv.ParseInt(seconds, 10, 64)
	}
	if err != nil || !ok {
		return 0, "", fmt.Errorf("cursor %q is none that a page of runs ended with", s)
	}
	return at, runID, nil
}

// Artifacts returns what every agent answered in a run, ordered by agent and
// time; none when there is no such run.
func (s *Store) Artifacts(ctx context.Context, runID string) ([]Artifact, error) {
	a, err := s.read().ListArtifacts(ctx, runID)
	return a, s.explain("artifacts of run "+runID, err)
}

// Agents returns who has an artifact in a run, in alphabetical order.
func (s *Store) Agents(ctx context.Context, runID string) ([]string, error) {
	a, err := s.read().ListAgents(ctx, runID)
	return a, s.explain("agents of run "+runID, err)
}

// Synthesis returns the newest synthesis of a run, or [ErrNotFound].
func (s *Store) Synthesis(ctx context.Context, runID string) (Synthesis, error) {
	all, err := s.read().ListSyntheses(ctx, runID)
	if err == nil && len(all) == 0 {
		err = sql.ErrNoRows
	}
	if err != nil {
		return Synthesis{}, s.explain("synthesis of run "+runID, err)
	}
	return all[0], nil
}

// CountFindings returns how many findings a run has.
func (s *Store) CountFindings(ctx context.Context, runID string) (int64, error) {
	n, err := s.read().CountFindings(ctx, runID)
	return n, s.explain("findings of run "+runID, err)
}

// Whole returns a run with everything that belongs to it, as of one moment,
// or [ErrNotFound].
func (s *Store) Whole(ctx context.Context, runID string) (Record, error) {
	tx, err := s.reader.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelSnapshot, ReadOnly: true})
	if err != nil {
		return Record{}, s.explain("run "+runID, err)
	}
	defer tx.Rollback()
	r, err := whole(ctx, s.engine.read(tx), runID)
	return r, s.explain("run "+runID, err)
}

func whole(ctx context.Context, q sqlite.Querier, runID string) (Record, error) {
	run, err := q.GetRun(ctx, runID)
	if err != nil {
		return Record{}, err
	}
	return withBelongings(ctx, q, run)
}

// withBelongings returns a run with everything that belongs to it.
func withBelongings(ctx context.Context, q sqlite.Querier, run Run) (r Record, err error) {
	r.Run = run
	runID := run.RunID
	if r.Artifacts, err = q.ListArtifacts(ctx, runID); err != nil {
		return r, err
	}
	if r.Syntheses, err = q.ListSyntheses(ctx, runID); err != nil {
		return r, err
	}
	if r.Findings, err = q.ListFindings(ctx, runID); err != nil {
		return r, err
	}
	r.Receipts, err = q.ListReceipts(ctx, runID)
	return r, err
}

// Totals are the figures of a database at a glance.
type Totals struct {
	Runs      int64
	Newest    time.Time // of the newest run; zero when there is none
	Documents map[string]int64
	Bytes     int64 // on disk
}

// Totals counts runs, and documents by the state of their receipts.
func (s *Store) Totals(ctx context.Context) (Totals, error) {
	runs, err := s.read().CountRuns(ctx)
	if err != nil {
		return Totals{}, s.explain("count runs", err)
	}
	states, err := s.read().CountReceipts(ctx)
	if err != nil {
		return Totals{}, s.explain("count receipts", err)
	}
	t := Totals{Runs: runs.Runs, Documents: map[string]int64{}}
	if runs.Runs > 0 {
		t.Newest = Time(runs.Newest)
	}
	for _, s := range states {
		t.Documents[s.State] = s.Documents
	}
	t.Bytes, err = s.engine.bytes(ctx, s.reader)
	return t, s.explain("measure the database", err)
}
