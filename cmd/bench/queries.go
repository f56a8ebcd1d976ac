package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"

	"github.com/consensusd/consensusd/store"
)

// specRuns is how many runs a spec has, spread over four stages.
const specRuns = 100

// A question is asked through the store, and by pgbench.
type question struct {
	what   string
	script string
	ask    func(ctx context.Context, s *store.Store, spec string) error
}

var questions = []question{
	{"newest run of a spec and stage", "latest.sql", func(ctx context.Context, s *store.Store, spec string) error {
		_, err := s.LatestRun(ctx, spec, "plan")
		return err
	}},
	{"last 10 runs", "last.sql", func(ctx context.Context, s *store.Store, _ string) error {
		page, err := s.Runs(ctx, store.Filter{Limit: 10})
		if err == nil && len(page.Runs) != 10 {
			err = fmt.Errorf("there are %d", len(page.Runs))
		}
		return err
	}},
}

// queries compares questions about many runs with the same about few.
func (b *postgresBench) queries(ctx context.Context) error {
	return b.filled(ctx, b.sizes, nil, func(urls []string) (err error) {
		var stores []*store.Store
		defer func() { err = errors.Join(err, closeStores(stores)) }()
		for _, url := range urls {
			s, err := store.OpenReadOnly(ctx, url)
			if err != nil {
				return err
			}
			stores = append(stores, s)
		}
		var all []*contender
		for _, q := range questions {
			for i, s := range stores {
				all = append(all, askedOf(q, s, b.sizes[i], b.calls))
			}
			all = append(all, b.askedByPgbench(q, urls[len(urls)-1]))
		}
		if err := alternate(ctx, b.progress, b.rounds, all); err != nil {
			return err
		}
		for i, q := range questions {
			each := len(stores) + 1
			b.compareQueries(q.what, all[i*each:(i+1)*each])
		}
		return nil
	})
}

// compareQueries compares all sizes with the first, and the largest with
// pgbench, which comes last.
func (b *postgresBench) compareQueries(what string, all []*contender) {
	largest := len(b.sizes) - 1
	for i, c := range all[1 : largest+1] {
		few := all[0].figure("among " + number(float64(b.sizes[0])))
		b.table.compare(what+" among "+number(float64(b.sizes[i+1])), c.figure(""), few, atMost(1.5))
	}
	b.table.compare(what+" among "+number(float64(b.sizes[largest])), all[largest].figure(""),
		all[largest+1].figure("pgbench -M prepared"), target{})
}

// fillRuns and fillArtifacts insert $1 runs with an answer each in the order of
// their times, of $2 specs by turns.
const fillRuns = `
INSERT INTO consensus_runs (run_id, spec_id, stage, timestamp, consensus_ok, degraded, missing_agents, conflicts)
SELECT 'bench-' || LPAD(n::TEXT, 30, '0'), 'SPEC-BENCH-' || n % $2, ('{plan,tasks,implement,validate}'::TEXT[])[n / $2 % 4 + 1],
       1772323200 + n, TRUE, FALSE, '[]', '[]'
FROM generate_series(0, $1 - 1) n`

const fillArtifacts = `
INSERT INTO agent_artifacts (artifact_id, run_id, agent, content, metadata, created_at)
SELECT 'artifact-' || LPAD(n::TEXT, 27, '0'), 'bench-' || LPAD(n::TEXT, 30, '0'), 'claude', repeat('answer ', 10), '{}', 1772323200 + n
FROM generate_series(0, $1 - 1) n`

// filled calls do with the URLs of databases with so many runs each.
func (b *postgresBench) filled(ctx context.Context, sizes []int, urls []string, do func(urls []string) error) error {
	if len(sizes) == 0 {
		return do(urls)
	}
	return b.inDatabase(ctx, func(url string) error {
		fmt.Fprintf(b.progress, "filling a database with %s runs\n", number(float64(sizes[0])))
		err := b.sql(url, func(db *sql.DB) error {
			if _, err := db.ExecContext(ctx, fillRuns, sizes[0], sizes[0]/specRuns); err != nil {
				return err
			}
			if _, err := db.ExecContext(ctx, fillArtifacts, sizes[0]); err != nil {
				return err
			}
			_, err := db.ExecContext(ctx, "VACUUM ANALYZE")
			return err
		})
		if err != nil {
			return err
		}
		if err := b.checkpoint(ctx, url); err != nil {
			return err
		}
		return b.filled(ctx, sizes[1:], append(urls, url), do)
	})
}

// askedByPgbench measures the mean time of a question among most runs: for single
// transactions pgbench's clock is too coarse.
func (b *postgresBench) askedByPgbench(q question, url string) *contender {
	runs := b.sizes[len(b.sizes)-1]
	return &contender{name: q.what + " among " + number(float64(runs)) + ", pgbench", unit: "µs", measure: func(ctx context.Context) (float64, error) {
		rate, err := b.pgbench(ctx, url, load{
			script: script(q.script), prepared: true, connections: 1, amount: amount{transactions: b.calls},
			numbers: map[string]int{"specs": runs / specRuns, "since": math.MinInt64, "before": math.MaxInt64},
		})
		return 1e6 / rate, err
	}}
}
