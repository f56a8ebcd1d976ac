package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"github.com/consensusd/consensusd/store/archive"
	"github.com/consensusd/consensusd/store/background"
)

// Backups is a folder of backups. Each has a folder of its own, named after its
// time, 20261126T180000Z:
//
//	consensus.db    the database in one file
//	archive/        the archive that belongs to it
//	manifest.json   what must be in them
//
// A folder whose name begins with a dot is one that was interrupted.
type Backups string

// ErrBackingUp reports that another backup is under way.
var ErrBackingUp = errors.New("another backup is under way")

// Backup copies the database and its archive, as they are at one moment, into a
// folder of its own below to, while both are written to. What it returns is on
// stable storage, and was opened, examined, counted and compared with the
// original; until then nothing bears its name. It holds at least what was
// committed before it began, and whole runs only. What was wrong with the archive
// already is copied, and told of in Problems. It works at a low priority where
// threads have one. progress is called with bytes copied and of all.
//
// When it fails, that is noted beside the folder, for [Backups.Failure], until one
// succeeds. The error is [ErrBackingUp] when another one is at it, and says what to
// do instead where the database is a server's.
func (s *Store) Backup(ctx context.Context, to Backups, a *Archive, now time.Time, progress func(done, all int64)) (Backup, error) {
	path, err := s.engine.location(s.Target())
	if err != nil {
		return Backup{}, err
	}
	release, err := to.lock()
	var done Backup
	if err == nil {
		defer release()
		b := &backingUp{store: s, archive: a, source: path, to: to, begun: time.Now(), progress: progress}
		b.manifest = BackupManifest{Version: backupVersion, CreatedAt: now.UTC().Truncate(time.Second), Archives: []BackupFile{}, Problems: []Problem{}}
		background.Do(func() { done, err = b.run(ctx) })
	}
	if err != nil {
		err = fmt.Errorf("back up to %s: %w", to, s.engine.explain(err))
	}
	if ctx.Err() == nil && !errors.Is(err, ErrBackingUp) { // to be stopped is no failure either
		err = errors.Join(err, to.note(now, err, done.Problems))
	}
	return done, err
}

// lock keeps other processes from making backups in the folder, which it makes.
func (to Backups) lock() (release func() error, err error) {
	if err := archive.MakeFolder(string(to)); err != nil {
		if disk, linkErr := os.Readlink(string(to)); linkErr == nil {
			err = fmt.Errorf("it is a link to %s, which is not there: %w", disk, err)
		}
		return nil, err
	}
	l := flock.New(filepath.Join(string(to), ".lock"))
	ok, err := l.TryLock()
	if err == nil && !ok {
		err = ErrBackingUp
	}
	if err != nil {
		return nil, err
	}
	return l.Unlock, nil
}

const (
	backupDatabase = "consensus.db"
	backupArchive  = "archive"
	unfinished     = ".tmp" // ends the name of a folder that is being written
)

// removeUnfinished removes what interrupted backups left. The caller holds the
// lock.
func (to Backups) removeUnfinished() error {
	entries, err := os.ReadDir(string(to))
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") && strings.HasSuffix(e.Name(), unfinished) {
			err = errors.Join(err, os.RemoveAll(filepath.Join(string(to), e.Name())))
		}
	}
	return err
}

// A backingUp is one backup under way.
type backingUp struct {
	store    *Store
	archive  *Archive
	source   string // the database's file
	to       Backups
	temp     string // the folder it is written to
	begun    time.Time
	progress func(done, all int64)
	manifest BackupManifest
}

func (b *backingUp) run(ctx context.Context) (done Backup, err error) {
	if err := b.to.removeUnfinished(); err != nil {
		return done, err
	}
	if err := b.needSpace(ctx); err != nil {
		return done, err
	}
	name, err := b.to.nextName(b.manifest.CreatedAt)
	if err != nil {
		return done, err
	}
	b.temp = filepath.Join(string(b.to), "."+name+unfinished)
	if err := os.Mkdir(b.temp, 0o700); err != nil { // until it is as private as the original
		return done, err
	}
	defer os.RemoveAll(b.temp) // renamed already when all went well
	Step("backup begun")
	before, after, err := b.copy(ctx)
	if err != nil {
		return done, err
	}
	Step("archive copied")
	if err := b.examine(ctx, before, after); err != nil {
		return done, err
	}
	if err := b.seal(ctx); err != nil {
		return done, err
	}
	Step("backed up")
	path := filepath.Join(string(b.to), name)
	if err := os.Rename(b.temp, path); err != nil {
		return done, err
	}
	Step("backup named")
	return Backup{Name: name, Path: path, BackupManifest: b.manifest}, archive.SyncFolder(string(b.to))
}

// spareBytes is what a backup leaves free for those who record on the same disk.
const spareBytes = 16 << 20

// needSpace refuses to begin what would fill the disk, and so keep others from
// recording.
func (b *backingUp) needSpace(ctx context.Context) error {
	need, err := b.store.engine.bytes(ctx, b.store.reader)
	if err != nil {
		return err
	}
	free, err := freeBytes(string(b.to))
	if err == nil && free < uint64(need+spareBytes) {
		err = &hintedError{
			fmt.Sprintf("%d MB are free, %d MB may be needed", free>>20, (need+spareBytes)>>20),
			"free space on its disk, keep fewer with --backup-keep, or make the folder a link to another disk", nil,
		}
	}
	return err
}

// copy copies database and archive at one moment: no cleanup moves runs from one
// to the other meanwhile. It returns the counts of the original before and after.
func (b *backingUp) copy(ctx context.Context) (before, after counts, err error) {
	release, err := b.archive.wait(ctx)
	if err != nil {
		return before, after, err
	}
	defer release()
	if before, err = b.store.counts(ctx); err != nil {
		return before, after, err
	}
	into := filepath.Join(b.temp, backupDatabase)
	if err := b.snapshot(ctx, into); err != nil {
		return before, after, err
	}
	Step("snapshot")
	if err := b.copyArchive(ctx); err != nil {
		return before, after, err
	}
	after, err = b.store.counts(ctx)
	return before, after, err
}

// copyArchive copies the files of the archive.
func (b *backingUp) copyArchive(ctx context.Context) error {
	into := filepath.Join(b.temp, backupArchive)
	if err := os.Mkdir(into, 0o755); err != nil {
		return err
	}
	names, err := b.archive.allFiles()
	if err != nil {
		return err
	}
	for _, name := range names {
		f, err := duplicate(ctx, filepath.Join(b.archive.folder, name), filepath.Join(into, name), archive.IsFileName(name))
		if err != nil {
			return fmt.Errorf("copy archive: %w", err)
		}
		b.manifest.Archives = append(b.manifest.Archives, f)
	}
	return archive.SyncFolder(into)
}

// seal writes the manifest and makes everything durable.
func (b *backingUp) seal(ctx context.Context) error {
	f, err := fingerprint(ctx, filepath.Join(b.temp, backupDatabase), true, nil)
	if err != nil {
		return err
	}
	b.manifest.Bytes, b.manifest.SHA256 = f.Bytes, f.SHA256
	b.manifest.Seconds = time.Since(b.begun).Seconds()
	if err := b.manifest.write(b.temp); err != nil {
		return err
	}
	if err := os.Chmod(b.temp, 0o755); err != nil {
		return err
	}
	return archive.SyncFolder(b.temp)
}
