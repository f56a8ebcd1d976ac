package main

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/consensusd/consensusd/schema"
	"github.com/consensusd/consensusd/store"
)

const archiveForgetLong = `forget gives up the runs that were in a file of the archive which is gone for
good, so that younger runs of its month can be archived again, and verify finds
nothing missing. Without --yes it prints what would be given up, and changes
nothing.

The runs are deleted as cleanup deletes them: each has a line in
archive/deleted.jsonl, and its receipts stay, so that a document which was recorded
in one is a duplicate when it comes again. It cannot be undone: bring the file back
from a backup instead, if there is one. Interrupted, run it again. A file that is
there is refused, also a damaged one: bring it back from a backup, or move it away
first.

Where several homes share a server's database, the file may be at another one.`

const archiveForgetExample = `  consensusd archive forget 2025-09.zst
  consensusd archive forget 2025-09.zst --yes`

func (c *cli) archiveForgetCommand() *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use:     "forget FILE",
		Short:   "Give up the runs of a file that is gone for good",
		Long:    archiveForgetLong,
		Example: archiveForgetExample,
		Args:    arguments(1, 1, "the name of a file of the archive"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.notForgotten(c.archiveForget(cmd.Context(), args[0], yes))
		},
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "do it: the runs are deleted")
	return cmd
}

// notForgotten says what to do where nothing could be given up.
func (c *cli) notForgotten(err error) error {
	switch {
	case errors.Is(err, store.ErrFileThere):
		return &failure{
			exit: exitFailed, code: "exists", text: err.Error(), err: err,
			hint: "what is there is not given up; if it is damaged, bring it back from a backup, or move it away first",
		}
	case errors.Is(err, store.ErrElsewhere):
		return &failure{
			exit: exitFailed, code: "elsewhere", text: err.Error(), err: err,
			hint: "do it at the home that cleans up; if that is gone for good, make the folder " + shellQuoted(c.Home().Archive()),
		}
	case errors.Is(err, store.ErrNotFound):
		f := c.explain(err)
		f.hint = c.command("archive", "list") + " lists the files that runs are archived in"
		return f
	}
	return err
}

// A forgetting is what is lost with a file, and what forget did.
type forgetting struct {
	store.Loss
	Done    bool  `json:"done"`
	Deleted int64 `json:"deleted"` // runs
}

func (c *cli) archiveForget(ctx context.Context, file string, yes bool) error {
	if err := c.needHome(); err != nil {
		return err
	}
	s, err := c.openToClean(ctx, !yes)
	if err != nil {
		return err
	}
	defer s.Close()
	a, f := c.archive(s), forgetting{Done: yes}
	if yes {
		bar := c.progress("giving up runs")
		f.Loss, f.Deleted, err = a.Forget(ctx, file, time.Now(), bar.step)
		bar.clear()
	} else if f.Loss, err = a.Loss(ctx, file); err == nil {
		err = c.lookElsewhere(ctx, a, file)
	}
	if err != nil {
		return err
	}
	return c.answer(f, nil, func(out *screen) { c.printForgetting(out, f) })
}

func (c *cli) printForgetting(out *screen, f forgetting) {
	if f.Done {
		c.confirm("%s given up", count(f.Deleted, "run"))
		return
	}
	rows := make([][]string, len(f.Specs))
	for i, s := range f.Specs {
		rows[i] = []string{visibleLine(s.SpecID), strconv.FormatInt(s.Runs, 10)}
	}
	out.print([]string{"SPEC", "RUNS"}, rows)
	c.note("nothing is changed; --yes gives up %s for good: %s", count(f.Runs, "run"), c.command("archive", "forget", f.File, "--yes"))
}

// lookElsewhere tells where a file that is to be given up may still be.
func (c *cli) lookElsewhere(ctx context.Context, a *store.Archive, file string) error {
	backups, err := c.backups().List()
	if err != nil {
		return err
	}
	for _, b := range backups { // the newest first
		if b.Damage == "" && slices.ContainsFunc(b.Archives, func(f store.BackupFile) bool { return f.File == file }) {
			c.note("it is in backup %s: copy it from there, %s", b.Name, shellQuoted(filepath.Join(b.Path, "archive", file)))
			break
		}
	}
	if store.EngineOf(c.database()) != schema.SQLite {
		c.note("other homes record into this database: see that none of them has the file in its archive")
	}
	files, err := a.Files(ctx)
	if len(files) > 1 && !slices.ContainsFunc(files, func(f store.ArchiveFile) bool { return f.Bytes > 0 }) {
		c.note("no file of the archive is there: see that its disk is")
	}
	return err
}
