package ingest

import (
	"context"
	"errors"
	"time"

	"github.com/consensusd/consensusd/store"
)

// closeRuns records the runs whose parts are complete or whose time is up, and
// those that are recorded already and have more to them now.
func (p *pass) closeRuns(ctx context.Context, closing bool) error {
	for _, g := range groups(p.in.waiting(), p.in.opts.AssembleTimeout) {
		due := closing || len(g.waitsFor(p.in.opts.Expect)) == 0
		if deadline := g.deadline(p.in.opts.AssembleTimeout); !due {
			due = !time.Now().Before(deadline)
			if recorded, err := p.in.isRecorded(ctx, g); err != nil {
				return err
			} else if !due && !recorded {
				p.due(deadline)
				continue
			}
		}
		if parcels, ok := p.reopen(ctx, g); ok {
			p.batch.add(p.in.entry(parcels))
		}
		if p.batch.full() {
			if err := p.commit(ctx); err != nil {
				return err
			}
		}
	}
	return p.commit(ctx)
}

// isRecorded reports whether the run that the parts belong to is recorded
// already, so that they amend it. It asks once for every part.
func (in *Ingester) isRecorded(ctx context.Context, g *group) (bool, error) {
	fresh := false
	for _, p := range g.parts {
		fresh = fresh || p.fresh
		p.fresh = false
	}
	id := g.recordedID()
	if !fresh || id == "" {
		return false, nil
	}
	_, err := in.store.Run(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// reopen reads the files of a run once more, now that they are recorded. It is
// not ok when one of them has changed: it is then read anew, and the run put
// together again.
func (p *pass) reopen(ctx context.Context, g *group) (parcels []parcel, ok bool) {
	ok = true
	for _, part := range g.parts {
		c := p.in.open(ctx, part.file)
		switch {
		case c.err != nil || c.doc == nil || c.sha256 != part.doc.SHA256:
			delete(p.in.parts, part.file.path)
			if part.file.place == settledPlace {
				p.in.again = append(p.in.again, part.file)
			}
			p.due(time.Now())
			ok = false
		case c.duplicate != "":
			p.batch.duplicates = append(p.batch.duplicates, c)
		default:
			parcels = append(parcels, c)
		}
	}
	return parcels, ok && len(parcels) > 0
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
