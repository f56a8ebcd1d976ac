package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/consensusd/consensusd/store"
)

// An answer is one agent's in one run, as a knowledge base keeps it: whole, with
// its header.
type answer struct {
	run                int
	spec, stage, agent string
	at                 int
	content            string
}

// eachAnswer yields the answers of so many runs, a hundred runs of each spec in
// four stages.
func eachAnswer(runs int, yield func(answer) error) error {
	specs := max(runs/specRuns, 1)
	for n := range runs {
		random := newRandom(n)
		stage := []string{"plan", "tasks", "implement", "validate"}[n/specs%4]
		for _, agent := range agents {
			a := answer{n, fmt.Sprintf("SPEC-BENCH-%d", n%specs), stage, agent, 1772323200 + n, ""}
			content, err := json.Marshal(object{
				"spec_id": a.spec, "stage": "spec-" + a.stage, "agent": a.agent, "prompt_version": "20260301-" + a.stage + "-a",
				"answer": text(random, contentSize),
			})
			if a.content = string(content); err == nil {
				err = yield(a)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// searching compares the newest run and all artifacts of a spec and stage with
// full-text search for the same answers, as they were found when a knowledge
// base kept them.
func (b *sqliteBench) searching(ctx context.Context) (err error) {
	const beside = "full-text search"
	specs := max(b.amounts.searched/specRuns, 1)
	ours, theirs := filepath.Join(b.folder, "answers.db"), filepath.Join(b.folder, "memories.db")
	defer func() { err = errors.Join(err, removeDatabase(ours), removed(os.Remove(theirs))) }()
	if err := b.fillAnswers(ctx, ours); err != nil {
		return err
	}
	s, err := store.OpenReadOnly(ctx, ours)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	program, absent := exec.LookPath("sqlite3")
	if absent == nil {
		if err := b.fillMemories(ctx, program, theirs); err != nil {
			return err
		}
	}
	rows := []struct {
		question
		order string
	}{
		{questions[0], "ORDER BY m.created_at DESC LIMIT 1"},
		{question{"all artifacts of a spec and stage", "", allAnswers}, "ORDER BY m.created_at DESC"},
	}
	var all []*contender
	for _, r := range rows {
		all = append(all, askedOf(r.question, s, b.amounts.searched, 20*b.amounts.calls))
		if absent == nil {
			all = append(all, &contender{name: r.what + ", " + beside, unit: "µs", measure: func(ctx context.Context) (float64, error) {
				return b.searchTime(ctx, program, theirs, specs, r.order)
			}})
		}
	}
	if err := alternate(ctx, b.progress, b.rounds, all); err != nil {
		return err
	}
	for i, r := range rows {
		what := r.what + " among " + number(float64(b.amounts.searched))
		if absent != nil {
			b.table.absent(what, all[i].figure(""), beside)
			continue
		}
		b.table.compare(what, all[2*i].figure(""), all[2*i+1].figure(beside), atMost(0.01))
	}
	return nil
}

// fillAnswers makes a database of this program with the answers.
func (b *sqliteBench) fillAnswers(ctx context.Context, path string) error {
	fmt.Fprintf(b.progress, "filling a database with the answers of %s runs\n", number(float64(b.amounts.searched)))
	if err := emptyDatabase(ctx, path); err != nil {
		return err
	}
	db, err := sql.Open("sqlite3", "file:"+path+"?mode=rw")
	if err != nil {
		return err
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return errors.Join(err, db.Close())
	}
	err = eachAnswer(b.amounts.searched, func(a answer) error {
		id := fmt.Sprintf("bench-%030d", a.run)
		if a.agent == agents[0] {
			if _, err := tx.ExecContext(ctx, `INSERT INTO consensus_runs (run_id, spec_id, stage, timestamp, consensus_ok, degraded, missing_agents, conflicts)
				VALUES (?, ?, ?, ?, 1, 0, '[]', '[]')`, id, a.spec, a.stage, a.at); err != nil {
				return err
			}
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO agent_artifacts (artifact_id, run_id, agent, content, metadata, created_at)
			VALUES (?, ?, ?, ?, '{}', ?)`, id+"-"+a.agent, id, a.agent, a.content, a.at)
		return err
	})
	if err == nil {
		err = tx.Commit()
	}
	return errors.Join(err, db.Close())
}

// fillMemories makes a knowledge base as local-memory has it: a table of texts
// with tags, and one for full-text search in them.
func (b *sqliteBench) fillMemories(ctx context.Context, program, path string) error {
	fmt.Fprintf(b.progress, "filling a knowledge base with the same\n")
	var script strings.Builder
	script.WriteString(other("memories.sql"))
	err := eachAnswer(b.amounts.searched, func(a answer) error {
		_, err := fmt.Fprintf(&script, `INSERT INTO memories (content, tags, created_at) VALUES ('%s', '["spec:%s","stage:%s","consensus-artifact"]', %d);`+"\n",
			a.content, a.spec, a.stage, a.at)
		return err
	})
	if err != nil {
		return err
	}
	script.WriteString("COMMIT;\n")
	cmd := exec.CommandContext(ctx, program, "-batch", path)
	cmd.Stdin = strings.NewReader(script.String())
	_, err = timed(cmd)
	return err
}

// searchTime returns the mean time of a search by tags, without the shell's start.
func (b *sqliteBench) searchTime(ctx context.Context, program, path string, specs int, order string) (float64, error) {
	var took [2]time.Duration
	for i, searches := range []int{0, b.amounts.calls} {
		var script strings.Builder
		for range searches {
			fmt.Fprintf(&script, `SELECT m.id, m.content, m.created_at FROM memories_fts f JOIN memories m ON m.id = f.rowid
				WHERE memories_fts MATCH '"spec:SPEC-BENCH-%d" AND "stage:plan"' %s;`+"\n", rand.IntN(specs), order)
		}
		cmd := exec.CommandContext(ctx, program, "-batch", path)
		cmd.Stdin = strings.NewReader(script.String())
		var err error
		if took[i], err = timed(cmd); err != nil {
			return 0, err
		}
	}
	return float64(took[1]-took[0]) / float64(time.Microsecond) / float64(b.amounts.calls), nil
}
