package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/consensusd/consensusd/dbgen/sqlite"
	"github.com/consensusd/consensusd/store/archive"
)

// An ArchivedRun is a run that retention took out of the tables of runs.
type ArchivedRun = sqlite.ArchivedRun

// States of an [ArchivedRun].
const (
	Archived = "archived" // its record is in a file
	Deleted  = "deleted"  // only this row is left of it, and its receipts
)

// An Archive keeps the records of old runs of a store in the files of a folder,
// one for each month of the runs' own time.
type Archive struct {
	store  *Store
	folder string
}

// Archive returns the archive in a folder, which need not be there yet.
func (s *Store) Archive(folder string) *Archive { return &Archive{s, folder} }

// A DamagedArchive is the error about a file of the archive that is not as it was
// written.
type DamagedArchive = archive.DamagedError

// ErrDeleted reports a run that was deleted from the archive.
var ErrDeleted = errors.New("deleted by retention")

// Run returns what is known of an archived run, [ErrNotFound], or [ErrDeleted].
func (a *Archive) Run(ctx context.Context, runID string) (ArchivedRun, error) {
	r, err := a.store.read().GetArchivedRun(ctx, runID)
	if err == nil && r.State == Deleted {
		err = ErrDeleted
	}
	return r, a.store.explain("archived run "+runID, err)
}

// Latest returns the newest archived run of a spec and stage, or [ErrNotFound].
func (a *Archive) Latest(ctx context.Context, specID, stage string) (ArchivedRun, error) {
	r, err := a.store.read().LatestArchivedRun(ctx, sqlite.LatestArchivedRunParams{SpecID: specID, Stage: stage})
	return r, a.store.explain("newest archived run of "+specID+" "+stage, err)
}

// Runs returns the archived runs that filter names, newest first, a page at a
// time. It knows no agents.
func (a *Archive) Runs(ctx context.Context, f Filter) (runs []ArchivedRun, next string, err error) {
	p, err := f.params()
	if err != nil {
		return nil, "", err
	}
	runs, err = a.store.read().ListArchivedRuns(ctx, sqlite.ListArchivedRunsParams{
		Since: p.Since, Before: p.Before, BeforeID: p.BeforeID, SpecID: f.SpecID, Stage: p.Stage, Verdict: p.Verdict, PageSize: p.PageSize + 1,
	})
	if err != nil {
		return nil, "", a.store.explain("list archived runs", err)
	}
	if int64(len(runs)) <= p.PageSize {
		return runs, "", nil
	}
	runs = runs[:p.PageSize]
	last := runs[len(runs)-1]
	return runs, cursor(Run{RunID: last.RunID, Timestamp: last.Timestamp}), nil
}

// Whole returns an archived run with everything that belongs to it, checked
// against its SHA-256. The error is [ErrNotFound], [ErrDeleted], or says that the
// file is missing or damaged.
func (a *Archive) Whole(ctx context.Context, runID string) (Record, error) {
	r, _, err := a.whole(ctx, runID)
	return r, err
}

// whole returns with the run the row that says where it is.
func (a *Archive) whole(ctx context.Context, runID string) (r Record, row ArchivedRun, err error) {
	m := &monthReader{archive: a}
	defer m.close()
	return m.whole(ctx, runID)
}

// whole is [Archive.whole] by a file that may be open since a while ago.
func (m *monthReader) whole(ctx context.Context, runID string) (r Record, row ArchivedRun, err error) {
	a := m.archive
	if row, err = a.Run(ctx, runID); err != nil {
		return r, row, err
	}
	if r, err = m.record(row); err != nil {
		return r, row, err
	}
	r.Receipts, err = a.store.read().ListReceipts(ctx, runID)
	return r, row, a.store.explain("receipts of run "+runID, err)
}

// open opens a file of the archive.
func (a *Archive) open(name string) (*archive.File, error) {
	f, err := archive.Open(filepath.Join(a.folder, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &hintedError{
			fmt.Sprintf("archive file %s is not in %s", name, a.folder),
			"bring it back from a backup, or ask at the home whose cleanup wrote it; consensusd archive forget gives up what is gone for good", err,
		}
	}
	return f, err
}

// recordIn returns the record of a run from the file it is in.
func recordIn(f *archive.File, row ArchivedRun) (Record, error) {
	if e, ok := f.Entry(row.RunID); ok && e.SHA256 != row.SHA256 {
		return Record{}, fmt.Errorf("run %s in archive file %s is another version than the database knows: bring the file back from a backup", row.RunID, row.File)
	}
	line, err := f.Line(row.RunID)
	if err != nil {
		return Record{}, err
	}
	r, err := decodeRecord(line)
	if err == nil && r.Run.RunID != row.RunID {
		err = fmt.Errorf("it holds run %s", r.Run.RunID)
	}
	if err != nil {
		return Record{}, fmt.Errorf("run %s in archive file %s: %w", row.RunID, row.File, err)
	}
	return r, nil
}

// files lists the names of the archive's files, oldest month first.
func (a *Archive) files() (names []string, err error) {
	entries, err := os.ReadDir(a.folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	for _, e := range entries {
		if archive.IsFileName(e.Name()) {
			names = append(names, e.Name())
		}
	}
	return names, err
}

// bytes returns what the archive's files take on disk.
func (a *Archive) bytes() (n int64, err error) {
	names, err := a.files()
	for _, name := range names {
		n += sizeOf(filepath.Join(a.folder, name))
	}
	return n, err
}

// An ArchiveFile is a month of the archive.
type ArchiveFile struct {
	File    string    `json:"file"`
	Runs    int64     `json:"runs"`
	Content int64     `json:"content_bytes"` // of their answers and syntheses
	Bytes   int64     `json:"bytes"`         // on disk; 0 when the file is gone
	Oldest  time.Time `json:"oldest"`
	Newest  time.Time `json:"newest"`
}

// Files lists the files that runs are archived in, oldest month first.
func (a *Archive) Files(ctx context.Context) ([]ArchiveFile, error) {
	rows, err := a.store.read().CountArchivedRuns(ctx)
	if err != nil {
		return nil, a.store.explain("list archive files", err)
	}
	files := make([]ArchiveFile, len(rows))
	for i, r := range rows {
		files[i] = ArchiveFile{File: r.File, Runs: r.Runs, Content: r.Bytes, Oldest: Time(r.Oldest), Newest: Time(r.Newest)}
		info, err := os.Stat(filepath.Join(a.folder, r.File))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		if err == nil {
			files[i].Bytes = info.Size()
		}
	}
	return files, nil
}
