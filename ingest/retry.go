package ingest

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"time"

	"github.com/consensusd/consensusd/store"
)

// A retry spaces attempts after failures: twice as long each time, within
// bounds, and never quite as long as before, so that many daemons do not come
// back at the same moment.
type retry struct {
	pause time.Duration
	at    time.Time
}

const (
	minPause = 250 * time.Millisecond
	maxPause = 5 * time.Second
)

func (r *retry) failed(now time.Time) {
	r.pause = min(max(2*r.pause, minPause), maxPause)
	r.at = now.Add(r.pause/2 + rand.N(r.pause/2+1))
}

func (r *retry) succeeded() { *r = retry{} }

// tries are the attempts at a version of a file that failed for a fault of the
// machine's. They are only remembered, for what fails may be the database.
type tries struct {
	stamp stamp
	n     int64
	err   error // why it alone could not be read or recorded; nil when nothing could
	retry retry // when to read it again
}

// tried notes that a file could not be read, because of err, or that what was
// read could not be recorded.
func (in *Ingester) tried(f file, s stamp, err error) {
	t := in.tries[f.path]
	if !t.stamp.sameVersion(s) {
		t = tries{stamp: s}
	}
	t.n++
	t.err = err
	t.retry.failed(time.Now())
	in.tries[f.path] = t
}

// attempt is the number of the attempt at p that is being made.
func (in *Ingester) attempt(p parcel) int64 {
	if t, ok := in.tries[p.file.path]; ok && t.stamp.sameVersion(p.stamp) {
		return t.n + 1
	}
	return 1
}

// failedToRecord notes an attempt at all that a batch holds.
func (in *Ingester) failedToRecord(b *batch) {
	all := slices.Concat(b.duplicates, b.rejected)
	for _, e := range b.entries {
		all = append(all, e.parcels...)
	}
	for _, p := range all {
		in.tried(p.file, p.stamp, nil)
	}
}

// counted returns the receipts of an entry with the number of the attempt that
// each document is at.
func (in *Ingester) counted(e *entry) []store.Receipt {
	if len(in.tries) == 0 {
		return e.record.Receipts
	}
	attempts := map[store.DocumentKey]int64{}
	for _, p := range e.parcels {
		key := store.DocumentKey{SHA256: p.sha256, Identity: p.doc.Identity}
		attempts[key] = max(attempts[key], in.attempt(p))
	}
	receipts := slices.Clone(e.record.Receipts)
	for i, r := range receipts {
		receipts[i].Attempts = max(r.Attempts, attempts[store.DocumentKey{SHA256: r.SHA256, Identity: r.Identity}])
	}
	return receipts
}

// leaveAside leaves the files of a run where they are, to be tried again later:
// the fault is none of theirs.
func (in *Ingester) leaveAside(e *entry, why *store.RefusedError) {
	err := fmt.Errorf("%w; %s", why, why.Hint)
	for _, p := range e.parcels {
		delete(in.parts, p.file.path)
		in.tried(p.file, p.stamp, err)
		in.unreadable[p.file.path] = err
		in.tellOnce("cannot be recorded now", p.file.path, err)
		if p.file.place == settledPlace {
			in.tryLater(p.file)
		}
	}
}

// laidAside reports whether a file could not be read or recorded lately and is the
// same still, and notes when it will be tried again.
func (p *pass) laidAside(f file) bool {
	t, failed := p.in.tries[f.path]
	if !failed || t.err == nil || !time.Now().Before(t.retry.at) {
		return false
	}
	switch info, err := os.Lstat(f.path); {
	case errors.Is(err, fs.ErrNotExist), err == nil && !stampOf(info).sameVersion(t.stamp):
		return false
	}
	p.in.unreadable[f.path] = t.err
	p.due(t.retry.at)
	return true
}

// forgetTries forgets the attempts at what has been recorded by now, or is gone.
func (in *Ingester) forgetTries() {
	maps.DeleteFunc(in.tries, func(path string, _ tries) bool {
		_, waits := in.parts[path]
		_, unreadable := in.unreadable[path]
		return !waits && !unreadable
	})
}
