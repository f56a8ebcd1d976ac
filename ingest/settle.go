package ingest

import (
	"errors"
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
//
// Moving goes on beside the recording of the next group, and touches nothing of
// the ingester's: what came of it is noted when it is over.
type settling struct {
	*folders
	forgets    bool // recorded files are deleted at once
	now        time.Time
	recorded   []parcel
	rejected   []parcel
	events     []Event         // to be told when all of it is over
	arrivals   map[string]bool // folders to sync first: where files have come to
	departures map[string]bool // folders to sync then: where they came from
	named      []string        // folders whose own names are among the arrivals
	safe       map[string]bool // folders whose names are on stable storage; of one group after the other

	stuck    []parcel // what could not be moved, where it is and why
	again    []file   // moved, and found to be another version than was read
	left     []string // folders that were moved, and could not be moved back
	unsynced bool     // what was moved may come back with a power loss
	wrong    []complaint
}

// A complaint is something wrong with a path that somebody must be told of.
type complaint struct {
	what, path string
	err        error
}

func (in *Ingester) settling() (*settling, error) {
	s := &settling{
		folders: in.home.folders(), forgets: in.opts.KeepDone < 0, now: time.Now(),
		arrivals: map[string]bool{}, departures: map[string]bool{}, safe: in.named,
	}
	return s, in.lock.moving(wallClock())
}

// move moves all files, and makes that durable. Were a move undone by a power
// loss, its file would be found again, as a duplicate. A reason is written when
// its file is in failed/ for sure: else it could stay there without it.
func (s *settling) move() {
	defer s.folders.close()
	for _, p := range s.recorded {
		s.moveDone(p)
	}
	failed := map[string]parcel{} // by path
	for _, p := range s.rejected {
		if path, ok := s.moveFailed(p); ok {
			failed[path] = p
		}
	}
	s.sync()
	for _, path := range slices.Sorted(maps.Keys(failed)) {
		store.Step("quarantined")
		s.reason(failed[path], path)
	}
	s.sync()
	store.Step("settled")
}

// moveDone moves a recorded file to done/, unless it is there, and deletes it
// when none are kept.
func (s *settling) moveDone(p parcel) {
	path, ok := p.file.path, true
	if p.file.place == settledPlace && !s.home.isFailed(path) {
		ok = s.isAsRead(p, path)
	} else {
		path, ok = s.moveTo(p, s.home.doneOn(s.now), p.file.rel)
	}
	if !ok || !s.forgets {
		return
	}
	if err := s.remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		p.file.place, p.file.path = settledPlace, path
		s.isStuck(p, err)
	}
}

// moveFailed moves a rejected file to failed/, unless it is another version of
// what failed before, and is there.
func (s *settling) moveFailed(p parcel) (path string, ok bool) {
	if p.file.place == settledPlace && s.home.isFailed(p.file.path) {
		s.arrived(s.home.Failed(), p.file.path) // who moved it may have died before that was safe
		return p.file.path, s.isAsRead(p, p.file.path)
	}
	return s.moveTo(p, s.home.Failed(), s.home.freeFailure(p.file.rel, p.sha256))
}

// reason puts the reason beside a file in failed/.
func (s *settling) reason(p parcel, path string) {
	if err := s.writeReason(path, *p.rejection); err != nil {
		s.takeBack(p, path, err)
		return
	}
	if isGone(path) { // retried or dropped before it had its reason
		if err := s.removeReason(path); err != nil {
			s.complain("cannot delete the reason of", path, err)
		}
	}
	s.arrivals[filepath.Dir(path)] = true
}

// moveTo renames a file into folder, to rel or a name like it, and looks at what
// it has moved. It is not ok when that is another version than was read, put
// there by its producer meanwhile.
func (s *settling) moveTo(p parcel, folder, rel string) (path string, ok bool) {
	path, err := s.moveAway(p.file.path, folder, rel, p.sha256)
	if errors.Is(err, fs.ErrNotExist) && isGone(p.file.path) {
		return "", false // its producer took it away; what was read is recorded
	}
	if err != nil {
		s.isStuck(p, err)
		return "", false
	}
	store.Step("moved")
	s.arrived(s.home.rootOf(path), path)
	s.departures[filepath.Dir(p.file.path)] = true
	return path, s.isAsRead(p, path)
}

// isAsRead looks at a file where it lies now. Another version than was read is to
// be read as new work from there. A folder goes back, for a scan to find what is
// in it, or else is for the next daemon to look into.
func (s *settling) isAsRead(p parcel, path string) bool {
	info, err := os.Lstat(path)
	switch {
	case err == nil && info.IsDir():
		if s.rename(path, p.file.path) != nil {
			s.left = append(s.left, path)
		}
		return false
	case err == nil && stampOf(info).sameVersion(p.stamp) && !p.mayHaveChanged(path):
		return true
	}
	s.again = append(s.again, file{place: settledPlace, path: path, rel: p.file.rel})
	return false
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
		if dir != root && !s.safe[dir] {
			s.arrivals[filepath.Dir(dir)] = true
			s.named = append(s.named, dir)
		}
	}
}

// sync makes the moves durable, arrivals first: a file system may keep a removal
// that was synced and lose the arrival that was not.
func (s *settling) sync() {
	err := syncDirs(slices.Sorted(maps.Keys(s.arrivals))...)
	if err == nil {
		for _, dir := range s.named {
			s.safe[dir] = true
		}
		err = syncDirs(slices.Sorted(maps.Keys(s.departures))...)
	}
	if err != nil {
		s.cannotSync(err)
	}
	clear(s.arrivals)
	clear(s.departures)
	s.named = nil
}

func (s *settling) cannotSync(err error) {
	s.unsynced = true
	s.complain("cannot sync folders of", string(s.home), err)
}

func (s *settling) complain(what, path string, err error) {
	s.wrong = append(s.wrong, complaint{what, path, err})
}
