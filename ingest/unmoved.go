package ingest

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// noteUnmoved tells [Ingester.Ready] of the files that could not be moved away,
// and forgets those that somebody else took away.
func (in *Ingester) noteUnmoved() {
	for path, p := range in.stuck {
		if isGone(path) {
			in.isLeft(p.file)
			delete(in.stuck, path)
		}
	}
	if err := in.stuckError(); err != nil {
		in.unmoved.Store(&err)
		return
	}
	in.unmoved.Store(nil)
}

// A stuck file is one whose fate is committed and which cannot be moved away, or
// lies in failed/ and cannot be given its reason. Nothing but moving it is tried
// again.
func (s *settling) isStuck(p parcel, err error) {
	p.err = err
	s.stuck = append(s.stuck, p)
	s.complain("recorded or rejected, but cannot be moved away", p.file.path, err)
}

// noteStuck notes what a group could not move, and what it could.
func (in *Ingester) noteStuck(s *settling) {
	for _, p := range slices.Concat(s.recorded, s.rejected) {
		delete(in.stuck, p.file.path)
	}
	for _, p := range s.stuck {
		in.stuck[p.file.path] = p
	}
	switch now := time.Now(); {
	case len(in.stuck) == 0:
		in.moving.succeeded()
	case len(s.stuck) > 0 && !now.Before(in.moving.at):
		in.moving.failed(now)
	}
}

// moveStuck tries once more to move away what is stuck, when it is time to.
func (in *Ingester) moveStuck() error {
	if len(in.stuck) == 0 || time.Now().Before(in.moving.at) {
		return nil
	}
	s, err := in.settling()
	if err != nil {
		return err
	}
	for _, path := range slices.Sorted(maps.Keys(in.stuck)) {
		p := in.stuck[path]
		p.err = nil
		info, err := os.Lstat(path)
		switch {
		case err == nil && p.file.place == inboxPlace && !stampOf(info).sameVersion(p.stamp):
			delete(in.stuck, path) // a new version, which the scan finds
		case p.rejection != nil:
			s.rejected = append(s.rejected, p)
		default:
			s.recorded = append(s.recorded, p)
		}
	}
	in.settle(s)
	return nil
}

// stuckError is about the files that could not be moved away, nil when there
// are none.
func (in *Ingester) stuckError() error {
	if len(in.stuck) == 0 {
		return nil
	}
	first := slices.Min(slices.Collect(maps.Keys(in.stuck)))
	return fmt.Errorf("move %s away (the first of %d, recorded or rejected already): %w", first, len(in.stuck), in.stuck[first].err)
}

// takeBack undoes the move of a file whose reason could not be written beside it,
// so that it is tried again.
func (s *settling) takeBack(p parcel, path string, err error) {
	if s.rename(path, p.file.path) == nil {
		// Before failed/ is synced for another file, and this one is in neither.
		if err := syncDirs(upTo(s.home.rootOf(p.file.path), p.file.path)...); err != nil {
			s.cannotSync(err)
		}
		if info, err := os.Lstat(p.file.path); err == nil && stampOf(info).sameVersion(p.stamp) {
			p.stamp = stampOf(info) // renaming it has changed its inode
		}
		s.isStuck(p, err)
		return
	}
	p.file.place, p.file.path = settledPlace, path
	s.isStuck(p, fmt.Errorf("it lies in failed/, and its reason cannot be written: %w", err))
}

// A PlaceError reports a folder of a home that files cannot be renamed into.
type PlaceError struct{ From, To string }

func (e *PlaceError) Error() string {
	return fmt.Sprintf("%s is on another file system than %s, or another mount of it: files cannot be renamed from one to the other", e.To, e.From)
}

// CheckPlace returns a [*PlaceError] when files could never be moved from where they
// wait to where they go, in a home that is there or is still to be created. It
// creates nothing.
func (h Home) CheckPlace() error {
	for _, way := range [][2]string{{h.Inbox(), h.Done()}, {h.Inbox(), h.Failed()}} {
		from, to := nearest(way[0]), nearest(way[1])
		if isApart(from, to) {
			return &PlaceError{way[0], way[1]}
		}
	}
	return nil
}

// isApart reports whether nothing can be renamed from one folder to the other.
// File systems differ by their device; that there is a mount in between the
// kernel finds out before it looks for the file, so that one that is not there
// will do.
func isApart(from, to string) bool {
	f, errFrom := os.Stat(from)
	t, errTo := os.Stat(to)
	if errFrom != nil || errTo != nil {
		return false
	}
	if stampOf(f).device != stampOf(t).device {
		return true
	}
	name := alternative(".examine", "", 2, maxName)
	err := unix.Rename(filepath.Join(from, name), filepath.Join(to, name))
	return errors.Is(err, syscall.EXDEV)
}

// nearest returns path, or the nearest folder above it that is there.
func nearest(path string) string {
	for {
		_, err := os.Stat(path)
		parent := filepath.Dir(path)
		if !errors.Is(err, fs.ErrNotExist) || parent == path {
			return path
		}
		path = parent
	}
}
