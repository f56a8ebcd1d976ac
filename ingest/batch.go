package ingest

import (
	"cmp"
	"context"
	"time"

	"github.com/consensusd/consensusd/store"
)

// A batch is what is committed together: one run when idle, many under load.
type batch struct {
	entries    []*entry
	duplicates []parcel
	rejected   []parcel
	bytes      int64
	held       int64 // of the pass's memory
}

// Bounds of a batch. More runs a commit gain little (2,000 runs/s at one,
// 3,700 at 64); more bytes cost memory.
const (
	maxBatchRuns  = 64
	maxBatchBytes = 8 << 20
)

func (b *batch) full() bool {
	return len(b.entries) >= maxBatchRuns || b.bytes >= maxBatchBytes || len(b.duplicates)+len(b.rejected) >= maxBatchRuns
}

func (b *batch) empty() bool { return len(b.entries)+len(b.duplicates)+len(b.rejected) == 0 }

// An entry is one run of a batch, and the files it came from.
type entry struct {
	parcels []parcel
	record  store.Record // as judged from these files alone
	amended store.Record // as judged together with what was stored
	merge   func(store.Record) (store.Record, error)
}

// entry judges the documents of one run. One that is there twice, under two
// names that say the same, counts once.
// runID is that of the recorded run which they amend, "" when they tell it.
func (in *Ingester) entry(parcels []parcel, runID string) *entry {
	type key struct{ sha256, identity string }
	seen := map[key]bool{}
	var docs []*document
	for _, p := range parcels {
		if k := (key{p.doc.SHA256, p.doc.Identity}); !seen[k] {
			seen[k] = true
			docs = append(docs, p.doc)
		}
	}
	evidence := evidenceOf(docs, time.Now())
	evidence.runID = cmp.Or(runID, evidence.runID)
	e := &entry{parcels: parcels, record: in.judge(evidence)}
	e.merge = func(stored store.Record) (store.Record, error) {
		all, err := storedEvidence(stored)
		if err != nil {
			return store.Record{}, err
		}
		if refused := all.add(evidence); refused != nil {
			return store.Record{}, refused
		}
		e.amended = in.judge(all)
		return e.amended, nil
	}
	return e
}

func (in *Ingester) judge(e *evidence) store.Record {
	return e.judge(in.opts.Expect[e.stage]).record()
}

func (b *batch) add(e *entry) {
	b.entries = append(b.entries, e)
	for _, p := range e.parcels {
		b.bytes += p.bytes
	}
}

// commit records a batch, and then has its files settled beside what comes next.
// On an error nothing is moved that is not recorded; the next scan finds the
// files again.
func (in *Ingester) commit(ctx context.Context, b *batch) error {
	if b.empty() {
		return nil
	}
	defer in.publish()
	recorded, err := in.confirm(ctx, b.duplicates)
	if err != nil {
		return err
	}
	results, err := in.record(ctx, b.entries)
	if err != nil {
		return err
	}
	s, err := in.settling()
	if err != nil {
		return err
	}
	rejected := b.rejected
	for i, r := range results {
		rejected = append(rejected, in.settleEntry(s, b.entries[i], r)...)
	}
	for _, p := range recorded {
		in.done(s, p)
		if p.file.place == settledPlace {
			continue // looked at once more, as nobody asked to
		}
		s.events = append(s.events, Event{Outcome: string(store.Duplicate), RunID: p.duplicate, SpecID: p.doc.Spec, Stage: p.doc.Stage, Files: []string{p.file.path}})
	}
	in.news = true
	err = in.reject(ctx, s, rejected)
	in.settle(s)
	return err
}

// confirm returns the duplicates that may be moved away. What a reader sees is
// not always on stable storage yet.
func (in *Ingester) confirm(ctx context.Context, duplicates []parcel) (recorded []parcel, err error) {
	if len(duplicates) == 0 {
		return nil, nil
	}
	keys := make([]store.DocumentKey, len(duplicates))
	for i, p := range duplicates {
		keys[i] = store.DocumentKey{SHA256: p.sha256, Identity: p.doc.Identity}
	}
	runs, err := in.store.Confirm(ctx, keys...)
	if err != nil {
		return nil, err
	}
	for i, p := range duplicates {
		if runs[i] == "" { // it was deleted, or died with a server
			in.readAnew(p.file)
			continue
		}
		recorded = append(recorded, p)
	}
	return recorded, nil
}

func (in *Ingester) record(ctx context.Context, entries []*entry) ([]store.Result, error) {
	if len(entries) == 0 {
		return nil, nil
	}
	all := make([]store.Entry, len(entries))
	for i, e := range entries {
		all[i] = store.Entry{Record: e.record, Merge: e.merge}
		all[i].Receipts = in.counted(e)
	}
	begin := time.Now()
	results, err := in.store.RecordAll(ctx, all)
	in.figures.committed(begin, err)
	return results, err
}

// settleEntry settles the files of one run, and returns those to be rejected.
func (in *Ingester) settleEntry(s *settling, e *entry, r store.Result) (rejected []parcel) {
	switch r.Outcome {
	case store.Refused:
		if r.Err.Code == store.CodeDamaged {
			in.leaveAside(e, r.Err)
			return nil
		}
		for _, p := range e.parcels {
			p.rejection = &Rejection{Code: r.Err.Code, Message: r.Err.Error(), Hint: r.Err.Hint}
			rejected = append(rejected, p)
		}
		return rejected
	case store.Stale: // another daemon was faster with some of them
		for _, p := range e.parcels {
			in.readAnew(p.file)
		}
		return nil
	}
	run := e.record.Run
	if r.Outcome == store.Amended {
		run = e.amended.Run
	}
	event := Event{
		Outcome: string(r.Outcome), RunID: r.RunID, SpecID: run.SpecID, Stage: run.Stage,
		Verdict: store.Verdict(run), Missing: run.MissingAgents,
	}
	for _, p := range e.parcels {
		in.done(s, p)
		event.Files = append(event.Files, p.file.path)
	}
	if r.Outcome != store.Duplicate || e.parcels[0].file.place != settledPlace {
		s.events = append(s.events, event)
	}
	return nil
}
