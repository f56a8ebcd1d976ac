//go:build ha && linux

package main_test

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"
)

// A comparison says what became of the runs that were dropped.
type comparison struct{ lost, doubled, partial []string }

func (c comparison) String() string {
	return fmt.Sprintf("lost %d, doubled %d, partial %d", len(c.lost), len(c.doubled), len(c.partial))
}

// complaints names what is wrong, or enough of it.
func (c comparison) complaints() []string {
	all := slices.Concat(c.lost, c.doubled, c.partial)
	return all[:min(len(all), 50)]
}

// A stored run is the rows of one run.
type stored struct {
	runs      []storedRun
	artifacts map[string][]string // contents by agent
	syntheses []string
}

type storedRun struct {
	ID       string
	OK       *bool
	Degraded *bool
	Missing  *string
}

// A receipt says what became of a document.
type receipt struct{ SHA256, State, RunID string }

// compare compares what was dropped with the database, by plain SQL.
func (h *trial) compare(runs []dropped) (c comparison) {
	conn, err := pgx.Connect(h.t.Context(), h.cluster.DSN())
	if err != nil {
		h.t.Fatal(err)
	}
	defer conn.Close(context.Background())
	rows, receipts := h.stored(conn), map[string][]receipt{}
	for _, r := range query[receipt](h, conn, "SELECT sha256, state, run_id FROM receipts") {
		receipts[r.SHA256] = append(receipts[r.SHA256], r)
	}
	for _, r := range runs {
		c.compareReceipts(r, receipts)
		c.compareRun(r, rows[r.id])
		delete(rows, r.id)
	}
	for sha256, rest := range receipts {
		c.doubled = append(c.doubled, fmt.Sprintf("document %s of %s was never dropped", sha256, rest[0].RunID))
	}
	for id := range rows {
		c.doubled = append(c.doubled, id+" was never dropped")
	}
	return c
}

func (h *trial) stored(conn *pgx.Conn) map[string]*stored {
	all := map[string]*stored{}
	of := func(id string) *stored {
		if all[id] == nil {
			all[id] = &stored{artifacts: map[string][]string{}}
		}
		return all[id]
	}
	for _, r := range query[storedRun](h, conn, "SELECT run_id, consensus_ok, degraded, missing_agents FROM consensus_runs") {
		of(r.ID).runs = append(of(r.ID).runs, r)
	}
	type artifact struct{ RunID, Agent, Content string }
	for _, a := range query[artifact](h, conn, "SELECT run_id, agent, content FROM agent_artifacts") {
		of(a.RunID).artifacts[a.Agent] = append(of(a.RunID).artifacts[a.Agent], a.Content)
	}
	type synthesis struct{ RunID, Content string }
	for _, y := range query[synthesis](h, conn, "SELECT run_id, synthesized_content FROM synthesis_results") {
		of(y.RunID).syntheses = append(of(y.RunID).syntheses, y.Content)
	}
	return all
}

func query[Row any](h *trial, conn *pgx.Conn, sql string) []Row {
	h.t.Helper()
	rows, err := conn.Query(h.t.Context(), sql)
	if err != nil {
		h.t.Fatal(err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Row])
	if err != nil {
		h.t.Fatal(err)
	}
	return all
}

// compareReceipts takes the receipts of a run's documents away.
func (c *comparison) compareReceipts(r dropped, receipts map[string][]receipt) {
	for sha256 := range r.documents {
		switch found := receipts[sha256]; {
		case len(found) == 0:
			c.lost = append(c.lost, fmt.Sprintf("%s: document %s has no receipt", r.id, sha256))
		case len(found) > 1:
			c.doubled = append(c.doubled, fmt.Sprintf("%s: document %s has the receipts %v", r.id, sha256, found))
		case found[0].RunID != r.id || found[0].State != "recorded" && found[0].State != "amended":
			c.lost = append(c.lost, fmt.Sprintf("%s: document %s has the receipt %v", r.id, sha256, found[0]))
		}
		delete(receipts, sha256)
	}
}

func (c *comparison) compareRun(r dropped, rows *stored) {
	if rows == nil || len(rows.runs) == 0 {
		c.lost = append(c.lost, r.id+" is not recorded")
		return
	}
	if len(rows.runs) > 1 {
		c.doubled = append(c.doubled, fmt.Sprintf("%s is recorded as %v", r.id, rows.runs))
	}
	v := rows.runs[0]
	if v.OK == nil || !*v.OK || v.Degraded == nil || *v.Degraded || v.Missing == nil || *v.Missing != "[]" {
		c.partial = append(c.partial, fmt.Sprintf("%s is not unanimous, or somebody is missing", r.id))
	}
	for agent, content := range r.answers {
		c.compareContent(r.id+" "+agent, content, rows.artifacts[agent])
		delete(rows.artifacts, agent)
	}
	c.compareContent(r.id+" synthesis", r.synthesis, rows.syntheses)
	for _, agent := range slices.Sorted(maps.Keys(rows.artifacts)) {
		c.doubled = append(c.doubled, r.id+" has an answer of "+agent)
	}
}

func (c *comparison) compareContent(of, want string, found []string) {
	if len(found) > 1 {
		c.doubled = append(c.doubled, fmt.Sprintf("%s is there %d times", of, len(found)))
	}
	if !slices.Contains(found, want) {
		c.partial = append(c.partial, of+" is not there")
	}
}
