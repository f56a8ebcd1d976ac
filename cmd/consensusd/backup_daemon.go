package main

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/consensusd/consensusd/schema"
	"github.com/consensusd/consensusd/store"
)

// A backer makes the daemon's backups, beside recording.
type backer struct {
	store   *store.Store
	archive *store.Archive
	backups store.Backups
	keep    keeping
	log     *slog.Logger
	failed  atomic.Pointer[string] // why the last one failed, also when that could not be written down
}

// backUpDaily makes backups until ctx is done.
func (c *cli) backUpDaily(ctx context.Context, b *backer, every time.Duration) {
	if every <= 0 {
		return
	}
	if store.EngineOf(c.database()) != schema.SQLite {
		b.log.Info("backups are the database server's own job", "how", c.command("backup"))
		return
	}
	last, err := b.backups.Latest()
	if err != nil {
		b.log.Error("cannot look for backups", "error", err)
	}
	daily(ctx, every, last, b.backUp)
}

func (b *backer) backUp(ctx context.Context) error {
	made, err := b.store.Backup(ctx, b.backups, b.archive, time.Now(), nil)
	switch {
	case errors.Is(err, store.ErrBackingUp):
		return nil // somebody is faster
	case err != nil && ctx.Err() != nil:
		return nil // stopped
	case err != nil:
		why := err.Error()
		b.failed.Store(&why)
		b.log.Error("backup failed; recording goes on", "error", err)
		return err
	}
	b.failed.Store(nil)
	for _, p := range made.Problems {
		b.log.Error("the archive is damaged, and so is its backup", "which", p.Which, "why", p.Why)
	}
	b.log.Info("backed up", "backup", made.Path, "runs", made.Runs, "bytes", made.Bytes, "seconds", made.Seconds)
	return b.prune(ctx)
}

// prune deletes backups that are not to be kept. When it fails, there are too
// many, which is no reason to make another one soon.
func (b *backer) prune(ctx context.Context) error {
	if b.keep.all {
		return nil
	}
	deleted, damaged, err := b.backups.Prune(ctx, b.keep.BackupKeep)
	for _, name := range deleted {
		b.log.Info("old backup deleted", "backup", name)
	}
	for _, name := range damaged {
		b.log.Warn("a backup is damaged, and stands in for none", "backup", name, "remedy", "look into it, then delete it")
	}
	if err != nil && ctx.Err() == nil {
		b.log.Error("cannot delete old backups", "error", err)
	}
	return nil
}

// warnings are what whoever asks for readiness is told: recording works, but what
// is recorded is not safe.
func (b *backer) warnings() []string {
	if f, failed := b.backups.Failure(); failed {
		return []string{backupWarning(f)}
	}
	if why := b.failed.Load(); why != nil {
		return []string{"last backup failed: " + *why}
	}
	return nil
}

// backupWarning is how a daemon warns of a backup that failed.
func backupWarning(f store.BackupFailure) string {
	return "last backup failed " + f.At.Format(time.RFC3339) + ": " + f.Error
}

// backupStatus looks for the newest backup, and whether the last one failed.
func (c *cli) backupStatus() (st backupStatus) {
	b, err := c.backups().Newest(time.Now())
	switch {
	case err == nil:
		st = backupStatus{Name: b.Name, CreatedAt: b.CreatedAt, Runs: b.Runs, Bytes: sizeOf(b)}
	case !errors.Is(err, store.ErrNotFound):
		st.Failure = &store.BackupFailure{At: time.Now().UTC(), Error: err.Error()}
	}
	if f, failed := c.backups().Failure(); failed {
		st.Failure = &f
	}
	return st
}

func (c *cli) backupLine(s *screen, st status) string {
	line := "none yet"
	switch {
	case st.Backup.Name != "":
		line = visibleLine(st.Backup.Name) + ", " + ago(time.Since(st.Backup.CreatedAt)) + " old, " + count(st.Backup.Runs, "run")
	case store.EngineOf(c.database()) != schema.SQLite:
		line = "the database server's own job"
	}
	if f := st.Backup.Failure; f != nil {
		line += "; " + s.paint(text.FgRed, "the last one failed "+clock(f.At)+": "+visibleLine(f.Error))
	}
	return line
}
