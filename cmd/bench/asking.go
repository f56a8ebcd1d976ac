package main

import (
	"context"
	"database/sql"
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

// fillDatabase makes a database of so many runs, a hundred of each spec.
func fillDatabase(ctx context.Context, path string, runs int) error {
	if err := emptyDatabase(ctx, path); err != nil {
		return err
	}
	db, err := sql.Open("sqlite3", "file:"+path+"?mode=rw&_synchronous=OFF&_cache_size=-200000")
	if err != nil {
		return err
	}
	db.SetMaxOpenConns(1)
	for statement := range strings.SplitSeq(other("fill.sql"), ";\n") {
		args := []any{runs, runs / specRuns}
		if err == nil {
			_, err = db.ExecContext(ctx, statement, args[:strings.Count(statement, "< ?1")*2]...)
		}
	}
	return errors.Join(err, db.Close())
}

// allAnswers asks for all artifacts of a spec and stage.
func allAnswers(ctx context.Context, s *store.Store, spec string) error {
	all, _, err := s.SpecArtifacts(ctx, store.Filter{SpecID: spec, Stage: "plan", Limit: specRuns})
	if err == nil && len(all) < specRuns/4 {
		err = fmt.Errorf("%s has %d answers", spec, len(all))
	}
	return err
}

// asking compares questions about many runs with the same about few.
func (b *sqliteBench) asking(ctx context.Context) (err error) {
	var stores []*store.Store
	defer func() { err = errors.Join(err, closeStores(stores)) }()
	for _, runs := range []int{b.amounts.few, b.amounts.many} {
		fmt.Fprintf(b.progress, "filling a database with %s runs\n", number(float64(runs)))
		path := filepath.Join(b.folder, fmt.Sprint(runs, ".db"))
		defer func() { err = errors.Join(err, removeDatabase(path)) }()
		if err := fillDatabase(ctx, path, runs); err != nil {
			return err
		}
		s, err := store.OpenReadOnly(ctx, path)
		if err != nil {
			return err
		}
		stores = append(stores, s)
	}
	all := append([]question{{"all artifacts of a spec and stage", "", allAnswers}}, questions...)
	var contenders []*contender
	for _, q := range all {
		contenders = append(contenders, askedOf(q, stores[0], b.amounts.few, 20*b.amounts.calls), askedOf(q, stores[1], b.amounts.many, 20*b.amounts.calls))
	}
	if err := alternate(ctx, b.progress, b.rounds, contenders); err != nil {
		return err
	}
	for i, q := range all {
		few, many := contenders[2*i], contenders[2*i+1]
		what := q.what + " among " + number(float64(b.amounts.many))
		b.table.compare(what, many.figure(""), few.figure("among "+number(float64(b.amounts.few))), atMost(1.5))
		if q.script != "" { // without content
			b.table.compare(what, many.figure(""), figure{1000, "µs", "allowed"}, atMost(1))
		}
	}
	return b.searching(ctx, contenders[2], contenders[0])
}

// askedOf measures the median time of a question, one at a time.
func askedOf(q question, s *store.Store, runs, calls int) *contender {
	return &contender{name: q.what + " among " + number(float64(runs)), unit: "µs", measure: func(ctx context.Context) (float64, error) {
		var times []float64
		for range calls {
			spec := fmt.Sprintf("SPEC-BENCH-%d", rand.IntN(runs/specRuns))
			begin := time.Now()
			if err := q.ask(ctx, s, spec); err != nil {
				return 0, err
			}
			times = append(times, float64(time.Since(begin))/float64(time.Microsecond))
		}
		return median(times), nil
	}}
}

// searching compares the newest run and all artifacts of a spec and stage with
// full-text search, as they were found when a knowledge base kept them.
func (b *sqliteBench) searching(ctx context.Context, newest, all *contender) error {
	const beside = "full-text search"
	rows := []struct {
		what, order string
		ours        *contender
	}{
		{"newest run of a spec and stage", "ORDER BY m.created_at DESC LIMIT 1", newest},
		{"all artifacts of a spec and stage", "ORDER BY m.created_at DESC", all},
	}
	program, err := exec.LookPath("sqlite3")
	if err != nil {
		for _, r := range rows {
			b.table.absent(r.what, r.ours.figure(""), beside)
		}
		return nil
	}
	path := filepath.Join(b.folder, "memories.db")
	defer os.Remove(path)
	if err := b.fillMemories(ctx, program, path); err != nil {
		return err
	}
	var found []*contender
	for _, r := range rows {
		found = append(found, &contender{name: r.what + ", " + beside, unit: "µs", measure: func(ctx context.Context) (float64, error) {
			return b.searchTime(ctx, program, path, r.order)
		}})
	}
	if err := alternate(ctx, b.progress, b.rounds, found); err != nil {
		return err
	}
	for i, r := range rows {
		want := atMost(0.01)
		b.table.compare(r.what+" among "+number(float64(b.amounts.few)), r.ours.figure(""), found[i].figure(beside), want)
	}
	return nil
}

// fillMemories makes a knowledge base as local-memory has it: a table of texts,
// and one for full-text search in them.
func (b *sqliteBench) fillMemories(ctx context.Context, program, path string) error {
	fmt.Fprintf(b.progress, "filling a knowledge base with %s runs\n", number(float64(b.amounts.searched)))
	var script strings.Builder
	script.WriteString(other("memories.sql"))
	for n := range b.amounts.searched {
		random := newRandom(n)
		for _, agent := range agents {
			stage := []string{"plan", "tasks", "implement", "validate"}[n/(max(b.amounts.searched/specRuns, 1))%4]
			fmt.Fprintf(&script, "INSERT INTO memories (content, tags, created_at) VALUES ('%s', 'spec:SPEC-BENCH-%d stage:%s agent:%s', %d);\n",
				text(random, contentSize), n%max(b.amounts.searched/specRuns, 1), stage, agent, 1772323200+n)
		}
	}
	script.WriteString("COMMIT;\n")
	cmd := exec.CommandContext(ctx, program, "-batch", path)
	cmd.Stdin = strings.NewReader(script.String())
	_, err := timed(cmd)
	return err
}

// searchTime returns the mean time of a search, without the shell's start.
func (b *sqliteBench) searchTime(ctx context.Context, program, path, order string) (float64, error) {
	var took [2]time.Duration
	for i, searches := range []int{0, b.amounts.calls} {
		var script strings.Builder
		for range searches {
			fmt.Fprintf(&script, `SELECT m.id, m.content, m.created_at FROM memories_fts f JOIN memories m ON m.id = f.rowid
				WHERE memories_fts MATCH '"SPEC-BENCH-%d" AND "stage:plan"' %s;`+"\n", rand.IntN(max(b.amounts.searched/specRuns, 1)), order)
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
