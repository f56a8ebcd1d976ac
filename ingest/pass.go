package ingest

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"sync"
	"time"
)

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
	waiting int    // files that no scan finds, and that are left alone for now
}

// pass reads what is new in the sources and records what is complete. Each
// folder is given to enter before it is read.
func (in *Ingester) pass(ctx context.Context, sources []source, enter func(dir string)) (*pass, error) {
	in.scan++
	in.anew, in.unreadable = false, map[string]error{}
	p := &pass{in: in, memory: newMemory(readAhead)}
	defer in.roots.close()
	if err := in.moveStuck(); err != nil {
		return p, err
	}
	if err := p.read(ctx, sources, enter); err != nil {
		return p, err
	}
	p.dropVanished()
	if err := p.closeRuns(ctx, false); err != nil {
		return p, err
	}
	if len(in.again) > p.waiting || in.anew {
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

// maxForgotten is how much is remembered beyond what is there before that is
// looked through.
const maxForgotten = 10_000

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
	if len(p.in.known) > 2*p.found+maxForgotten { // files of a tree that is read in place
		maps.DeleteFunc(p.in.known, func(path string, _ knownFile) bool { return isGone(path) })
	}
	if p.in.noteUnmoved(); len(p.in.stuck) > 0 {
		p.due(p.in.moving.at)
	}
}

// vanished reports whether a file that no scan found is gone, rather than in a
// folder that could not be read.
func (p *pass) vanished(path string) bool {
	if len(p.in.unreadable)+len(p.errs) == 0 {
		return true
	}
	return isGone(path)
}

// isGone reports whether nothing is at path.
func isGone(path string) bool {
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
	in.leaveAt(f.path)
}

// isLeft notes that a file, which no scan would find, is gone together with its
// folder. A file system may have been unmounted: the next daemon looks back.
func (in *Ingester) isLeft(f file) {
	if f.place == settledPlace && isGone(filepath.Dir(f.path)) {
		in.leaveAt(f.path)
	}
}
