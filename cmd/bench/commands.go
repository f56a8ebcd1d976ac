package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// A command of consensusd, and what the sqlite3 shell is told for the same.
var asCommands = []struct {
	args []string
	sql  string
}{
	{[]string{"runs"}, `SELECT run_id, spec_id, stage, timestamp, consensus_ok, degraded, missing_agents, conflicts,
		(SELECT GROUP_CONCAT(DISTINCT agent) FROM agent_artifacts a WHERE a.run_id = r.run_id),
		(SELECT COUNT(*) FROM run_findings f WHERE f.run_id = r.run_id)
		FROM consensus_runs r ORDER BY timestamp DESC, run_id DESC LIMIT 10;`},
	{[]string{"show", "SPEC-BENCH-0", "plan"}, strings.ReplaceAll(`SELECT * FROM consensus_runs WHERE run_id = newest;
		SELECT * FROM agent_artifacts WHERE run_id = newest ORDER BY agent;
		SELECT * FROM synthesis_results WHERE run_id = newest;
		SELECT * FROM run_findings WHERE run_id = newest;
		SELECT * FROM receipts WHERE run_id = newest;`, "newest", `(SELECT run_id FROM consensus_runs
		WHERE spec_id = 'SPEC-BENCH-0' AND stage = 'plan' ORDER BY timestamp DESC, run_id DESC LIMIT 1)`)},
	{[]string{"artifacts", "--spec", "SPEC-BENCH-0", "--stage", "plan"}, `SELECT a.* FROM consensus_runs r JOIN agent_artifacts a USING (run_id)
		WHERE r.spec_id = 'SPEC-BENCH-0' AND r.stage = 'plan' ORDER BY r.timestamp DESC, r.run_id DESC, a.agent;`},
}

// commands compares commands as processes with the sqlite3 shell.
func (b *sqliteBench) commands(ctx context.Context) (err error) {
	c := corpus{name: "commands"}
	if err := c.create(b.folder); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(string(c.home))) }()
	if err := fillDatabase(ctx, c.home.Database(), b.amounts.few); err != nil {
		return err
	}
	program, absent := exec.LookPath("sqlite3")
	var all []*contender
	for _, a := range asCommands {
		all = append(all, b.processTime("consensusd "+a.args[0], func() *exec.Cmd { return b.consensusd(ctx, &c, a.args...) }))
		if absent == nil {
			all = append(all, b.processTime("sqlite3, for "+a.args[0], func() *exec.Cmd {
				return exec.CommandContext(ctx, program, "-batch", c.home.Database(), a.sql)
			}))
		}
	}
	if err := alternate(ctx, b.progress, b.rounds, all); err != nil {
		return err
	}
	for i, a := range asCommands {
		what := fmt.Sprintf("%s, a process, among %s runs", a.args[0], number(float64(b.amounts.few)))
		if absent != nil {
			b.table.absent(what, all[i].figure(""), sqliteShell)
			continue
		}
		b.table.compare(what, all[2*i].figure(""), all[2*i+1].figure(filepath.Base(program)), atMost(2))
	}
	return nil
}

// processTime measures the median time of a process, start and end included.
func (b *sqliteBench) processTime(name string, command func() *exec.Cmd) *contender {
	return &contender{name: name, unit: "ms", measure: func(context.Context) (float64, error) {
		var times []float64
		for range b.amounts.calls {
			took, err := timed(command())
			if err != nil {
				return 0, err
			}
			times = append(times, milliseconds(took))
		}
		return median(times), nil
	}}
}
