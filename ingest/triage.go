package ingest

import (
	"os"
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

// met reports whether what a scan has met is a file that must be read.
func (p *pass) met(f foundFile) bool {
	switch {
	case f.err == nil:
		return p.wanted(f.file)
	case f.path == "":
		p.errs = append(p.errs, f.err)
	default:
		p.unreadable(f.path, f.err)
	}
	return false
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
	stuck, isStuck := p.in.stuck[f.path] // has been moved, or will be
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
		return !is.sameVersion(stuck.stamp)
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

// resting reports whether a file that no scan finds is as unfinished as it was.
func (p *pass) resting(f file) bool {
	rest, rests := p.in.unfinished[f.path]
	if !rests {
		return false
	}
	info, err := os.Lstat(f.path)
	if err != nil || stampOf(info) != rest.stamp || p.rested(rest) {
		return false
	}
	rest.scan = p.in.scan
	p.in.unfinished[f.path] = rest
	return true
}

// rested reports whether an unfinished file has rested long enough to be
// rejected, and notes when it will have.
func (p *pass) rested(u unfinished) bool {
	rests := u.since
	if u.stamp != (stamp{}) { // else it lies where it cannot be looked at
		rests = cameAt(u.stamp, u.since)
	}
	until := rests.Add(p.in.opts.Settle)
	if time.Now().Before(until) {
		p.due(until)
		return false
	}
	return true
}

// cameAt is when a version came that was first seen at a time: when it was last
// changed, unless that lies ahead, because the clock was set back. It is told by
// the clock that nobody sets, so that what waits for time to pass from then on does
// not wait longer when the clock is set back later.
func cameAt(s stamp, seen time.Time) time.Time {
	return seen.Add(min(0, s.lastChange().Sub(seen)))
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
		p.in.isLeft(c.file)
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
