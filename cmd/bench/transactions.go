package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime/pprof"
	"sync"
	"time"

	"github.com/consensusd/consensusd/store"
)

// Sizes of texts in bytes. Four contents make a document of 4 KB.
const (
	contentSize   = 1000
	synthesisSize = 100
)

// What is recorded beside the contents of a document, with its synthesis and with
// its receipt.
const (
	metadata = `{"expected_agents":["claude","gemini","gpt_pro","qwen"],"reported":{"consensus_ok":true,"degraded":false,"status":"unanimous"}}`
	report   = `{"spec":"SPEC-BENCH-100","stage":"plan","at":1772366400000,"rank":2,"expected":["claude","gemini","gpt_pro","qwen"],"ok":true,"degraded":false,"status":"unanimous"}`
)

// profiled is how many connections a profile is taken with.
const profiled = 4

// texts are what pgbench sends where we send contents, and what is recorded
// beside those of a document.
func texts() map[string]string {
	random := newRandom(0)
	return map[string]string{
		"content": text(random, contentSize), "synthesized": text(random, synthesisSize),
		"metadata": metadata,
		"report":   report,
	}
}

// transactions compares Store.Record with the same transaction of pgbench.
func (b *postgresBench) transactions(ctx context.Context) error {
	var all []*contender
	for _, n := range b.connections {
		name := "transactions over " + count(n, "connection") + ", "
		simple := load{script: script("transaction.sql"), connections: n, amount: b.amount, texts: texts()}
		prepared := simple
		prepared.prepared = true
		all = append(all,
			&contender{name: name + "Store.Record", unit: "/s", measure: func(ctx context.Context) (float64, error) {
				return b.recordRate(ctx, n)
			}},
			b.pgbenchRate(name+"pgbench -M simple", 1, simple),
			b.pgbenchRate(name+"pgbench -M prepared", 1, prepared),
		)
	}
	if err := alternate(ctx, b.progress, b.rounds, all); err != nil {
		return err
	}
	for i, n := range b.connections {
		ours, simple, prepared := all[3*i], all[3*i+1], all[3*i+2]
		limit, mode := faster(simple, prepared)
		b.table.compare("transactions over "+count(n, "connection")+", a store each",
			ours.figure(""), limit.figure("pgbench "+mode), atLeast(0.6))
	}
	return nil
}

// recordRate returns the runs a second that stores record in a new database,
// each over one connection and one run at a time.
func (b *postgresBench) recordRate(ctx context.Context, connections int) (rate float64, err error) {
	err = b.inDatabase(ctx, func(url string) (err error) {
		stores, err := openStores(ctx, url, connections)
		defer func() { err = errors.Join(err, closeStores(stores)) }()
		if err != nil {
			return err
		}
		if connections == profiled && b.profile != "" {
			stop, err := startProfile(b.profile)
			if err != nil {
				return err
			}
			defer stop()
			b.profile = "" // one round tells enough
		}
		rate, err = record(ctx, stores, b.amount)
		return err
	})
	return rate, err
}

// openStores returns stores that have recorded before, and those that it has
// opened when it fails.
func openStores(ctx context.Context, url string, n int) (stores []*store.Store, err error) {
	for range n {
		s, err := store.Open(ctx, url)
		if err != nil {
			return stores, err
		}
		stores = append(stores, s)
		if _, err := s.Record(ctx, newRun(texts())); err != nil {
			return stores, err
		}
	}
	return stores, nil
}

func closeStores(stores []*store.Store) (err error) {
	for _, s := range stores {
		err = errors.Join(err, s.Close())
	}
	return err
}

// record lets all stores record at the same time.
func record(ctx context.Context, stores []*store.Store, much amount) (rate float64, err error) {
	texts := texts()
	done, errs := make([]int, len(stores)), make([]error, len(stores))
	var all sync.WaitGroup
	begin := time.Now()
	end := begin.Add(time.Duration(much.seconds) * time.Second)
	for i, s := range stores {
		all.Go(func() {
			for errs[i] == nil && (done[i] < much.transactions || time.Now().Before(end)) {
				var outcome store.Outcome
				outcome, errs[i] = s.Record(ctx, newRun(texts))
				if errs[i] == nil && outcome != store.Recorded {
					errs[i] = fmt.Errorf("a new run is %s", outcome)
				}
				done[i]++
			}
		})
	}
	all.Wait()
	var sum int
	for _, n := range done {
		sum += n
	}
	return float64(sum) / time.Since(begin).Seconds(), errors.Join(errs...)
}

// newRun returns the run of transaction.sql, under another id each time.
func newRun(texts map[string]string) store.Record {
	return store.Record{
		Run: store.Run{
			RunID:  fmt.Sprintf("019ca945-0a00-8c01-%017d", rand.Int64N(1e17)),
			SpecID: fmt.Sprintf("SPEC-BENCH-%d", 1000+rand.IntN(9000)), Stage: "plan",
			Timestamp: 1772323200 + rand.Int64N(86400), ConsensusOK: true,
		},
		Artifacts: []store.Artifact{{Agent: "claude", Content: texts["content"]}},
		Syntheses: []store.Synthesis{{SynthesizedContent: texts["synthesized"]}},
	}
}

func startProfile(path string) (stop func(), err error) {
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() {
		pprof.StopCPUProfile()
		f.Close()
	}, nil
}
