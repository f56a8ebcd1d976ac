package ingest

import (
	"context"
	"maps"
	"os"
	"strings"
	"time"

	"github.com/consensusd/consensusd/schema"
	"github.com/consensusd/consensusd/store"
)

// Figures are what a daemon counts of its own work since it started, and what
// waits for it.
type Figures struct {
	Recording   bool   // nothing keeps it from recording
	Overflows   uint64 // of the queue of file events
	Unannounced uint64 // new files that a scan found without an event having asked for it
	Passes      uint64 // scans that saw everything

	FilesRecorded, FilesAmended, FilesDuplicate, FilesRejected, FilesIgnored uint64

	RunsRecorded, RunsAmended map[schema.Verdict]uint64

	Commits       uint64             // of runs, that succeeded
	FailedCommits uint64             // of runs, that came to nothing
	CommitBuckets map[float64]uint64 // successful commits by the seconds that they took at most
	CommitSeconds float64            // all of them together
	LastCommit    time.Time          // zero before the first

	OpenRuns        uint64    // waiting for parts
	UnfinishedFiles uint64    // that may yet become documents
	StuckFiles      uint64    // whose fate is recorded, and which cannot be moved away
	InboxFiles      uint64    // waiting, as of the last scan
	OldestWaiting   time.Time // since when the oldest of these waits; zero when none does
	FailedFiles     uint64    // in failed/, as of the last scan

	DatabaseBytes, WALBytes int64 // on disk, 0 where the database is a server's
}

// commitBounds are the seconds by which commits are counted: a disk that syncs
// well takes one to ten milliseconds, one that does not a second and more.
var commitBounds = []float64{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10}

func newFigures() Figures {
	f := Figures{Recording: true, CommitBuckets: map[float64]uint64{}}
	for _, bound := range commitBounds {
		f.CommitBuckets[bound] = 0
	}
	f.RunsRecorded, f.RunsAmended = noVerdicts(), noVerdicts()
	return f
}

func noVerdicts() map[schema.Verdict]uint64 {
	return map[schema.Verdict]uint64{schema.Unanimous: 0, schema.Degraded: 0, schema.Failed: 0}
}

// Figures returns the figures as of the last commit or scan. Any goroutine may
// ask at any time: it waits for nothing that the ingester does, and reads
// neither the inbox nor the database.
func (in *Ingester) Figures() Figures {
	f := *in.published.Load()
	f.Recording, f.Overflows = in.Trouble() == nil, in.overflows.Load()
	f.DatabaseBytes, f.WALBytes = in.store.FileBytes()
	return f
}

// publish makes the figures visible to who asks from now on.
func (in *Ingester) publish() {
	f := in.figures
	f.RunsRecorded, f.RunsAmended, f.CommitBuckets = maps.Clone(f.RunsRecorded), maps.Clone(f.RunsAmended), maps.Clone(f.CommitBuckets)
	in.published.Store(&f)
}

// count adds what became of a run or of files.
func (f *Figures) count(e Event) {
	files := uint64(len(e.Files))
	switch e.Outcome {
	case string(store.Recorded):
		f.RunsRecorded[e.Verdict]++
		f.FilesRecorded += files
	case string(store.Amended):
		f.RunsAmended[e.Verdict]++
		f.FilesAmended += files
	case string(store.Duplicate):
		f.FilesDuplicate += files
	case store.Rejected:
		f.FilesRejected += files
	case ignored:
		f.FilesIgnored += files
	}
}

// committed counts a commit of runs that began at a time.
func (f *Figures) committed(begin time.Time, err error) {
	if err != nil {
		f.FailedCommits++
		return
	}
	f.LastCommit = time.Now()
	took := f.LastCommit.Sub(begin).Seconds()
	f.Commits++
	f.CommitSeconds += took
	for _, bound := range commitBounds {
		if took <= bound {
			f.CommitBuckets[bound]++
		}
	}
}

// A census counts files that wait.
type census struct {
	files  uint64
	oldest time.Time
}

func (c *census) add(s stamp) {
	c.files++
	if t := s.lastChange(); c.oldest.IsZero() || t.Before(c.oldest) {
		c.oldest = t
	}
}

// countInbox counts what waits before a pass: it may be long until its end, or
// something may keep it from getting there.
func (in *Ingester) countInbox(ctx context.Context) {
	var c census
	inbox := source{in.home.Inbox(), inboxPlace}
	err := inbox.scan(ctx, nil, func(f file) error {
		if info, err := os.Lstat(f.path); err == nil && !f.ignored {
			c.add(stampOf(info))
		}
		return nil
	}, func(string, error) error { return nil })
	if err == nil {
		in.figures.InboxFiles, in.figures.OldestWaiting = c.files, c.oldest
		in.publish()
	}
}

// countWaiting counts what a pass has left in the inbox.
func (in *Ingester) countWaiting() {
	var c census
	add := func(path string, s stamp) {
		if strings.HasPrefix(path, in.home.Inbox()) {
			c.add(s)
		}
	}
	for path, p := range in.parts {
		add(path, p.stamp)
	}
	for path, u := range in.unfinished {
		add(path, u.stamp)
	}
	for path, s := range in.stuck {
		add(path, s.stamp)
	}
	f := &in.figures
	f.InboxFiles, f.OldestWaiting = c.files, c.oldest
	f.UnfinishedFiles, f.StuckFiles = uint64(len(in.unfinished)), uint64(len(in.stuck))
}

// recountFailed is how long the files in failed/ are left uncounted while none
// is added: only people take some away.
const recountFailed = 15 * time.Second

// countFailed counts the files in failed/.
func (in *Ingester) countFailed(ctx context.Context) {
	if in.failedAt == in.figures.FilesRejected && time.Since(in.failedCounted) < recountFailed {
		return
	}
	in.failedAt, in.failedCounted = in.figures.FilesRejected, time.Now()
	var files uint64
	failed := source{in.home.Failed(), settledPlace}
	err := failed.scan(ctx, nil, func(f file) error {
		if !strings.HasSuffix(f.path, reasonSuffix) {
			files++
		}
		return nil
	}, func(string, error) error { return nil })
	if err == nil {
		in.figures.FailedFiles = files
	}
}

// finished counts a pass, and what it found that no event had told of.
func (in *Ingester) finished(ctx context.Context, p *pass, told announcement) {
	in.figures.Passes++
	if in.counting {
		in.figures.Unannounced += told.lacking(p.fresh)
	}
	in.counting = true
	in.figures.OpenRuns = p.open
	in.countWaiting()
	in.countFailed(ctx)
	in.publish()
}
