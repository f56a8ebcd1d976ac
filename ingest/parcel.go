package ingest

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/consensusd/consensusd/store"
)

// A parcel is a file that has been read: a document or the reason why it is
// none.
type parcel struct {
	file      file
	stamp     stamp
	fresh     bool // its stamp alone does not tell it from a later version
	sha256    string
	bytes     int64
	doc       *document
	run       *entry // of a run document: the run as it is judged
	rejection *Rejection
	duplicate string // the run that this very document is recorded in already
	changing  bool   // it was written while it was read
	gone      bool   // it is not there any more
	held      int64  // of the pass's memory, until the parcel is dealt with
	err       error  // the machine's fault, not the file's
	unknown   error  // why the store could not tell whether it is a duplicate
}

// readers is how many files are read and parsed at the same time.
const readers = 2

// readAll reads the files that it receives and sends a parcel for each, as far
// ahead as memory allows, until files is closed or ctx is done.
func (p *pass) readAll(ctx context.Context, files <-chan file) <-chan parcel {
	parcels := make(chan parcel, 2*maxBatchRuns)
	workers := readers
	if p.in.replaying {
		workers = 1 // in the order in which they came
	}
	for range workers {
		p.started.Go(func() {
			for f := range files {
				held := p.memory.acquire(ctx, f)
				c := p.in.open(ctx, f)
				c.held = held
				if c.rejection == nil && c.doc != nil && c.doc.Kind == docRun {
					c.run = p.in.entry([]parcel{c}, "")
				}
				select {
				case parcels <- c:
				case <-ctx.Done():
					return
				}
			}
		})
	}
	return parcels
}

// settled is the parcel without its contents.
func (p parcel) settled() parcel {
	p.doc, p.run = nil, nil
	return p
}

// open reads one file.
func (in *Ingester) open(ctx context.Context, f file) parcel {
	p := parcel{file: f}
	c, err := in.read(f)
	p.stamp, p.fresh, p.sha256, p.bytes = c.stamp, c.fresh, c.sha256, c.stamp.size
	if f.place == keptPlace {
		p.stamp.changed = 0 // when it was moved there: its last change tells when it came
	}
	switch {
	case errors.As(err, &p.rejection):
		if p.stamp == (stamp{}) {
			if info, err := os.Lstat(f.path); err == nil {
				p.stamp = stampOf(info)
			}
		}
		return p
	case errors.Is(err, errChanging):
		p.changing = true
		return p
	case errors.Is(err, fs.ErrNotExist):
		p.gone = true
		return p
	case err != nil:
		p.err = err
		if info, err := os.Lstat(f.path); err == nil {
			p.stamp = stampOf(info)
		}
		return p
	}
	p.doc, p.rejection = readDocument(c.data, in.origin(f, c.stamp))
	if p.rejection != nil {
		return p
	}
	p.doc.SHA256 = p.sha256
	if p.doc.Kind == docRun && f.place != settledPlace || in.store == nil {
		return p // the writer tells whether it is a duplicate, which it hardly ever is
	}
	asking, cancel := context.WithTimeout(ctx, storePatience)
	defer cancel()
	runID, recorded, err := in.store.IsRecorded(asking, p.sha256, p.doc.Identity)
	if recorded {
		p.duplicate = runID
	}
	p.unknown = err
	return p
}

// read reads the bytes of a file, in the tree that it was found in.
func (in *Ingester) read(f file) (contents, error) {
	limit, ownLink := in.opts.MaxBytes, f.place == inboxPlace
	top := in.home.rootOf(f.path)
	if f.place == inPlace || top == "" {
		top = strings.TrimSuffix(f.path, string(filepath.Separator)+f.rel)
	}
	if f.place == namedPlace || top == f.path { // who names a file knows what leads to it
		return readFile(f.path, limit, ownLink, in.store)
	}
	r, err := in.roots.open(top)
	if err != nil {
		return contents{}, err
	}
	return r.readBelow(strings.TrimPrefix(f.path, top+string(filepath.Separator)), limit, ownLink, in.store)
}

// storePatience is how long the store may take to answer a question: a server
// that was cut off never does.
const storePatience = 15 * time.Second

func (in *Ingester) origin(f file, s stamp) origin {
	path := f.rel
	if f.place == inPlace || f.place == namedPlace {
		if abs, err := filepath.Abs(f.path); err == nil {
			path = abs // the root itself may be the folder named for the spec
		}
	}
	return originOf(path, f.rel, time.Unix(0, s.modified), time.Now())
}

// ignorable reports whether a file read in place is none of ours, rather than
// a bad document.
func (p parcel) ignorable() bool {
	if p.rejection.database {
		return p.rejection.only || p.file.place == inPlace || p.file.place == namedPlace
	}
	if p.file.place != inPlace {
		return false
	}
	return p.rejection.Code == CodeNotConsensus || p.rejection.Code == CodeUnknown && parseName(filepath.Base(p.file.path)) == (fileName{})
}

// receiptOfRejected is the receipt of a file that is no document; ok is false
// when its bytes are not known.
func (p parcel) receiptOfRejected(now time.Time) (r store.Receipt, ok bool) {
	r = store.Receipt{
		SHA256: p.sha256, Path: shorten(filepath.ToSlash(p.file.rel), 4096), Bytes: p.bytes, Kind: p.rejection.Code,
		Reason: shorten(p.rejection.Error(), maxReason), Attempts: 1, FirstSeen: now.Unix(), SettledAt: now.Unix(),
	}
	if p.doc != nil {
		r.Identity, r.Kind = p.doc.Identity, string(p.doc.Kind)
	}
	return r, p.sha256 != ""
}
