package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/consensusd/consensusd/ingest"
	"github.com/consensusd/consensusd/store"
)

// archiving measures how fast old runs are archived, and how small.
func (b *sqliteBench) archiving(ctx context.Context, old *corpus) error {
	var last archived
	var whole []float64
	rate := &contender{name: "archiving", unit: "MB/s", measure: func(ctx context.Context) (float64, error) {
		err := old.inCopy(func(c *corpus) (err error) {
			if last, err = archiveAll(ctx, c.home); err == nil && last.Archived != int64(c.documents) {
				err = fmt.Errorf("%d of %d runs are archived", last.Archived, c.documents)
			}
			return err
		})
		whole = append(whole, last.rate(last.Content, last.whole))
		return last.rate(last.durable, last.verified), err
	}}
	if err := alternate(ctx, b.progress, b.rounds, []*contender{rate}); err != nil {
		return err
	}
	b.table.compare("40 KB: archiving of contents, until durable and verified", rate.figure(""), figure{100, "MB/s", "wanted"}, atLeast(1))
	b.table.compare("40 KB: likewise, until rows are deleted and space is given back", figure{median(whole), "MB/s", ""}, rate.figure("as above"), target{})
	b.compareArchive("40 KB: the archive's size", last)
	if b.profile == "" {
		return nil
	}
	return b.profileArchiving(ctx, old)
}

// compareArchive holds an archive to a quarter of the contents.
func (b *sqliteBench) compareArchive(what string, a archived) {
	b.table.compare(what, figure{float64(a.Archive) / 1e6, "MB", ""}, figure{float64(a.Content) / 1e6, "MB", "of contents"}, atMost(0.25))
}

// profileArchiving archives once more.
func (b *sqliteBench) profileArchiving(ctx context.Context, old *corpus) error {
	return old.inCopy(func(c *corpus) error {
		if err := os.MkdirAll(b.profile, 0o755); err != nil {
			return err
		}
		stop, err := startProfile(filepath.Join(b.profile, "cleanup.cpu"))
		if err != nil {
			return err
		}
		defer stop()
		_, err = archiveAll(ctx, c.home)
		return err
	})
}

// archived is what a cleanup did, and how long it took.
type archived struct {
	store.Cleaned
	verified time.Duration // until the first progress of which something is in the archive
	durable  int64         // bytes of contents in the archive by then
	whole    time.Duration
}

// rate is MB a second.
func (archived) rate(bytes int64, took time.Duration) float64 {
	return float64(bytes) / 1e6 / took.Seconds()
}

// archiveAll archives all runs of a home that have a time, as if it were years
// later. A cleanup tells of progress when it has deleted the first rows, a few,
// and before that it made durable and verified what it had written of them and
// others.
func archiveAll(ctx context.Context, home ingest.Home) (done archived, err error) {
	s, err := store.Open(ctx, home.Database())
	if err != nil {
		return done, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	a := s.Archive(home.Archive())
	const forever = 100 * 365 * 24 * time.Hour
	var packed int64 // bytes of the archive
	var failed error
	begin := time.Now()
	_, done.Cleaned, err = a.Cleanup(ctx, store.Retention{Archived: forever}, time.Now().AddDate(10, 0, 0), func(int64, int64) {
		if packed == 0 && failed == nil {
			done.verified = time.Since(begin)
			packed, failed = archiveSize(home.Archive())
		}
	})
	done.whole = time.Since(begin)
	if err = errors.Join(err, failed); err == nil && packed == 0 {
		err = errors.New("nothing was archived")
	}
	if err == nil {
		done.durable = int64(float64(done.Content) * float64(packed) / float64(done.Archive))
	}
	return done, err
}

// archiveSize is how large the files in a folder are that have their names.
func archiveSize(folder string) (bytes int64, err error) {
	entries, err := os.ReadDir(folder)
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") {
			continue
		}
		info, err := e.Info()
		if err != nil {
			return 0, err
		}
		bytes += info.Size()
	}
	return bytes, err
}

// evidenceArchive measures how small evidence is archived that somebody has.
func (b *sqliteBench) evidenceArchive(ctx context.Context) (err error) {
	const what = "the evidence's archive's size"
	if b.evidence == "" {
		b.table.notGiven(what, "-evidence")
		return nil
	}
	fmt.Fprintf(b.progress, "recording and archiving %s\n", b.evidence)
	home := ingest.Home(filepath.Join(b.folder, "evidence"))
	defer func() { err = errors.Join(err, os.RemoveAll(string(home))) }()
	if err := home.Create(); err != nil {
		return err
	}
	s, err := store.Open(ctx, home.Database())
	if err != nil {
		return err
	}
	err = ingest.New(home, s, ingest.Options{}).Ingest(ctx, b.evidence)
	if err := errors.Join(err, s.Close()); err != nil {
		return err
	}
	done, err := archiveAll(ctx, home)
	if err != nil {
		return fmt.Errorf("%s: %w", b.evidence, err)
	}
	fmt.Fprintf(b.progress, "%d runs are archived\n", done.Archived)
	b.compareArchive(what, done)
	return nil
}
