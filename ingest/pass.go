package ingest

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"sync"
	"time"

	"github.com/consensusd/consensusd/store"
)

// An unfinished file may yet become a document; it is read again when it
// changes, and rejected when it has rested for the settle time.
type unfinished struct {
	stamp stamp
	since time.Time // when it was first seen with this stamp
	scan  int
}

// minReread is how soon a file that is being written is read again.
const minReread = 100 * time.Millisecond

// A pass is one look at all sources.
type pass struct {
	in      *Ingester
	batch   batch
	memory  *memory
	started sync.WaitGroup // its goroutines
	next    time.Time      // when the next file or run falls due; zero when none will
	errs    []error        // why the inbox could not be read
	done    int
	found   int
	fresh   uint64 // files that no scan has found before
	open    uint64 // runs that wait for parts
}

// pass reads what is new in the sources and records what is complete. Each
// folder is given to enter before it is read.
func (in *Ingester) pass(ctx context.Context, sources []source, enter func(dir string)) (*pass, error) {
	in.scan++
	in.anew, in.unreadable = false, map[string]error{}
	p := &pass{in: in, memory: newMemory(readAhead)}
	defer in.roots.close()
	again := in.again
	if err := p.read(ctx, sources, enter); err != nil {
		in.again = append(again, in.again...) // no scan would find them
		return p, err
	}
	p.dropVanished()
	if err := p.closeRuns(ctx, false); err != nil {
		return p, err
	}
	if len(in.again) > 0 || in.anew {
		p.due(time.Now().Add(minReread))
	}
	p.in.forgetTries()
	return p, errors.Join(p.errs...)
}

// closeAll records every run that waits as it is. It is not done when a file
// of one has changed meanwhile, which takes another pass.
func (in *Ingester) closeAll(ctx context.Context) (done bool, err error) {
	p := &pass{in: in, memory: newMemory(readAhead)}
	if err = p.closeRuns(ctx, true); err == nil {
		in.forgetTries()
	}
	return p.next.IsZero() && len(in.again) == 0 && !in.anew, err
}

func (p *pass) due(t time.Time) {
	if p.next.IsZero() || t.Before(p.next) {
		p.next = t
	}
}

// read takes the files that a scan finds to the readers and what they read to
// the batch. It commits when a batch is full, and whenever nothing is ready:
// one run when idle, more as more wait.
func (p *pass) read(ctx context.Context, sources []source, enter func(string)) error {
	ctx, cancel := context.WithCancel(ctx)
	work := make(chan file, maxBatchRuns) // enough for the readers to go on during a commit
	defer func() {
		cancel()
		close(work)
		p.started.Wait()
		p.in.catchUp()
	}()
	parcels := p.readAll(ctx, work)
	found := p.find(ctx, sources, enter)
	queue := p.in.again // first what was moved already
	p.in.again, p.in.queued = nil, len(queue) > 0
	var reading int
	for found != nil || len(queue) > 0 || reading > 0 {
		if len(parcels) == 0 || p.batch.full() {
			if err := p.commit(ctx); err != nil {
				return err
			}
		}
		from, to, next := found, (chan<- file)(nil), file{}
		if len(queue) > 0 {
			to, next = work, queue[0]
		}
		if len(queue) >= maxBatchRuns {
			from = nil
		}
		select {
		case f, ok := <-from:
			switch {
			case !ok:
				found = nil
			case f.err != nil && f.path == "":
				p.errs = append(p.errs, f.err)
			case f.err != nil:
				p.unreadable(f.path, f.err)
			case p.wanted(f.file):
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
		case moved := <-p.in.behind:
			p.in.settled(moved)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	p.in.queued = false
	return p.commit(ctx)
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

// wanted reports whether a file that was found must be read: not when its fate is
// known, or when it waits and has not changed.
func (p *pass) wanted(f file) bool {
	p.found++
	if p.laidAside(f) {
		return false
	}
	part, waits := p.in.parts[f.path]
	rest, rests := p.in.unfinished[f.path]
	known, isKnown := p.in.known[f.path]
	stuck, isStuck := p.in.stuck[f.path]
	if !waits && !rests && !isKnown && !isStuck {
		if f.ignored {
			p.ignore(f, knownFile{})
			return false
		}
		p.fresh++
		return true
	}
	if f.ignored {
		return false
	}
	info, err := os.Lstat(f.path)
	if err != nil {
		return false
	}
	is := stampOf(info)
	switch {
	case waits:
		part.scan = p.in.scan
		return is != part.stamp
	case isStuck:
		return is != stuck.stamp || !time.Now().Before(stuck.retry)
	case isKnown:
		return p.changed(f.path, known, is)
	}
	rest.scan = p.in.scan
	p.in.unfinished[f.path] = rest
	if is != rest.stamp {
		return true
	}
	return p.rested(rest)
}

// rested reports whether an unfinished file has rested long enough to be
// rejected, and notes when it will have.
func (p *pass) rested(u unfinished) bool {
	until := earlier(u.stamp.lastChange(), u.since).Add(p.in.opts.Settle)
	if time.Now().Before(until) {
		p.due(until)
		return false
	}
	return true
}

// take sorts what was read.
func (p *pass) take(c parcel) {
	p.done++
	store.Step("read")
	path := c.file.path
	p.batch.held += c.held
	switch {
	case c.err != nil:
		p.unreadable(path, c.err)
		p.in.tried(c.file, c.stamp, c.err)
		if c.file.place == settledPlace {
			p.in.tryLater(c.file)
		}
	case c.gone:
		delete(p.in.unfinished, path)
	case c.changing, c.rejection != nil && c.rejection.unfinished && p.in.mayGrow(c.file):
		p.rest(c)
	case c.rejection != nil && c.ignorable():
		if c.rejection.database {
			p.in.tellOnce("left alone", path, c.rejection)
		}
		p.ignore(c.file, c.known())
	case c.rejection != nil:
		delete(p.in.unfinished, path)
		p.batch.rejected = append(p.batch.rejected, c)
	case c.duplicate != "":
		delete(p.in.unfinished, path)
		p.batch.duplicates = append(p.batch.duplicates, c)
	case c.doc.Kind == docRun:
		delete(p.in.unfinished, path)
		p.batch.add(c.run)
	default:
		delete(p.in.unfinished, path)
		delete(p.in.known, path)
		p.in.parts[path] = &part{file: c.file, stamp: c.stamp, doc: c.doc.outline(), fresh: true, since: time.Now(), scan: p.in.scan}
	}
}

func (p *pass) ignore(f file, k knownFile) {
	if _, told := p.in.known[f.path]; !told {
		p.in.event(Event{Outcome: ignored, Files: []string{f.path}})
	}
	p.in.known[f.path] = k
}

// rest leaves an unfinished file where it is, until it has changed or rested.
func (p *pass) rest(c parcel) {
	path := c.file.path
	delete(p.in.parts, path)
	u, ok := p.in.unfinished[path]
	if !ok || u.stamp != c.stamp {
		u = unfinished{stamp: c.stamp, since: time.Now()}
	}
	u.scan = p.in.scan
	p.in.unfinished[path] = u
	if !c.changing && p.rested(u) {
		delete(p.in.unfinished, path)
		p.batch.rejected = append(p.batch.rejected, c)
		return
	}
	if c.changing {
		p.due(time.Now().Add(minReread))
	}
	if c.file.place == settledPlace {
		p.in.again = append(p.in.again, c.file)
	}
}

// unreadable tells once of a file or folder that the machine does not let us
// read. It is tried again with every scan; what is beside it goes on.
func (p *pass) unreadable(path string, err error) {
	p.in.unreadable[path] = err
	p.in.tellOnce("cannot read", path, err)
}

// dropVanished forgets files that their producers took away.
func (p *pass) dropVanished() {
	for path, part := range p.in.parts {
		if part.scan != p.in.scan && part.file.place != settledPlace && p.vanished(path) {
			delete(p.in.parts, path)
		}
	}
	for path, u := range p.in.unfinished {
		if u.scan != p.in.scan && p.vanished(path) {
			delete(p.in.unfinished, path)
		}
	}
	for path := range p.in.stuck {
		if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) { // somebody else moved it
			delete(p.in.stuck, path)
		}
	}
}

// vanished reports whether a file that no scan found is gone, rather than in a
// folder that could not be read.
func (p *pass) vanished(path string) bool {
	if len(p.in.unreadable)+len(p.errs) == 0 {
		return true
	}
	_, err := os.Lstat(path)
	return errors.Is(err, fs.ErrNotExist)
}

// tryLater keeps a file that no scan would find for the next pass. Who reads
// once leaves it to the next daemon, which looks back.
func (in *Ingester) tryLater(f file) {
	if in.watching {
		in.again = append(in.again, f)
		return
	}
	in.left = true
}
