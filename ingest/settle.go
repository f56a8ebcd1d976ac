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
// away together. The folders concerned are synced once, at its end.
type settling struct {
	in   *Ingester
	now  time.Time
	dirs map[string]bool
	errs []error
}

func (in *Ingester) settling() *settling {
	return &settling{in: in, now: time.Now(), dirs: map[string]bool{}}
}

// done moves a recorded file to done/.
func (s *settling) done(p parcel) {
	delete(s.in.parts, p.file.path)
	switch p.file.place {
	case inPlace, namedPlace:
		s.in.known[p.file.path] = p.stamp
		return
	case settledPlace:
		s.forget(p.file.path)
		return
	}
	if path, ok := s.move(p, s.in.home.doneOn(s.now)); ok {
		s.forget(path)
	}
}

// forget deletes a file in done/ when none are kept.
func (s *settling) forget(path string) {
	if s.in.opts.KeepDone < 0 {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			s.errs = append(s.errs, err)
		}
	}
}

// failed moves a rejected file to failed/ and puts its reason beside it.
func (s *settling) failed(p parcel) {
	delete(s.in.parts, p.file.path)
	if p.file.place == inPlace || p.file.place == namedPlace {
		s.in.known[p.file.path] = p.stamp
		return
	}
	if path, ok := s.move(p, s.in.home.Failed()); ok {
		if err := writeReason(path, *p.rejection); err != nil {
			s.errs = append(s.errs, fmt.Errorf("write reason for %s: %w", path, err))
		}
	}
}

// move renames a file into folder and looks at what it has moved. It is not ok
// when that is another version than was read, put there by its producer
// meanwhile: this one is then read as new work from where it lies now.
func (s *settling) move(p parcel, folder string) (path string, ok bool) {
	path, err := moveAway(p.file.path, folder, p.file.rel, p.sha256)
	if errors.Is(err, fs.ErrNotExist) {
		return "", false // its producer took it away; what was read is recorded
	}
	if err != nil {
		s.errs = append(s.errs, err)
		return "", false
	}
	s.dirs[filepath.Dir(path)] = true
	s.dirs[filepath.Dir(p.file.path)] = true
	info, err := os.Lstat(path)
	if err != nil {
		s.errs = append(s.errs, err)
		return "", false
	}
	if !stampOf(info).sameVersion(p.stamp) {
		s.in.again = append(s.in.again, file{place: settledPlace, path: path, rel: p.file.rel})
		return "", false
	}
	return path, true
}

// finish makes the moves durable, and returns what went wrong. Whatever could
// not be moved is found again by the next scan, as a duplicate.
func (s *settling) finish() error {
	s.errs = append(s.errs, syncDirs(s.dirs))
	return errors.Join(s.errs...)
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
	s := in.settling()
	for _, p := range parcels {
		s.failed(p)
		in.event(Event{Outcome: store.Rejected, Files: []string{p.file.path}, Rejection: p.rejection})
	}
	return s.finish()
}
