package ingest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/consensusd/consensusd/store"
)

// A settling is one group of files whose fate is committed and which are moved
// away together. The folders concerned are synced once, at its end. What cannot
// be moved is no reason to stop recording: it stays, and is tried again.
//
// Moving goes on beside the recording of the next group, and touches nothing of
// the ingester's: what came of it is noted when it is over.
type settling struct {
	home     Home
	forgets  bool // recorded files are deleted at once
	now      time.Time
	recorded []parcel
	rejected []parcel
	events   []Event // to be told when all of it is over
	dirs     map[string]bool

	stuck map[string]stuck // what could not be moved, by path
	again []file           // moved, and found to be another version than was read
	wrong []complaint
}

// A stuck file is one whose fate is committed and which cannot be moved away.
type stuck struct {
	stamp stamp
	err   error
	retry time.Time
}

// A complaint is something wrong with a path that somebody must be told of.
type complaint struct {
	what, path string
	err        error
}

// retryStuck is how long a stuck file is left alone.
const retryStuck = time.Minute

func (in *Ingester) settling() *settling {
	return &settling{home: in.home, forgets: in.opts.KeepDone < 0, now: time.Now(), dirs: map[string]bool{}, stuck: map[string]stuck{}}
}

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
	delete(in.stuck, p.file.path)
	if p.file.place == inPlace || p.file.place == namedPlace {
		in.known[p.file.path] = p.stamp
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
	for path, why := range s.stuck {
		in.stuck[path] = why
	}
	in.again = append(in.again, s.again...)
	for _, c := range s.wrong {
		in.tellOnce(c.what, c.path, c.err)
	}
	for _, e := range s.events {
		in.event(e)
	}
}

// move moves all files, and makes that durable. Were a move undone by a power
// loss, its file would be found again, as a duplicate.
func (s *settling) move() {
	for _, p := range s.recorded {
		s.moveDone(p)
	}
	for _, p := range s.rejected {
		s.moveFailed(p)
	}
	if err := syncDirs(s.dirs); err != nil {
		s.complain("cannot sync folders of", string(s.home), err)
	}
	store.Step("settled")
}

func (s *settling) moveDone(p parcel) {
	if p.file.place == settledPlace && !s.home.isFailed(p.file.path) {
		s.forget(p, p.file.path)
		return
	}
	if path, ok := s.moveTo(p, s.home.doneOn(s.now)); ok {
		s.forget(p, path)
	}
}

// forget deletes a file in done/ when none are kept.
func (s *settling) forget(p parcel, path string) {
	if s.forgets {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			s.isStuck(p, err)
		}
	}
}

func (s *settling) moveFailed(p parcel) {
	path, ok := p.file.path, true
	// Else it is another version of what failed before.
	if p.file.place != settledPlace || !s.home.isFailed(path) {
		path, ok = s.moveTo(p, s.home.Failed())
	}
	if !ok {
		return
	}
	store.Step("quarantined")
	if err := writeReason(path, *p.rejection); err != nil {
		s.complain("cannot write the reason for a failed file", path, err)
	}
}

// moveTo renames a file into folder and looks at what it has moved. It is not ok
// when that is another version than was read, put there by its producer
// meanwhile: this one is then read as new work from where it lies now.
func (s *settling) moveTo(p parcel, folder string) (path string, ok bool) {
	path, err := moveAway(p.file.path, folder, p.file.rel, p.sha256)
	if errors.Is(err, fs.ErrNotExist) {
		return "", false // its producer took it away; what was read is recorded
	}
	if err != nil {
		s.isStuck(p, err)
		return "", false
	}
	store.Step("moved")
	s.dirs[filepath.Dir(path)] = true
	s.dirs[filepath.Dir(p.file.path)] = true
	if info, err := os.Lstat(path); err != nil || !stampOf(info).sameVersion(p.stamp) {
		s.again = append(s.again, file{place: settledPlace, path: path, rel: p.file.rel})
		return "", false
	}
	return path, true
}

func (s *settling) isStuck(p parcel, err error) {
	s.stuck[p.file.path] = stuck{p.stamp, err, s.now.Add(retryStuck)}
	s.complain("recorded or rejected, but cannot be moved away", p.file.path, err)
}

func (s *settling) complain(what, path string, err error) {
	s.wrong = append(s.wrong, complaint{what, path, err})
}

// stuckError is about the files that could not be moved away, nil when there
// are none.
func (in *Ingester) stuckError() error {
	for path, s := range in.stuck {
		return fmt.Errorf("move %s away (%d files, all recorded or rejected): %w", path, len(in.stuck), s.err)
	}
	return nil
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
		p.rejection.SHA256, p.rejection.FirstSeen, p.rejection.Attempts = p.sha256, now.UTC().Format(time.RFC3339), 1
		if r, ok := p.receiptOfRejected(now); ok {
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
