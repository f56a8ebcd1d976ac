package store

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/consensusd/consensusd/store/archive"
)

// Verify examines the archive: that every file is as it was written, and that
// database and files agree about which runs are in it. progress is called with
// the number of files looked at and of all. It returns what is wrong, nothing
// when all is well. What an interrupted cleanup left, which the next one removes,
// is not wrong.
func (a *Archive) Verify(ctx context.Context, progress func(done, all int64)) (problems []Problem, err error) {
	names, err := a.files()
	if err != nil {
		return nil, fmt.Errorf("list archive %s: %w", a.folder, err)
	}
	expected, err := a.store.read().CountArchivedRuns(ctx)
	if err != nil {
		return nil, a.store.explain("count archived runs", err)
	}
	for i, name := range names {
		found, runs, err := a.verifyFile(ctx, name)
		if err != nil {
			return problems, err
		}
		problems = append(problems, found...)
		for _, e := range expected {
			if e.File == name && len(found) == 0 && e.Runs != runs {
				problems = append(problems, Problem{"archive_count", "archive", name, fmt.Sprintf("the database says %d runs are in it, %d are: bring it back from a backup", e.Runs, runs)})
			}
		}
		if progress != nil {
			progress(int64(i+1), int64(len(names)))
		}
	}
	for _, e := range expected {
		if !slices.Contains(names, e.File) {
			problems = append(problems, Problem{"archive_gone", "archive", e.File, fmt.Sprintf("it is gone with %d runs: bring it back from a backup", e.Runs)})
		}
	}
	return problems, nil
}

// verifyFile returns what is wrong with a file, and how many runs it holds that
// the database says are in it.
func (a *Archive) verifyFile(ctx context.Context, name string) (problems []Problem, runs int64, err error) {
	f, err := a.open(name)
	if err == nil {
		defer f.Close()
		err = f.Verify()
	}
	var damaged *archive.DamagedError
	if errors.As(err, &damaged) {
		return []Problem{{"archive_damaged", "archive", name, damaged.Why + ": bring it back from a backup"}}, 0, nil
	}
	if err != nil {
		return nil, 0, err
	}
	for _, e := range f.Manifest.Entries {
		stale, err := a.isStale(ctx, name, e)
		if err != nil {
			return nil, 0, a.store.explain("archived run "+e.RunID, err)
		}
		if stale {
			continue
		}
		_, err = a.Run(ctx, e.RunID)
		switch {
		case err == nil:
			runs++
		case errors.Is(err, ErrNotFound):
			problems = append(problems, Problem{"archive_unlisted", "archive", name, fmt.Sprintf("the database knows nothing of run %s in it: consensusd cleanup lists it again", e.RunID)})
		default:
			return nil, 0, err
		}
	}
	return problems, runs, nil
}
