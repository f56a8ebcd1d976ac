package ingest

import (
	"context"
	"time"

	"github.com/consensusd/consensusd/store"
)

// done has a recorded file moved to done/.
func (in *Ingester) done(s *settling, p parcel) {
	if in.isOurs(p) {
		s.recorded = append(s.recorded, p.settled())
	}
}

// failed has a rejected file moved to failed/, with its reason beside it.
func (in *Ingester) failed(s *settling, p parcel) {
	if in.isOurs(p) {
		s.rejected = append(s.rejected, p.settled())
	}
}

// isOurs forgets that a file waited, and reports whether it may be moved. One
// that is read in place stays, and is known from now on.
func (in *Ingester) isOurs(p parcel) bool {
	delete(in.parts, p.file.path)
	switch p.file.place {
	case keptPlace:
		return false
	case inPlace, namedPlace:
		in.known[p.file.path] = p.known()
		return false
	}
	return true
}

// settle moves the files of a group away beside what else is done. It waits for
// the group before it.
func (in *Ingester) settle(s *settling) {
	in.catchUp()
	if len(s.recorded)+len(s.rejected) == 0 {
		in.settled(s)
		return
	}
	moved := make(chan *settling, 1)
	in.behind = moved
	go func() {
		s.move()
		moved <- s
	}()
}

// catchUp waits for the group that is being moved, if there is one.
func (in *Ingester) catchUp() {
	if in.behind != nil {
		in.settled(<-in.behind)
	}
}

// settled notes what came of moving a group away, and tells it.
func (in *Ingester) settled(s *settling) {
	in.behind = nil
	if len(in.named) > maxForgotten {
		clear(in.named) // to sync them once more is no harm
	}
	in.noteStuck(s)
	in.left = in.left || s.unsynced
	in.again = append(in.again, s.again...)
	for _, path := range s.left {
		in.leaveAt(path)
	}
	for _, c := range s.wrong {
		in.tellOnce(c.what, c.path, c.err)
	}
	for _, e := range s.events {
		in.event(e)
	}
}

// reject notes the parcels' rejections in the database and has their files moved
// to failed/.
func (in *Ingester) reject(ctx context.Context, s *settling, parcels []parcel) error {
	if len(parcels) == 0 {
		return nil
	}
	now := time.Now()
	var receipts []store.Receipt
	var of []*Rejection
	for _, p := range parcels {
		p.rejection.SHA256, p.rejection.FirstSeen, p.rejection.Attempts = p.sha256, now.UTC().Format(time.RFC3339), in.attempt(p)
		if r, ok := p.receiptOfRejected(now); ok {
			r.Attempts = p.rejection.Attempts
			receipts = append(receipts, r)
			of = append(of, p.rejection)
		}
	}
	receipts, err := in.store.Reject(ctx, receipts...)
	if err != nil {
		return err
	}
	for i, r := range receipts {
		of[i].FirstSeen, of[i].Attempts = store.Time(r.FirstSeen).Format(time.RFC3339), r.Attempts
	}
	for _, p := range parcels {
		in.failed(s, p)
		s.events = append(s.events, Event{Outcome: store.Rejected, Files: []string{p.file.path}, Rejection: p.rejection})
	}
	return nil
}
