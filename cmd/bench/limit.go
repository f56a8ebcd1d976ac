package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"
)

// recorded are the tables that hold what is recorded, the runs first.
var recorded = []string{"consensus_runs", "agent_artifacts", "synthesis_results", "run_findings", "receipts"}

// rows are all rows of a database, by table and run, in the order of the runs.
type rows struct {
	inserts []string // a statement for each table
	runs    [][]row
}

type row struct {
	table  int
	values []any
}

// readRows reads a database.
func readRows(ctx context.Context, path string) (*rows, error) {
	db, err := sql.Open("sqlite3", "file:"+path+"?mode=ro")
	if err != nil {
		return nil, err
	}
	defer db.Close()
	r := &rows{}
	place := map[string]int{} // of a run
	for i, name := range recorded {
		if err := r.readTable(ctx, db, i, name, place); err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
	}
	return r, nil
}

func (r *rows) readTable(ctx context.Context, db *sql.DB, table int, name string, place map[string]int) error {
	// A run's place in time is that of its id here.
	found, err := db.QueryContext(ctx, "SELECT run_id, * FROM "+name+" ORDER BY run_id")
	if err != nil {
		return err
	}
	defer found.Close()
	columns, err := found.Columns()
	if err != nil {
		return err
	}
	own := len(columns) - 1
	r.inserts = append(r.inserts, "INSERT INTO "+name+" VALUES (?"+strings.Repeat(", ?", own-1)+")")
	for found.Next() {
		var runID string
		values := make([]any, own)
		into := []any{&runID}
		for i := range values {
			into = append(into, &values[i])
		}
		if err := found.Scan(into...); err != nil {
			return err
		}
		if table == 0 {
			place[runID] = len(r.runs)
			r.runs = append(r.runs, nil)
		}
		at := place[runID]
		r.runs[at] = append(r.runs[at], row{table, values})
	}
	return found.Err()
}

// insert is how fast rows can be inserted at best: by one goroutine, with
// prepared statements, 64 runs a durable transaction.
func (r *rows) insert(ctx context.Context, c *corpus) (took time.Duration, err error) {
	path := c.home.Database()
	if err := emptyDatabase(ctx, path); err != nil {
		return 0, err
	}
	db, err := sql.Open("sqlite3", "file:"+path+limitOptions)
	if err != nil {
		return 0, err
	}
	db.SetMaxOpenConns(1)
	begin := time.Now()
	err = r.insertInto(context.WithoutCancel(ctx), db)
	took = time.Since(begin)
	return took, errors.Join(err, db.Close(), c.mustHoldAll(ctx, path))
}

// limitOptions give it as much of a cache as consensusd's writer has: what outgrows
// the usual 2 MB is written twice.
const limitOptions = "?mode=rw&_txlock=immediate&_synchronous=FULL&_foreign_keys=1&_cache_size=-16384"

func (r *rows) insertInto(ctx context.Context, db *sql.DB) error {
	prepared := make([]*sql.Stmt, len(r.inserts))
	for i, text := range r.inserts {
		var err error
		if prepared[i], err = db.PrepareContext(ctx, text); err != nil {
			return err
		}
	}
	for first := 0; first < len(r.runs); first += groupRuns {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		bound := make([]*sql.Stmt, len(prepared))
		for i, p := range prepared {
			bound[i] = tx.StmtContext(ctx, p)
		}
		for _, run := range r.runs[first:min(first+groupRuns, len(r.runs))] {
			for _, w := range run {
				if _, err := bound[w.table].ExecContext(ctx, w.values...); err != nil {
					return errors.Join(err, tx.Rollback())
				}
			}
		}
		if err := tx.Commit(); err != nil {
			return err
		}
	}
	return nil
}
