// Package ingest turns the files that agents write into recorded runs.
//
// A file's way: it is found by a scan, read, parsed, put together with the
// other files of its run, judged, recorded in one transaction with them, and
// only then moved away. The directory is the queue: whatever happens between
// two steps, the file is still there, and its receipt in the database makes
// reading it again harmless.
package ingest

import (
	"cmp"
	"io"
	"log/slog"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"github.com/consensusd/consensusd/schema"
	"github.com/consensusd/consensusd/store"
)

// Options say how to ingest. Zero values are the defaults.
type Options struct {
	Observe         []string            // trees to read in place beside the inbox
	Expect          map[string][]string // agents by stage, for runs whose documents do not say
	AssembleTimeout time.Duration       // how long a run waits after its newest part; 15 minutes
	Settle          time.Duration       // how long an unfinished file must rest before it is rejected; 30 seconds
	Rescan          time.Duration       // how long at most between scans; 5 seconds
	MaxBytes        int64               // the largest document; 64 MiB
	KeepDone        time.Duration       // how long files stay in done/; negative deletes at once, 0 is 7 days
	Log             *slog.Logger        // nil logs nothing
	OnEvent         func(Event)         // called for everything that becomes of a file or run
	OnProgress      func(done, found int)
}

func (o Options) withDefaults() Options {
	def := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	def(&o.AssembleTimeout, 15*time.Minute)
	def(&o.Settle, 30*time.Second)
	def(&o.Rescan, 5*time.Second)
	def(&o.KeepDone, 7*24*time.Hour)
	if o.MaxBytes == 0 {
		o.MaxBytes = 64 << 20
	}
	if o.Log == nil {
		o.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	if o.OnEvent == nil {
		o.OnEvent = func(Event) {}
	}
	if o.OnProgress == nil {
		o.OnProgress = func(int, int) {}
	}
	return o
}

// An Event is what became of a run or, when it has no run, of a file.
type Event struct {
	Outcome   string // recorded, amended, duplicate, rejected or ignored
	RunID     string
	SpecID    string
	Stage     string
	Verdict   schema.Verdict
	Missing   []string
	Files     []string   // their paths
	Rejection *Rejection // when rejected
}

// Counts add up events: recorded, amended and pending count runs, the others
// files.
type Counts struct {
	Recorded  int `json:"recorded"`
	Amended   int `json:"amended"`
	Duplicate int `json:"duplicate"`
	Rejected  int `json:"rejected"`
	Pending   int `json:"pending"`
	Ignored   int `json:"ignored"`
}

// An Ingester records the files of one home. One goroutine at a time may use
// it, but for Trouble, Ready, Warnings and Figures.
type Ingester struct {
	home  Home
	store *store.Store
	opts  Options

	parts      map[string]*part      // waiting for their run, by path
	unfinished map[string]unfinished // by path
	known      map[string]knownFile  // files read in place whose fate is known, by path
	lock       *Lock                 // of the home; nil when files are read in place
	again      []file                // moved to done/, and found to be another version than was recorded
	queued     bool                  // a pass has taken files from again, and is not through with them
	anew       bool                  // something was forgotten so that the next pass reads it
	unreadable map[string]error      // what the last scan could not read, by path
	pruneAt    time.Time             // when it is to be looked what is to be pruned
	left       bool                  // something outside of the inbox is for the next daemon to look at
	unseen     bool                  // some of it may be in done/, and not recorded
	stuck      map[string]parcel     // settled, and could not be moved away because of their err, by path
	moving     retry                 // when to try again to move them
	tries      map[string]tries      // that failed, by path
	told       map[string]bool       // what was warned of, once
	toldSince  time.Time             // when the first of that was
	named      map[string]bool       // folders whose names are on stable storage
	behind     chan *settling        // the group that is being moved away; nil when none is
	news       bool                  // the last pass has recorded or rejected something
	watching   bool
	replaying  bool
	scan       int // counts scans
	counts     Counts
	figures    Figures
	roots      roots

	announced     announcement // when the last scan began
	counting      bool         // the last scan saw everything: what is new came after it
	failedAt      uint64       // files that were rejected when failed/ was counted
	failedCounted time.Time    // when it was

	trouble   atomic.Pointer[Trouble]
	unmoved   atomic.Pointer[error] // about the files that are stuck
	unread    atomic.Pointer[error] // about what cannot be read or recorded, nil in it when there is none
	published atomic.Pointer[Figures]
	overflows atomic.Uint64
}

// Trouble is why nothing can be recorded at present.
type Trouble struct {
	Err   error
	Since time.Time
}

// New returns an ingester that records into s.
func New(home Home, s *store.Store, opts Options) *Ingester {
	in := &Ingester{
		home: home, store: s, opts: opts.withDefaults(),
		stuck: map[string]parcel{}, tries: map[string]tries{}, told: map[string]bool{}, named: map[string]bool{}, parts: map[string]*part{},
		unfinished: map[string]unfinished{}, known: map[string]knownFile{}, unreadable: map[string]error{},
		figures: newFigures(),
	}
	in.publish()
	return in
}

// Trouble returns why nothing can be recorded at present, nil when all is well.
func (in *Ingester) Trouble() *Trouble { return in.trouble.Load() }

// Counts returns what became of files and runs so far.
func (in *Ingester) Counts() Counts {
	c := in.counts
	c.Pending = len(in.groups()) + len(in.unfinished)
	return c
}

// waiting are the parts that wait, in the order of their paths.
func (in *Ingester) waiting() []*part {
	parts := slices.Collect(maps.Values(in.parts))
	slices.SortFunc(parts, func(a, b *part) int { return cmp.Compare(a.file.path, b.file.path) })
	return parts
}

func (in *Ingester) event(e Event) {
	switch n := len(e.Files); e.Outcome {
	case string(store.Recorded):
		in.counts.Recorded++
	case string(store.Amended):
		in.counts.Amended++
	case string(store.Duplicate):
		in.counts.Duplicate += n
	case store.Rejected:
		in.counts.Rejected += n
	case ignored:
		in.counts.Ignored += n
	}
	in.figures.count(e)
	in.opts.OnEvent(e)
}

const ignored = "ignored"

// maxTold bounds what is remembered of warnings, and how many are given in
// toldFor: else one fault of a disk that is full of files would fill the log.
const (
	maxTold = 10_000
	toldFor = time.Hour
)

// tellOnce warns of something wrong with a path, once until the reason changes.
func (in *Ingester) tellOnce(what, path string, err error) {
	key := what + " " + path + ": " + err.Error()
	if in.told[key] {
		return
	}
	if len(in.told) >= maxTold {
		if time.Since(in.toldSince) < toldFor {
			return
		}
		clear(in.told)
	}
	if len(in.told) == 0 {
		in.toldSince = time.Now()
	}
	in.told[key] = true
	in.opts.Log.Warn(what, "path", path, "error", err)
	if len(in.told) == maxTold {
		in.opts.Log.Warn("no more warnings of this kind for a while: there are very many")
	}
}
