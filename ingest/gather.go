package ingest

import (
	"context"
	"slices"
	"time"
)

// gatherTime is how long a batch waits for files that are being read, so that
// one commit serves them too. What is read quickly comes within a fraction of
// it; a large file, or a slow disk, keeps nobody waiting for longer.
const gatherTime = 5 * time.Millisecond

// A gathering takes the files that a scan finds to the readers, and what they
// have read to the batch.
type gathering struct {
	*pass
	scanned  <-chan foundFile // nil when the scan is over
	queue    []file
	work     chan<- file
	reading  int // files that the readers have
	parcels  <-chan parcel
	patience <-chan time.Time // ends when the batch waits no longer for what is being read; nil while it does not
	waited   bool
}

// read commits when a batch is full, and when nothing more is about to be ready:
// one run when idle, more as more wait.
func (p *pass) read(ctx context.Context, sources []source, enter func(string)) error {
	queue := p.ready() // first what was moved already
	p.in.queued = len(queue) > 0
	defer p.giveBack(queue)
	ctx, cancel := context.WithCancel(ctx)
	work := make(chan file, 2*maxBatchRuns) // enough for the readers to go on during a commit
	defer func() {
		cancel()
		close(work)
		p.started.Wait()
		p.in.catchUp()
	}()
	g := &gathering{pass: p, parcels: p.readAll(ctx, work), scanned: p.find(ctx, sources, enter), queue: queue, work: work}
	for g.scanned != nil || len(g.queue) > 0 || g.reading > 0 {
		switch {
		case p.batch.full(), len(g.parcels) == 0 && (g.reading == 0 || g.waited):
			if err := p.commit(ctx); err != nil {
				return err
			}
			g.patience, g.waited = nil, false
		case g.patience == nil && (!p.batch.empty() || p.batch.held > 0): // what it holds, others may wait for
			g.patience = time.After(gatherTime)
		}
		if err := g.step(ctx); err != nil {
			return err
		}
	}
	err := p.commit(ctx)
	p.in.queued = err != nil
	return err
}

// step waits for one thing to happen.
func (g *gathering) step(ctx context.Context) error {
	from, to, next := g.scanned, (chan<- file)(nil), file{}
	if len(g.queue) > 0 {
		to, next = g.work, g.queue[0]
	}
	if len(g.queue) >= 2*maxBatchRuns {
		from = nil
	}
	select {
	case f, ok := <-from:
		switch {
		case !ok:
			g.scanned = nil
		case g.met(f):
			g.queue = append(g.queue, f.file)
		}
	case to <- next:
		g.queue = g.queue[1:]
		g.reading++
	case parcel := <-g.parcels:
		g.reading--
		if parcel.unknown != nil {
			g.in.tried(parcel.file, parcel.stamp, nil)
			return parcel.unknown
		}
		g.take(parcel)
		g.in.opts.OnProgress(g.done, g.found)
	case <-g.patience:
		g.waited = true
	case moved := <-g.in.behind:
		g.in.settled(moved)
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

// ready takes the files that no scan finds and that are to be read now.
func (p *pass) ready() (files []file) {
	p.in.again = slices.DeleteFunc(p.in.again, func(f file) bool {
		if p.laidAside(f) || p.resting(f) {
			p.waiting++
			return false
		}
		files = append(files, f)
		return true
	})
	return files
}

// giveBack returns the files that were taken for a pass that failed.
func (p *pass) giveBack(files []file) {
	if !p.in.queued {
		return
	}
	there := map[string]bool{}
	for _, f := range p.in.again {
		there[f.path] = true
	}
	for _, f := range files {
		if !there[f.path] {
			p.in.again = append(p.in.again, f)
		}
	}
	p.in.queued = false
}

func (p *pass) commit(ctx context.Context) error {
	b := p.batch
	p.batch = batch{}
	defer p.memory.release(b.held)
	if err := p.in.commit(ctx, &b); err != nil {
		if ctx.Err() == nil {
			p.in.failedToRecord(&b)
		}
		return err
	}
	now := wallClock()
	if !p.in.lock.due(now) {
		return nil
	}
	if p.in.catchUp(); !p.in.Settled() {
		return nil
	}
	return p.in.lock.lookedAt(now)
}
