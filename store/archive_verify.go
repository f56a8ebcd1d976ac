package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"github.com/consensusd/consensusd/dbgen/sqlite"
	"github.com/consensusd/consensusd/schema"
	"github.com/consensusd/consensusd/store/archive"
)

// Verify examines the archive: that every file is as it was written, and that
// database and files agree about which runs are in it. progress is called with
// the number of files looked at and of all. It returns what is wrong, nothing
// when all is well. What an interrupted cleanup left, which the next one removes,
// is not wrong, and neither is what a cleanup changes meanwhile. Of an archive
// that is [Archive.Elsewhere] there is nothing to examine.
func (a *Archive) Verify(ctx context.Context, progress func(done, all int64)) (problems []Problem, err error) {
	if a.Elsewhere() {
		return nil, nil
	}
	names, err := a.files()
	if err != nil {
		return nil, fmt.Errorf("list archive %s: %w", a.folder, err)
	}
	expected, err := a.store.read().CountArchivedRuns(ctx)
	if err != nil {
		return nil, a.store.explain("count archived runs", err)
	}
	for _, e := range expected {
		names = append(names, e.File)
	}
	slices.Sort(names)
	names = slices.Compact(names)
	for i, name := range names {
		found, err := a.verifyFile(ctx, name)
		if err != nil {
			return problems, err
		}
		problems = append(problems, found...)
		if progress != nil {
			progress(int64(i+1), int64(len(names)))
		}
	}
	return problems, nil
}

// Elsewhere reports whether the archive's files are at another machine: a server's
// database has many homes, and one that never cleaned up has no archive.
func (a *Archive) Elsewhere() bool {
	_, err := os.Stat(a.folder)
	return errors.Is(err, fs.ErrNotExist) && EngineOf(a.store.target) != schema.SQLite
}

// looks is how often something must look wrong to be so: a cleanup may put another
// file in the place of the one that is open, and then change the database.
const looks = 3

func (a *Archive) verifyFile(ctx context.Context, name string) (problems []Problem, err error) {
	for range looks {
		if problems, err = a.lookAt(ctx, name); err != nil || len(problems) == 0 {
			break
		}
	}
	return problems, err
}

// lookAt returns what seems to be wrong with a file. The database is asked first:
// what it says is in a file was there before.
func (a *Archive) lookAt(ctx context.Context, name string) (problems []Problem, err error) {
	rows, err := a.listedIn(ctx, name)
	if err != nil {
		return nil, a.store.explain("runs in archive file "+name, err)
	}
	f, err := a.open(name)
	if err == nil {
		defer f.Close()
		err = f.Verify()
	}
	var damaged *archive.DamagedError
	switch {
	case errors.Is(err, fs.ErrNotExist) && len(rows) == 0:
		return nil, nil // all that was in it is deleted
	case errors.Is(err, fs.ErrNotExist):
		return []Problem{{"archive_gone", "archive", name, fmt.Sprintf("it is gone with %d runs: bring it back from a backup", len(rows))}}, nil
	case errors.As(err, &damaged):
		return []Problem{{"archive_damaged", "archive", name, damaged.Why + ": bring it back from a backup"}}, nil
	case err != nil:
		return nil, err
	}
	if there := countIn(f, rows); there < len(rows) {
		problems = append(problems, Problem{"archive_count", "archive", name, fmt.Sprintf("the database says %d runs are in it, %d are: bring it back from a backup", len(rows), there)})
	}
	for _, e := range f.Manifest.Entries {
		is, err := a.standing(ctx, name, e)
		if err != nil {
			return nil, a.store.explain("archived run "+e.RunID, err)
		}
		if is == entryUnlisted {
			problems = append(problems, Problem{"archive_unlisted", "archive", name, fmt.Sprintf("the database knows nothing of run %s in it: consensusd cleanup lists it again", e.RunID)})
		}
	}
	return problems, nil
}

// countIn returns how many of the records are in a file.
func countIn(f *archive.File, rows []sqlite.ListRunsInArchiveFileRow) (n int) {
	for _, r := range rows {
		if e, ok := f.Entry(r.RunID); ok && e.SHA256 == r.SHA256 {
			n++
		}
	}
	return n
}

// examine reads a whole file of the archive, before something is put into it or
// deleted from it. lacks reports that records are not in it, or that it is not
// there with them; the error says what else is wrong.
func (a *Archive) examine(ctx context.Context, name string) (lacks bool, err error) {
	for range looks {
		if lacks, err = a.comparedToRows(ctx, name); !lacks {
			break
		}
	}
	return lacks, err
}

func (a *Archive) comparedToRows(ctx context.Context, name string) (lacks bool, err error) {
	rows, err := a.listedIn(ctx, name)
	if err != nil {
		return false, err
	}
	f, err := a.open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return len(rows) > 0, nil
	}
	if err != nil {
		return false, err
	}
	defer f.Close()
	if err := f.Verify(); err != nil {
		return false, err
	}
	return countIn(f, rows) < len(rows), nil
}

// listedIn returns what the database says is in a file.
func (a *Archive) listedIn(ctx context.Context, name string) ([]sqlite.ListRunsInArchiveFileRow, error) {
	month, err := archive.Month(name)
	if err != nil {
		return nil, err
	}
	return a.store.read().ListRunsInArchiveFile(ctx, sqlite.ListRunsInArchiveFileParams{
		FromTime: month.Unix(), UntilTime: month.AddDate(0, 1, 0).Unix(), File: name,
	})
}
