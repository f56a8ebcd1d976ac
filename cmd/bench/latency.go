package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/consensusd/consensusd/ingest"
	"github.com/consensusd/consensusd/store"
)

// A spread is a contender whose figure is a median of many times, and the
// slowest of them but one in so many.
type spread struct {
	contender
	slowest []float64 // of each round
}

// spreadOf measures times in milliseconds, of which one in so many may be slower.
func spreadOf(name string, in int, measure func(context.Context) ([]float64, error)) *spread {
	s := &spread{contender: contender{name: name, unit: "ms"}}
	s.measure = func(ctx context.Context) (float64, error) {
		times, err := measure(ctx)
		if err != nil {
			return 0, err
		}
		slices.Sort(times)
		s.slowest = append(s.slowest, times[len(times)-1-len(times)/in])
		return median(times), nil
	}
	return s
}

func (s *spread) slow(of string) figure { return figure{median(s.slowest), "ms", of} }

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// latencyContent makes documents of 40 KB.
const latencyContent = 10_000

// latencies measures from a file's drop to its being visible, and commits.
func (b *sqliteBench) latencies(ctx context.Context) error {
	visible := spreadOf("drop to visible", 100, b.dropped)
	alone := spreadOf("parse and commit alone", 100, b.alone)
	commits := spreadOf("commits under load", 1000, b.commits)
	if err := alternate(ctx, b.progress, b.rounds, []*contender{&visible.contender, &alone.contender, &commits.contender}); err != nil {
		return err
	}
	const drop = "40 KB: drop to visible, idle"
	least := alone.figure("to parse and commit it")
	b.table.compare(drop+", median", visible.figure(""), least, atMost(4))
	b.table.compare(drop+", 99 of 100", visible.slow(""), least, atMost(20))
	b.table.compare(drop+", 99 of 100", visible.slow(""), figure{10, "ms", "promised"}, atMost(1))
	b.table.compare("4 KB: commits under load, 999 of 1000", commits.slow(""), commits.figure("median"), atMost(10))
	return nil
}

// idle is how long nothing happens before a file is dropped.
const idle = 20 * time.Millisecond

// dropped returns how long each of some documents took to be visible.
func (b *sqliteBench) dropped(ctx context.Context) (times []float64, err error) {
	c := corpus{name: "latency", content: latencyContent, documents: b.amounts.drops}
	if err := c.create(b.folder); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(string(c.home))) }()
	waiting := filepath.Join(string(c.home), "waiting")
	if err := errors.Join(os.Rename(c.home.Inbox(), waiting), os.Mkdir(c.home.Inbox(), 0o755)); err != nil {
		return nil, err
	}
	syscall.Sync()
	d, err := b.watch(ctx, &c)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, d.stop()) }()
	files, err := os.ReadDir(waiting)
	if err != nil {
		return nil, err
	}
	for i, f := range files {
		time.Sleep(idle)
		begin := time.Now()
		if err := os.Rename(filepath.Join(waiting, f.Name()), filepath.Join(c.home.Inbox(), f.Name())); err != nil {
			return nil, err
		}
		if err := d.await(ctx, i+1); err != nil {
			return nil, err
		}
		times = append(times, milliseconds(time.Since(begin)))
	}
	return times, nil
}

// alone returns how long each of some documents takes to be parsed and
// committed by somebody who does nothing else.
func (b *sqliteBench) alone(ctx context.Context) (times []float64, err error) {
	s, remove, err := b.newStore(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, remove()) }()
	for n := range b.amounts.drops {
		text, err := document(n, latencyContent)
		if err != nil {
			return nil, err
		}
		time.Sleep(idle)
		begin := time.Now()
		checked, rejection := ingest.Check("run.json", text, 1<<20)
		if rejection != nil {
			return nil, rejection
		}
		if _, err := s.Record(ctx, recordOf(n, checked.SpecID, text, latencyContent)); err != nil {
			return nil, err
		}
		times = append(times, milliseconds(time.Since(begin)))
	}
	return times, nil
}

// commits returns how long each of many commits takes while one follows another.
func (b *sqliteBench) commits(ctx context.Context) (times []float64, err error) {
	s, remove, err := b.newStore(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, remove()) }()
	text, err := document(0, contentSize)
	if err != nil {
		return nil, err
	}
	for n := range b.amounts.commits {
		r := recordOf(n, "SPEC-BENCH", text, contentSize)
		begin := time.Now()
		if _, err := s.Record(ctx, r); err != nil {
			return nil, err
		}
		times = append(times, milliseconds(time.Since(begin)))
	}
	return times, nil
}

// recordOf is a run with four answers cut out of a text.
func recordOf(n int, spec string, text []byte, size int) store.Record {
	r := store.Record{
		Run:       store.Run{RunID: fmt.Sprintf("bench-%012d", n), SpecID: spec, Stage: "plan", Timestamp: 1772323200 + int64(n), ConsensusOK: true},
		Syntheses: []store.Synthesis{{SynthesizedContent: "they agree"}},
		Receipts:  []store.Receipt{{SHA256: fmt.Sprintf("%064x", n*7919%1_000_003), Path: "run.json", Bytes: int64(len(text)), Kind: "run", Report: "{}"}},
	}
	for i, agent := range agents {
		r.Artifacts = append(r.Artifacts, store.Artifact{Agent: agent, Content: string(text[i*size/2 : i*size/2+size])})
	}
	return r
}

// newStore opens a new database, and returns what removes it.
func (b *sqliteBench) newStore(ctx context.Context) (s *store.Store, remove func() error, err error) {
	path := filepath.Join(b.folder, "store.db")
	s, err = store.Open(ctx, path)
	return s, func() error { return errors.Join(s.Close(), removeDatabase(path)) }, err
}
