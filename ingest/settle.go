package ingest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/consensusd/consensusd/store"
)

// A settling is one group of files whose fate is committed and which are moved
// away together. The folders concerned are synced once, at its end. What cannot
// be moved is no reason to stop recording: it stays, and is tried again.
type settling struct {
	*folders
	in         *Ingester
	now        time.Time
	arrivals   map[string]bool // folders to sync first: where files have come to
	departures map[string]bool // folders to sync then: where they came from
	named      []string        // folders whose own names are among the arrivals
}

// A stuck file is one whose fate is committed and which cannot be moved away.
type stuck struct {
	stamp stamp
	err   error
	retry time.Time
}

// retryStuck is how long a stuck file is left alone.
const retryStuck = 10 * time.Second

func (in *Ingester) settling() (*settling, error) {
	s := &settling{in: in, now: time.Now(), arrivals: map[string]bool{}, departures: map[string]bool{}, folders: in.home.folders()}
	return s, in.lock.moving(wallClock())
}

// done moves a recorded file to done/.
func (s *settling) done(p parcel) {
	delete(s.in.parts, p.file.path)
	switch {
	case p.file.place == keptPlace:
		return
	case p.file.place == inPlace, p.file.place == namedPlace:
		s.in.known[p.file.path] = p.known()
		return
	case p.file.place == settledPlace && !s.in.home.isFailed(p.file.path):
		s.forget(p, p.file.path)
		return
	}
	if path, ok := s.move(p, s.in.home.doneOn(s.now)); ok {
		s.forget(p, path)
	}
}

// forget deletes a file in done/ when none are kept.
func (s *settling) forget(p parcel, path string) {
	if s.in.opts.KeepDone < 0 {
		if err := s.remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			s.stuck(p, err)
		}
	}
}

// failed moves a rejected file to failed/ and puts its reason beside it.
func (s *settling) failed(p parcel) {
	delete(s.in.parts, p.file.path)
	path, ok := p.file.path, true
	switch {
	case p.file.place == keptPlace:
		return
	case p.file.place == inPlace, p.file.place == namedPlace:
		s.in.known[path] = p.known()
		return
	case p.file.place == settledPlace && s.in.home.isFailed(path): // another version of what failed before
	default:
		p.file.rel = s.in.home.freeFailure(p.file.rel, p.sha256)
		path, ok = s.move(p, s.in.home.Failed())
	}
	if !ok {
		return
	}
	store.Step("quarantined")
	if err := s.writeReason(path, *p.rejection); err != nil {
		s.takeBack(p, path, err)
	}
}

// move renames a file into folder and looks at what it has moved. It is not ok
// when that is another version than was read, put there by its producer
// meanwhile: this one is then read as new work from where it lies now.
func (s *settling) move(p parcel, folder string) (path string, ok bool) {
	delete(s.in.stuck, p.file.path)
	path, err := s.moveAway(p.file.path, folder, p.file.rel, p.sha256)
	if errors.Is(err, fs.ErrNotExist) {
		return "", false // its producer took it away; what was read is recorded
	}
	if err != nil {
		s.stuck(p, err)
		return "", false
	}
	store.Step("moved")
	s.arrived(s.in.home.rootOf(path), path)
	s.departures[filepath.Dir(p.file.path)] = true
	if info, err := os.Lstat(path); err != nil || !stampOf(info).sameVersion(p.stamp) || p.mayHaveChanged(path) {
		s.in.again = append(s.in.again, file{place: settledPlace, path: path, rel: p.file.rel})
		return "", false
	}
	return path, true
}

func (s *settling) stuck(p parcel, err error) {
	s.in.stuck[p.file.path] = stuck{p.stamp, err, s.now.Add(retryStuck)}
	s.in.tellOnce("recorded or rejected, but cannot be moved away", p.file.path, err)
}

// arrived notes which folders must be synced for the file at path to stay
// there: its own, those that were changed for it, and those up to root unless
// that was done before.
func (s *settling) arrived(root, path string) {
	s.arrivals[filepath.Dir(path)] = true
	for _, dir := range s.changed {
		s.arrivals[dir] = true
	}
	s.changed = nil
	for _, dir := range upTo(root, path) {
		if dir != root && !s.in.named[dir] {
			s.arrivals[filepath.Dir(dir)] = true
			s.named = append(s.named, dir)
		}
	}
}

// finish makes the moves durable, arrivals first: a file system may keep a
// removal that was synced and lose the arrival that was not. Were a move undone
// by a power loss, its file would be found again, as a duplicate.
func (s *settling) finish() {
	defer s.folders.close()
	err := syncDirs(slices.Sorted(maps.Keys(s.arrivals))...)
	if err == nil {
		for _, dir := range s.named {
			s.in.named[dir] = true
		}
		err = syncDirs(slices.Sorted(maps.Keys(s.departures))...)
	}
	if err != nil {
		s.in.tellOnce("cannot sync folders of", string(s.in.home), err)
	}
	store.Step("settled")
}

// stuckError is about the files that could not be moved away, nil when there
// are none.
func (in *Ingester) stuckError() error {
	for path, s := range in.stuck {
		return fmt.Errorf("move %s away (%d files, all recorded or rejected): %w", path, len(in.stuck), s.err)
	}
	return nil
}

// reject notes the parcels' rejections in the database and moves their files
// to failed/.
func (in *Ingester) reject(ctx context.Context, parcels []parcel) error {
	if len(parcels) == 0 {
		return nil
	}
	now := time.Now()
	var receipts []store.Receipt
	var of []*Rejection
	for _, p := range parcels {
		p.rejection.SHA256, p.rejection.FirstSeen, p.rejection.Attempts = p.sha256, now.UTC().Format(time.RFC3339), in.attempt(p)
		if r, ok := p.receiptOfRejected(now); ok {
			r.Attempts = p.rejection.Attempts
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
	s, err := in.settling()
	if err != nil {
		return err
	}
	for _, p := range parcels {
		s.failed(p)
		in.event(Event{Outcome: store.Rejected, Files: []string{p.file.path}, Rejection: p.rejection})
	}
	s.finish()
	return nil
}
