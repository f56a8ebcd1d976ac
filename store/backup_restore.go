package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/consensusd/consensusd/store/archive"
)

// ErrOccupied reports that there is a database, or an archive, where a backup was
// to be restored.
var ErrOccupied = errors.New("there is a database or an archive already")

// A Restoring is a backup that has been brought to where it is to be used, under
// another name.
type Restoring struct {
	Backup   Backup
	database string // its path
	archive  string // its folder

	tempDatabase, tempArchive string

	begun bool // to move things, and not ended: there may be no database
}

// A Restored says what a restore did.
type Restored struct {
	Backup   string    `json:"backup"` // its path
	Created  time.Time `json:"created_at"`
	Runs     int64     `json:"runs"`
	Receipts int64     `json:"receipts"`
	Archived int64     `json:"archived_runs"`
	Kept     []string  `json:"kept"`     // where the database and archive before it are now
	Problems []Problem `json:"problems"` // of the archive already when it was backed up
}

// Restore brings a copy of the backup beside where the database and the archive
// are to be, and examines it: byte for byte, by the database's own checks and by
// its counts. It brings the database up to this program's schema. The backup and
// whatever is at database and folder stay as they are; where there is something
// and replace is false, the error is [ErrOccupied], and a [*DamagedBackupError]
// where the backup is not as it was written. A database that another process has
// open is not restored over; this one must not have it open. [Restoring.Put]
// completes it, [Restoring.Close] must be called.
func (b Backup) Restore(ctx context.Context, database, folder string, replace bool, progress func(done, all int64)) (r *Restoring, err error) {
	if b, err = ReadBackup(b.Path); err != nil {
		return nil, err
	}
	r = &Restoring{Backup: b, database: filepath.Clean(database), archive: filepath.Clean(folder)}
	if !replace && r.occupied() {
		return nil, fmt.Errorf("restore %s to %s: %w", b.Path, database, ErrOccupied)
	}
	r.tempDatabase, r.tempArchive = tempBeside(r.database), tempBeside(r.archive)
	if err := notInUse(r.database); err != nil {
		return nil, fmt.Errorf("restore %s: %w", b.Path, err)
	}
	r.begun = !exists(r.database) && exists(r.tempDatabase)
	if err := r.prepare(ctx, progress); err != nil {
		r.Close()
		return nil, fmt.Errorf("restore %s: %w", b.Path, err)
	}
	return r, nil
}

func tempBeside(path string) string {
	return filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".restore"+unfinished)
}

// Close removes what has not been put into its place, unless that was begun: then
// it tells whoever opens the database that this was interrupted, and a daemon makes
// no empty one.
func (r *Restoring) Close() error {
	if r.begun {
		return nil
	}
	return errors.Join(os.RemoveAll(r.tempArchive), r.removeDatabase())
}

func (r *Restoring) removeDatabase() (err error) {
	for _, suffix := range []string{"", "-wal", "-shm", "-journal"} {
		err = errors.Join(err, os.RemoveAll(r.tempDatabase+suffix))
	}
	return err
}

// interruptedRestore returns the error for a database that a restore set aside, or
// was about to bring.
func interruptedRestore(database string) error {
	temp := tempBeside(database)
	if !exists(temp) {
		return nil
	}
	return &hintedError{
		"a restore to it was interrupted, or is under way",
		"run consensusd restore again, with --replace; or delete " + temp + " to begin an empty one", nil,
	}
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

func (r *Restoring) occupied() bool {
	files, err := (&Archive{folder: r.archive}).allFiles()
	return exists(r.database) || exists(r.database+"-wal") || err != nil || len(files) > 0
}

// prepare copies what is in the backup, and examines the copy.
func (r *Restoring) prepare(ctx context.Context, progress func(done, all int64)) error {
	// What an interrupted restore left, the database last.
	if err := errors.Join(os.RemoveAll(r.tempArchive), os.Mkdir(r.tempArchive, 0o755), r.removeDatabase()); err != nil {
		return err
	}
	Step("restore begun")
	var done int64
	for i, want := range r.Backup.files() {
		to := r.tempDatabase
		if i > 0 {
			to = filepath.Join(r.tempArchive, filepath.Base(want.File))
		}
		got, err := duplicate(ctx, filepath.Join(r.Backup.Path, want.File), to, i > 0 && archive.IsFileName(filepath.Base(want.File)))
		if err != nil {
			return err
		}
		if got.SHA256 != want.SHA256 || got.Bytes != want.Bytes {
			return &DamagedBackupError{r.Backup.Path, []string{want.File + " is not what its manifest says"}}
		}
		if done += got.Bytes; progress != nil {
			progress(done, r.Backup.total())
		}
	}
	if err := archive.SyncFolder(r.tempArchive); err != nil {
		return err
	}
	Step("restore copied")
	return r.examine(ctx)
}

// examine opens the copy for recording, which migrates it, and checks it.
func (r *Restoring) examine(ctx context.Context) error {
	s, err := openSQLite(ctx, r.tempDatabase)
	if err != nil {
		return err
	}
	defer s.Close()
	damage, err := s.engine.check(ctx, s.reader)
	if err != nil {
		return s.explain("examine it", err)
	}
	if len(damage) > 0 {
		return &DamagedBackupError{r.Backup.Path, damage}
	}
	is, err := s.counts(ctx)
	if err != nil {
		return s.explain("count it", err)
	}
	if want := r.Backup.counts(); is != want {
		return &DamagedBackupError{r.Backup.Path, []string{fmt.Sprintf("it has %v runs, receipts and archived runs, its manifest says %v", is, want)}}
	}
	if err := s.Close(); err != nil {
		return err
	}
	_, err = fingerprint(ctx, r.tempDatabase, true, nil)
	return err
}

// Put puts the database and the archive into their places. What was there is
// kept beside them, under names with the time. Whoever keeps daemons away must do
// so until it has returned. Interrupted, there is the old database, the new one, or
// none, which [Open] then refuses to make: restoring again completes it, and what
// was there is under its old name or its new one.
func (r *Restoring) Put(ctx context.Context, now time.Time) (done Restored, err error) {
	done = Restored{
		Backup: r.Backup.Path, Created: r.Backup.CreatedAt, Runs: r.Backup.Runs, Receipts: r.Backup.Receipts, Archived: r.Backup.ArchivedRuns,
		Kept: []string{}, Problems: r.Backup.Problems,
	}
	if exists(r.archive) {
		release, err := (&Archive{folder: r.archive}).wait(ctx)
		if err != nil {
			return done, err
		}
		defer release()
	}
	if err := notInUse(r.database); err != nil { // any more
		return done, err
	}
	r.begun = true
	Step("restore ready")
	if done.Kept, err = r.setAside(now); err != nil {
		return done, fmt.Errorf("keep what is there: %w", err)
	}
	if err := os.Rename(r.tempArchive, r.archive); err != nil {
		return done, err
	}
	Step("archive restored")
	if err := os.Rename(r.tempDatabase, r.database); err != nil {
		return done, err
	}
	r.begun = false
	Step("database restored")
	return done, errors.Join(archive.SyncFolder(filepath.Dir(r.database)), archive.SyncFolder(filepath.Dir(r.archive)))
}

// setAside gives what is there its new name.
func (r *Restoring) setAside(now time.Time) (kept []string, err error) {
	kept = []string{}
	mark := ".before-" + now.UTC().Format(backupTime)
	if exists(r.database) || exists(r.database+"-wal") {
		to := filepath.Join(filepath.Dir(r.database), freePath(filepath.Dir(r.database), filepath.Base(r.database)+mark))
		if err := setAsideDatabase(r.database, to); err != nil {
			return kept, err
		}
		kept = append(kept, to)
	}
	Step("database set aside")
	entries, err := os.ReadDir(r.archive)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return kept, nil
	case err != nil:
		return kept, err
	case len(entries) == 0 || len(entries) == 1 && entries[0].Name() == ".lock":
		return kept, os.RemoveAll(r.archive)
	}
	to := filepath.Join(filepath.Dir(r.archive), freePath(filepath.Dir(r.archive), filepath.Base(r.archive)+mark))
	if err := os.Rename(r.archive, to); err != nil {
		return kept, err
	}
	Step("archive set aside")
	return append(kept, to), archive.SyncFolder(filepath.Dir(to))
}

// setAsideDatabase renames a database with its log. The log gets its new name
// before it loses the old one, and loses that after the database has: at no moment
// could another database be taken for the one it belongs to.
func setAsideDatabase(from, to string) error {
	suffixes := []string{"-wal", "-shm"}
	linked := map[string]bool{}
	for _, suffix := range suffixes {
		linked[suffix] = os.Link(from+suffix, to+suffix) == nil
	}
	if err := archive.SyncFolder(filepath.Dir(to)); err != nil {
		return err
	}
	Step("log linked")
	if err := os.Rename(from, to); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	Step("database renamed")
	for _, suffix := range suffixes {
		var err error
		if linked[suffix] {
			err = os.Remove(from + suffix)
		} else {
			err = os.Rename(from+suffix, to+suffix)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return archive.SyncFolder(filepath.Dir(to))
}
