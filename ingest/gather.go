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

// read takes the files that a scan finds to the readers and what they read to
// the batch. It commits when a batch is full, and when nothing more is about to
// be ready: one run when idle, more as more wait.
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
	parcels := p.readAll(ctx, work)
	found := p.find(ctx, sources, enter)
	var reading int
	var patience <-chan time.Time // ends when the batch waits no longer for what is being read
	var waited bool
	for found != nil || len(queue) > 0 || reading > 0 {
		switch {
		case p.batch.full(), len(parcels) == 0 && (reading == 0 || waited):
			if err := p.commit(ctx); err != nil {
				return err
			}
			patience, waited = nil, false
		case patience == nil && (!p.batch.empty() || p.batch.held > 0): // what it holds, others may wait for
			patience = time.After(gatherTime)
		}
		from, to, next := found, (chan<- file)(nil), file{}
		if len(queue) > 0 {
			to, next = work, queue[0]
		}
		if len(queue) >= 2*maxBatchRuns {
			from = nil
		}
		select {
		case f, ok := <-from:
			switch {
			case !ok:
				found = nil
			case p.met(f):
				queue = append(queue, f.file)
			}
		case to <- next:
			queue = queue[1:]
			reading++
		case parcel := <-parcels:
			reading--
			if parcel.unknown != nil {
				p.in.tried(parcel.file, parcel.stamp, nil)
				return parcel.unknown
			}
			p.take(parcel)
			p.in.opts.OnProgress(p.done, p.found)
		case <-patience:
			waited = true
		case moved := <-p.in.behind:
			p.in.settled(moved)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	err := p.commit(ctx)
	p.in.queued = err != nil
	return err
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
