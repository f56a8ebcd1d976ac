package ingest

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/consensusd/consensusd/store"
)

// closeRuns records the runs whose parts are complete or whose time is up, and
// those that are recorded already and have more to them now.
func (p *pass) closeRuns(ctx context.Context, closing bool) error {
	defer p.in.catchUp()
	for _, g := range p.in.groups() {
		runID, err := p.in.recordedRun(ctx, g)
		if err != nil {
			return err
		}
		deadline := g.deadline(p.in.opts.AssembleTimeout)
		if !closing && runID == "" && len(g.waitsFor(p.in.opts.Expect)) > 0 && time.Now().Before(deadline) {
			p.due(deadline)
			p.open++
			continue
		}
		parcels, err := p.reopen(ctx, g)
		if err != nil {
			return err
		}
		if len(parcels) > 0 {
			p.batch.add(p.in.entry(parcels, runID))
		}
		if p.batch.full() {
			if err := p.commit(ctx); err != nil {
				return err
			}
		}
	}
	return p.commit(ctx)
}

// recordedRun returns the run that the parts belong to if it is recorded
// already, so that they amend it, else "". It asks once for every part that is
// to wait; one that amends is asked for again until it is recorded.
func (in *Ingester) recordedRun(ctx context.Context, g *group) (runID string, err error) {
	if !slices.ContainsFunc(g.parts, func(p *part) bool { return p.fresh }) {
		return "", nil
	}
	ctx, cancel := context.WithTimeout(ctx, storePatience)
	defer cancel()
	if runID = g.recordedID(); runID == "" {
		runID, err = in.hostRun(ctx, g)
	} else if _, err = in.store.Run(ctx, runID); errors.Is(err, store.ErrNotFound) {
		runID, err = "", nil
	} else if errors.Is(err, store.ErrDamaged) {
		err = nil // it is there: its parts wait until it can be read
	}
	if err != nil || runID != "" {
		return runID, err
	}
	for _, p := range g.parts {
		p.fresh = false
	}
	return "", nil
}

// hostRun returns the run that a synthesis known by spec and stage alone came
// too late for: the only run of these that was recorded within the time that a
// run is waited for, and that has no synthesis. Other parts that come too late
// are the beginning of another run: taken for an answer, a manifest or metrics of the
// last one, they could make it better than its evidence, and theirs too.
func (in *Ingester) hostRun(ctx context.Context, g *group) (string, error) {
	lead := g.parts[0].doc
	if slices.ContainsFunc(g.parts, func(p *part) bool { return p.doc.Kind != docSynthesis }) {
		return "", nil
	}
	since := g.parts[0].stamp.lastChange().Add(-in.opts.AssembleTimeout)
	recent, err := in.store.RecentRuns(ctx, lead.Spec, lead.Stage, since)
	if err != nil || len(recent) != 1 {
		return "", err
	}
	r, err := in.store.Whole(ctx, recent[0])
	switch {
	case errors.Is(err, store.ErrDamaged):
		return recent[0], nil // nobody knows, before it can be read
	case err != nil || len(r.Syntheses) > 0:
		return "", err
	}
	for _, p := range g.parts {
		apart := time.Duration(p.doc.Report.At-r.Run.Timestamp*1000) * time.Millisecond
		if p.doc.Report.Rank < timeOfFile && apart.Abs() > sameRunWithin {
			return "", nil
		}
	}
	return r.Run.RunID, nil
}

// reopen reads the files of a run once more, now that they are recorded. It
// returns none when one of them has changed: that is then read anew, and the run
// put together again.
func (p *pass) reopen(ctx context.Context, g *group) (parcels []parcel, err error) {
	ok := true
	for _, part := range g.parts {
		makeRoom(part.stamp.size)
		c := p.in.open(ctx, part.file)
		switch {
		case c.unknown != nil:
			return nil, c.unknown
		case c.err != nil || c.doc == nil || c.sha256 != part.doc.SHA256:
			p.in.readAnew(part.file)
			p.due(time.Now())
			ok = false
		case c.duplicate != "":
			p.batch.duplicates = append(p.batch.duplicates, c)
		default:
			parcels = append(parcels, c)
		}
	}
	if !ok {
		return nil, nil
	}
	return parcels, nil
}

// readAnew forgets what is known of a file that waits, so that the next pass
// reads it.
func (in *Ingester) readAnew(f file) {
	in.anew = true
	delete(in.parts, f.path)
	if f.place == settledPlace {
		in.again = append(in.again, f) // no scan would find it
	}
}
