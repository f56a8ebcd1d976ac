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

// An ArchiveExamination is what [Archive.Verify] looked at, and what it found.
type ArchiveExamination struct {
	Problems []Problem // nothing when all is well
	Files    int       // that are there, or should be
	Runs     int64     // that the database says are in them, or that it knows nothing of
}

func (x *ArchiveExamination) add(o ArchiveExamination) {
	x.Problems = append(x.Problems, o.Problems...)
	x.Files += o.Files
	x.Runs += o.Runs
}

// Verify examines the archive: that every file is as it was written, and that
// database and files agree about which runs are in it. progress is called with
// the number of files looked at and of all. What an interrupted cleanup left, which
// the next one removes, is not wrong, and neither is what a cleanup changes
// meanwhile. Of an archive that is [Archive.Elsewhere] there is nothing to examine.
func (a *Archive) Verify(ctx context.Context, progress func(done, all int64)) (x ArchiveExamination, err error) {
	if a.Elsewhere() {
		return x, nil
	}
	names, err := a.files()
	if err != nil {
		return x, fmt.Errorf("list archive %s: %w", a.folder, err)
	}
	expected, err := a.store.read().CountArchivedRuns(ctx)
	if err != nil {
		return x, a.store.explain("count archived runs", err)
	}
	for _, e := range expected {
		names = append(names, e.File)
	}
	slices.Sort(names)
	names = slices.Compact(names)
	for i, name := range names {
		found, err := a.verifyFile(ctx, name)
		if err != nil {
			return x, err
		}
		x.add(found)
		if progress != nil {
			progress(int64(i+1), int64(len(names)))
		}
	}
	return x, nil
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

func (a *Archive) verifyFile(ctx context.Context, name string) (x ArchiveExamination, err error) {
	for range looks {
		if x, err = a.lookAt(ctx, name); err != nil || len(x.Problems) == 0 {
			break
		}
	}
	return x, err
}

// lookAt returns what seems to be wrong with a file. The database is asked first:
// what it says is in a file was there before.
func (a *Archive) lookAt(ctx context.Context, name string) (x ArchiveExamination, err error) {
	rows, err := a.listedIn(ctx, name)
	if err != nil {
		return x, a.store.explain("runs in archive file "+name, err)
	}
	x = ArchiveExamination{Files: 1, Runs: int64(len(rows))}
	wrong := func(code, why string) { x.Problems = append(x.Problems, Problem{code, "archive", name, why}) }
	f, err := a.open(name)
	if err == nil {
		defer f.Close()
		err = f.Verify()
	}
	var damaged *archive.DamagedError
	switch {
	case errors.Is(err, fs.ErrNotExist) && len(rows) == 0:
		return ArchiveExamination{}, nil // all that was in it is deleted
	case errors.Is(err, fs.ErrNotExist):
		wrong("archive_gone", fmt.Sprintf("it is gone with %d runs: bring it back from a backup, or give them up with consensusd archive forget", len(rows)))
		return x, nil
	case errors.As(err, &damaged):
		wrong("archive_damaged", damaged.Why+": bring it back from a backup")
		return x, nil
	case err != nil:
		return x, err
	}
	if there := countIn(f, rows); there < len(rows) {
		wrong("archive_count", fmt.Sprintf("the database says %d runs are in it, %d are: bring it back from a backup", len(rows), there))
	}
	unlisted, err := a.unlistedIn(ctx, f, name)
	if n := len(unlisted); n > 0 {
		x.Runs += int64(n)
		wrong("archive_unlisted", fmt.Sprintf("the database knows nothing of %s in it: consensusd cleanup lists what is there again", runsNamed(unlisted)))
	}
	return x, err
}

// unlistedIn returns which runs in a file the database knows nothing of.
func (a *Archive) unlistedIn(ctx context.Context, f *archive.File, name string) (runIDs []string, err error) {
	for _, e := range f.Manifest.Entries {
		is, err := a.standing(ctx, name, e)
		if err != nil {
			return nil, a.store.explain("archived run "+e.RunID, err)
		}
		if is == entryUnlisted {
			runIDs = append(runIDs, e.RunID)
		}
	}
	return runIDs, nil
}

func runsNamed(ids []string) string {
	if len(ids) == 1 {
		return "run " + ids[0]
	}
	return fmt.Sprintf("%d runs, such as %s,", len(ids), ids[0])
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
