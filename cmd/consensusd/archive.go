package main

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"

	"github.com/consensusd/consensusd/serve"
	"github.com/consensusd/consensusd/store"
)

const archiveLong = `archive looks after the runs that cleanup has moved out of the database: into
HOME/archive, a file a month, compressed and checksummed.

A run in the archive is found by show and artifacts like any other; runs
--archived lists them. zstdcat prints a file's records, one JSON object a line.`

const archiveExample = `  consensusd archive list
  consensusd archive show SPEC-KIT-065 plan
  consensusd archive restore 019a3c5e-2b00-8f11-9c22-5d3f0e6a7b81
  consensusd archive verify
  consensusd archive forget 2025-09.zst          # what would be given up; --yes does it`

func (c *cli) archiveCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "archive",
		Short:   "List, show, restore, verify and give up archived runs",
		Long:    archiveLong,
		Example: archiveExample,
		Args:    cobra.ArbitraryArgs,
		RunE:    unknownCommand,
	}
	show := c.showCommand()
	show.Short = "Show one run, whole, as consensusd show does"
	show.Example = strings.ReplaceAll(show.Example, "consensusd show", "consensusd archive show")
	cmd.AddCommand(
		&cobra.Command{
			Use: "list", Short: "List the files of the archive", Args: arguments(0, 0, "no arguments"),
			Long: "list prints for each month how many runs are archived and how large they are.", Example: "  consensusd archive list",
			RunE: func(cmd *cobra.Command, _ []string) error { return c.archiveList(cmd.Context()) },
		},
		show,
		&cobra.Command{
			Use: "restore RUN_ID…", Short: "Bring runs back into the database, and pin them", Args: arguments(1, -1, "the ids of runs"),
			Long: `restore brings archived runs back into the tables of runs, equal to the byte, and
pins them, so that the next cleanup leaves them there (unpin lets them go). All
of them or none. Exit status 4 when one is not in the archive.`,
			Example: "  consensusd archive restore $(consensusd runs --archived --spec SPEC-KIT-065 --json | jq -r '.data[].run_id')",
			RunE:    func(cmd *cobra.Command, ids []string) error { return c.archiveRestore(cmd.Context(), ids) },
		},
		&cobra.Command{
			Use: "verify", Short: "Check every file of the archive", Args: arguments(0, 0, "no arguments"),
			Long: `verify reads every archived record, compares it with its checksum, and the files
with what the database says is in them. Exit status 3 when something is wrong.`,
			Example: "  consensusd archive verify",
			RunE:    func(cmd *cobra.Command, _ []string) error { return c.archiveVerify(cmd.Context()) },
		},
		c.archiveForgetCommand(),
	)
	return cmd
}

func (c *cli) archiveList(ctx context.Context) error {
	s, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	files, err := c.archive(s).Files(ctx)
	if err != nil {
		return err
	}
	if len(files) == 0 {
		c.remark("nothing is archived; %s tells what would be", c.command("cleanup", "--dry-run"))
	}
	return c.answer(files, &serve.Page{Returned: len(files)}, func(out *screen) {
		if len(files) == 0 {
			return
		}
		rows := make([][]string, len(files))
		for i, f := range files {
			onDisk := size(f.Bytes)
			if f.Bytes == 0 { // no file of the archive is that small
				onDisk = "not here"
			}
			rows[i] = []string{f.File, strconv.FormatInt(f.Runs, 10), size(f.Content), onDisk, clock(f.Oldest), clock(f.Newest)}
		}
		out.print([]string{"FILE", "RUNS", "CONTENT", "ON DISK", "OLDEST", "NEWEST"}, rows)
	})
}

// A restoration is what archive restore did.
type restoration struct {
	Restored int `json:"restored"`
	Active   int `json:"active"` // were in the database already
}

func (c *cli) archiveRestore(ctx context.Context, ids []string) error {
	s, err := c.openToClean(ctx, false)
	if err != nil {
		return err
	}
	defer s.Close()
	ids = slices.Compact(slices.Sorted(slices.Values(ids)))
	n, err := c.archive(s).Restore(ctx, time.Now(), ids...)
	if errors.Is(err, store.ErrNotFound) {
		f := c.explain(err)
		f.hint = c.command("runs", "--archived") + " lists what is there; nothing was restored"
		return f
	}
	if err != nil {
		return err
	}
	r := restoration{n, len(ids) - n}
	return c.answer(r, nil, func(*screen) {
		c.confirm("%s restored and pinned", count(r.Restored, "run"))
		if r.Active > 0 {
			c.note("%s in the database already", count(r.Active, "run"))
		}
	})
}

// noteElsewhere says where nothing of the archive can be verified.
func (c *cli) noteElsewhere(ctx context.Context, a *store.Archive) error {
	if !a.Elsewhere() {
		return nil
	}
	files, err := a.Files(ctx)
	if len(files) > 0 {
		c.note("this home has no archive: verify it at the home that cleans up")
	}
	return err
}

// verifiedArchive examines the archive of the home.
func (c *cli) verifiedArchive(ctx context.Context, s *store.Store) (store.ArchiveExamination, error) {
	a := c.archive(s)
	bar := c.progress("checking the archive")
	found, err := a.Verify(ctx, bar.step)
	bar.clear()
	if err != nil {
		return found, err
	}
	return found, c.noteElsewhere(ctx, a)
}

func (c *cli) archiveVerify(ctx context.Context) error {
	s, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	found, err := c.verifiedArchive(ctx, s)
	if err != nil {
		return err
	}
	v := archiveVerification{OK: len(found.Problems) == 0, Problems: found.Problems, Runs: found.Runs, Files: found.Files}
	if err := c.answer(v, nil, func(out *screen) { c.printArchiveVerification(out, v) }); err != nil || v.OK {
		return err
	}
	return exitStatus(exitRejected)
}

// An archiveVerification is what archive verify looked at and what it found.
type archiveVerification struct {
	OK       bool            `json:"ok"`
	Problems []store.Problem `json:"problems"`
	Runs     int64           `json:"runs"`
	Files    int             `json:"files"`
}

func (c *cli) printArchiveVerification(out *screen, v archiveVerification) {
	looked := count(v.Runs, "run") + " in " + count(v.Files, "file")
	if v.OK {
		c.confirm("%s  %s", out.paint(text.FgGreen, "ok"), looked)
		return
	}
	out.problems(v.Problems)
	c.note("%s among %s", count(len(v.Problems), "problem"), looked)
}
