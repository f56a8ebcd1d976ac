package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"

	"github.com/consensusd/consensusd/schema"
	"github.com/consensusd/consensusd/serve"
	"github.com/consensusd/consensusd/store"
)

const backupLong = `backup makes a backup now; the daemon does so daily.

It copies the database as it is at one moment, while others record, and the
archive that belongs to it, into HOME/backups/TIME, and then opens, examines and
counts the copy before it gets its name. The files of the archive take no space
twice: they are other names of the same files. Make HOME/backups a link to a folder
on another disk, and they are copied there. It runs at a low priority.

Backups of a PostgreSQL database are that server's own job: backup tells the
command. --export copies all runs, of either engine, into a new SQLite file; those
in the archive stay there.

Exit status 3 when the archive was damaged already: it is copied as it is.`

const backupExample = `  consensusd backup
  consensusd backup --backup-keep 7d,4w,6m       # and delete older ones
  consensusd backup list
  consensusd backup verify --drill               # restores the newest, elsewhere
  consensusd backup --db postgres://app@db1/consensus --export runs.db`

func (c *cli) backupCommand() *cobra.Command {
	keep := keeping{all: true}
	var export string
	cmd := &cobra.Command{
		Use:     "backup",
		Short:   "Make a backup now; list and verify backups",
		Long:    backupLong,
		Example: backupExample,
		Args:    cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return unknownCommand(cmd, args)
			}
			if export != "" {
				return c.export(cmd.Context(), export)
			}
			return c.backup(cmd.Context(), keep)
		},
	}
	f := cmd.Flags()
	f.Var(&keep, "backup-keep", "delete others than the newest of so many days, weeks and months")
	f.StringVar(&export, "export", "", "copy all runs into this new SQLite `file` instead")
	cmd.AddCommand(c.backupListCommand(), c.backupVerifyCommand())
	return cmd
}

// backups is the folder of the home's backups.
func (c *cli) backups() store.Backups { return store.Backups(c.Home().Backups()) }

// A backedUp is a backup that was made, and those that were deleted then.
type backedUp struct {
	store.Backup
	Deleted []string `json:"deleted"`
}

func (c *cli) backup(ctx context.Context, keep keeping) error {
	s, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	if err := c.needHome(); err != nil && store.EngineOf(c.database()) == schema.SQLite {
		return err
	}
	bar := c.progress("backing up")
	made, err := s.Backup(ctx, c.backups(), c.archive(s), time.Now(), bar.step)
	bar.clear()
	if err != nil {
		return err
	}
	b := backedUp{Backup: made}
	if !keep.all {
		var damaged []string
		if b.Deleted, damaged, err = c.backups().Prune(ctx, keep.BackupKeep); err != nil {
			return err
		}
		for _, name := range damaged {
			c.remark("backup %s is damaged, stands in for none and is kept: look into it, then delete it", name)
		}
	}
	if err := c.answer(b, nil, func(out *screen) { c.printBackedUp(out, b) }); err != nil || len(b.Problems) == 0 {
		return err
	}
	return exitStatus(exitRejected)
}

func (c *cli) printBackedUp(out *screen, b backedUp) {
	if len(b.Problems) > 0 {
		out.problems(b.Problems)
	}
	line := fmt.Sprintf("%s, %s, %d archived; %s in %.1f s", count(b.Runs, "run"), count(b.Receipts, "receipt"), b.ArchivedRuns, size(sizeOf(b.Backup)), b.Seconds)
	if len(b.Deleted) > 0 {
		line += "; deleted " + strings.Join(b.Deleted, ", ")
	}
	c.confirm("%s  %s", visibleLine(b.Path), line)
}

// sizeOf is the size of a backup, as if its archive were no other's.
func sizeOf(b store.Backup) int64 {
	n := b.Bytes
	for _, f := range b.Archives {
		n += f.Bytes
	}
	return n
}

func (c *cli) backupListCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "List backups, newest first",
		Long:    "list lists the backups of the home, newest first, and what is wrong with one at\nfirst sight.",
		Example: "  consensusd backup list\n  consensusd backup list --json | jq -r '.data[0].path'",
		Args:    arguments(0, 0, "no arguments"),
		RunE: func(*cobra.Command, []string) error {
			if err := c.needHome(); err != nil {
				return err
			}
			all, err := c.backups().List()
			if err != nil {
				return err
			}
			if f, failed := c.backups().Failure(); failed {
				c.remark("the last backup failed %s: %s", clock(f.At), f.Error)
			}
			if len(all) == 0 {
				c.remark("%s", c.noBackup())
			}
			return c.answer(all, &serve.Page{Returned: len(all)}, func(out *screen) { printBackups(out, all) })
		},
	}
}

// noBackup says where a home gets backups from.
func (c *cli) noBackup() string {
	if store.EngineOf(c.database()) != schema.SQLite {
		return "backups are the database server's own job: " + c.command("backup") + " tells how"
	}
	return "no backup yet: " + c.command("backup") + " makes one"
}

func printBackups(out *screen, all []store.Backup) {
	if len(all) == 0 {
		return
	}
	rows := make([][]string, len(all))
	for i, b := range all {
		rows[i] = []string{visibleLine(b.Name), strconv.FormatInt(b.Runs, 10), strconv.FormatInt(b.ArchivedRuns, 10), size(sizeOf(b)), fmt.Sprintf("%.1f s", b.Seconds), ""}
		if b.Damage != "" {
			rows[i] = []string{visibleLine(b.Name), "-", "-", "-", "-", out.paint(text.FgRed, "damaged: "+visibleLine(b.Damage))}
		}
	}
	const state = 5
	out.print([]string{"BACKUP", "RUNS", "ARCHIVED", "SIZE", "TOOK", ""}, rows, state)
}

// findBackup returns the backup that a user means by its name or path.
func (c *cli) findBackup(name string) (store.Backup, error) {
	if name != filepath.Base(name) {
		return store.ReadBackup(name)
	}
	b, err := store.ReadBackup(filepath.Join(string(c.backups()), name))
	if errors.Is(err, store.ErrNotFound) {
		if _, found := os.Stat(name); found == nil {
			return store.ReadBackup(name)
		}
	}
	return b, err
}

// explainBackup tells where to look for backups, when one is not there.
func (c *cli) explainBackup(err error) error {
	if !errors.Is(err, store.ErrNotFound) {
		return err
	}
	f := c.explain(err)
	f.hint = c.command("backup", "list") + " shows what there is"
	return f
}

// export copies all runs into a new file.
func (c *cli) export(ctx context.Context, path string) error {
	from, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer from.Close()
	bar := c.progress("copying runs")
	copied, err := from.Export(ctx, path, bar.step)
	bar.clear()
	if errors.Is(err, os.ErrExist) {
		return &failure{exit: exitFailed, code: "exists", text: err.Error(), hint: "name a new file; consensusd copy --to adds to one", err: err}
	}
	if err != nil {
		return err
	}
	if err := c.answer(copied, nil, func(s *screen) { c.printCopied(s, copied) }); err != nil || len(copied.Problems) == 0 {
		return err
	}
	return exitStatus(exitRejected)
}
