package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/consensusd/consensusd/schema"
	"github.com/consensusd/consensusd/store"
)

const restoreLong = `restore brings database and archive back from a backup, named or the newest not
later than --at, into a home that has none. The backup is checked first, byte for
byte; one that is damaged or foreign is refused, and nothing is touched.

--replace restores over a database: that, its log and its archive are kept beside
it, under names with the time.

No daemon may run, and nobody have the database open. The next daemon looks through
done/ for what was recorded since the backup, and records it again; done/ goes back
as far as --keep-done of watch. Where other homes record into the database too, run
consensusd ingest on the done/ of each.`

const restoreExample = `  consensusd backup list
  consensusd restore 20260301T180000Z
  consensusd restore --at 2026-03-01T20:00:00Z --replace
  consensusd restore /mnt/backups/20260301T180000Z --home /srv/consensus`

// The flags of restore.
type restoring struct {
	at      moment
	replace bool
}

func (c *cli) restoreCommand() *cobra.Command {
	r := &restoring{at: moment{now: time.Now}}
	cmd := &cobra.Command{
		Use:     "restore BACKUP | --at TIME",
		Short:   "Bring database and archive back from a backup",
		Long:    restoreLong,
		Example: restoreExample,
		Args:    arguments(0, 1, "one backup, by name or path"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 == r.at.IsZero() {
				return misuse(cmd, "name a backup, or a time with --at: "+c.command("backup", "list")+" shows what there is")
			}
			if store.EngineOf(c.database()) != schema.SQLite {
				return misuse(cmd, "a backup is restored into a file: then consensusd copy --to brings it to a server")
			}
			b, err := c.backupToRestore(args, r.at.Time)
			if err != nil {
				return c.explainBackup(err)
			}
			return c.restore(cmd.Context(), b, r.replace)
		},
	}
	f := cmd.Flags()
	f.Var(&r.at, "at", "take the newest backup not later than this date, time or 6h ago")
	f.BoolVar(&r.replace, "replace", false, "also over a database, which is kept beside it")
	return cmd
}

func (c *cli) backupToRestore(args []string, at time.Time) (store.Backup, error) {
	if len(args) > 0 {
		return c.findBackup(args[0])
	}
	b, err := c.backups().Newest(at)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return b, err
	}
	all, listErr := c.backups().List()
	if listErr != nil {
		return b, listErr
	}
	for _, skipped := range all {
		switch {
		case skipped.Name == b.Name:
			return b, err
		case skipped.Damage == "" || skipped.CreatedAt.After(at):
		case err != nil:
			err = fmt.Errorf("%w; backup %s is damaged: %s", err, skipped.Name, skipped.Damage)
		default:
			c.note("backup %s is newer, and skipped because it is damaged: %s", skipped.Name, skipped.Damage)
		}
	}
	return b, err
}

// clockDoubt is how far the clock of the disk that holds done/ may be behind.
const clockDoubt = time.Minute

func (c *cli) restore(ctx context.Context, b store.Backup, replace bool) (err error) {
	if err := c.Home().Create(); err != nil {
		return err
	}
	lock, err := c.lock("stop the daemon before you restore, and start it afterwards")
	if err != nil {
		return err
	}
	settled := true
	defer func() { err = errors.Join(err, lock.Release(settled)) }()
	bar := c.progress("restoring")
	r, err := b.Restore(ctx, c.database(), c.Home().Archive(), replace, bar.step)
	bar.clear()
	if errors.Is(err, store.ErrOccupied) {
		return &failure{exit: exitFailed, code: "exists", text: err.Error(), hint: "with --replace it is kept beside the one restored", err: err}
	}
	if err != nil {
		return err
	}
	defer r.Close()
	settled = false
	if err := lock.Unsettle(b.CreatedAt.Add(-clockDoubt)); err != nil {
		return err
	}
	done, err := r.Put(ctx, time.Now())
	if err != nil {
		return err
	}
	c.remark("the next %s looks through done/ for what was recorded since %s", c.command("watch"), clock(done.Created))
	if n := c.failedSince(done.Created); n > 0 {
		c.remark("%s in failed/ came since then: %s gives them their receipts again", count(n, "file"), c.command("failed", "retry", "--all"))
	}
	return c.answer(done, nil, func(out *screen) { c.printRestored(out, done) })
}

// failedSince counts the files that were rejected after a backup was made, which knows
// nothing of them.
func (c *cli) failedSince(made time.Time) (n int) {
	all, _ := c.Home().Failures() // who cannot read them is told so by verify
	for _, f := range all {
		if first, err := time.Parse(time.RFC3339, f.FirstSeen); err == nil && !first.Before(made.Truncate(time.Second)) {
			n++
		}
	}
	return n
}

func (c *cli) printRestored(out *screen, r store.Restored) {
	if len(r.Problems) > 0 {
		out.problems(r.Problems)
	}
	c.confirm("restored  %s  %s, %s, %d archived", visibleLine(r.Backup), count(r.Runs, "run"), count(r.Receipts, "receipt"), r.Archived)
	if len(r.Kept) > 0 {
		kept := make([]string, len(r.Kept))
		for i, path := range r.Kept {
			kept[i] = shellQuoted(path)
		}
		c.note("what was there is kept: %s", strings.Join(kept, ", "))
	}
}
