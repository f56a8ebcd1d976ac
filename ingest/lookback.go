package ingest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// lookBack finds what was moved out of the inbox since the last daemon that
// stopped in good order: a producer may have put a new version in place of the
// one that was read just as it was moved. It is read once more from where it
// lies; what is recorded turns out to be, and what failed has its reason beside it.
func (in *Ingester) lookBack(ctx context.Context, lock *Lock) error {
	since, unsettled := lock.Unsettled()
	if !unsettled {
		return nil
	}
	done := source{in.home.Done(), settledPlace}
	err := done.scan(ctx, nil, func(f file) error {
		info, err := os.Lstat(f.path)
		if err != nil || f.ignored || stampOf(info).lastChange().Before(since) {
			return nil
		}
		_, rel, found := strings.Cut(f.rel, string(filepath.Separator)) // behind the day's folder
		if !found {
			rel = f.rel
		}
		in.again = append(in.again, file{place: settledPlace, path: f.path, rel: rel})
		return nil
	}, stopAt)
	if err != nil {
		return err
	}
	failed := source{in.home.Failed(), settledPlace}
	return failed.scan(ctx, nil, func(f file) error {
		if strings.HasSuffix(f.path, reasonSuffix) {
			return nil
		}
		info, err := os.Lstat(f.path)
		_, reasonErr := os.Lstat(f.path + reasonSuffix)
		isNew := err == nil && !stampOf(info).lastChange().Before(since)
		if errors.Is(reasonErr, fs.ErrNotExist) || isNew && !hasItsReason(f.path) {
			in.again = append(in.again, file{place: settledPlace, path: f.path, rel: f.rel})
		}
		return nil
	}, stopAt)
}

// pruneDone deletes the folders of done/ that are older than is kept.
func (in *Ingester) pruneDone(now time.Time) error {
	days, err := os.ReadDir(in.home.Done())
	if err != nil {
		return fmt.Errorf("prune done: %w", err)
	}
	oldest := now.Add(-max(in.opts.KeepDone, 0) - 24*time.Hour)
	for _, d := range days {
		day, err := time.Parse(time.DateOnly, d.Name())
		if err == nil && day.Before(oldest) {
			if err := os.RemoveAll(filepath.Join(in.home.Done(), d.Name())); err != nil {
				return fmt.Errorf("prune done: %w", err)
			}
		}
	}
	return nil
}
