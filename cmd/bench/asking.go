package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
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
	runs, _, err := s.Archive("").StageRuns(ctx, store.StageFilter{SpecID: spec, Stage: "plan", Limit: specRuns})
	if err == nil && len(runs) < specRuns/4 {
		err = fmt.Errorf("%s has %d runs", spec, len(runs))
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
	return b.searching(ctx)
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
