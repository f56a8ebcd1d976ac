package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"

	"github.com/consensusd/consensusd/store"
)

const verifyLong = `verify checks everything and changes nothing: that the database is intact, that
every answer is what was recorded, byte for byte, that every run, judged again
by what is stored, is what is recorded, that every receipt has its run, that
every file in done/ is recorded, that every file in failed/ has its reason, and
that every archive and every backup is what it was when it was made, byte for
byte. It may run beside the daemon. consensusd backup verify looks into backups.

docs/guarantees.md lists what it finds, and what it cannot: for that there is
consensusd replay.

Exit status 3 when something is wrong.`

const verifyExample = `  consensusd verify
  consensusd verify --json | jq '.data.problems'`

func (c *cli) verifyCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "verify",
		Short:   "Check database, receipts, files, archive and backups",
		Long:    verifyLong,
		Example: verifyExample,
		Args:    arguments(0, 0, "no arguments"),
		RunE:    func(cmd *cobra.Command, _ []string) error { return c.verify(cmd.Context()) },
	}
}

// A verification is what verify looked at and what it found.
type verification struct {
	OK        bool            `json:"ok"`
	Problems  []store.Problem `json:"problems"`
	Unlisted  int64           `json:"unlisted"` // problems with files beyond those listed
	Runs      int64           `json:"runs"`
	Archived  int64           `json:"archived_runs"`
	Documents int64           `json:"documents"` // receipts
	Files     int64           `json:"files"`     // in done/ and failed/
	Waiting   int64           `json:"waiting"`   // of these, for a daemon to look at them
	Backups   int64           `json:"backups"`
}

func (c *cli) verify(ctx context.Context) error {
	s, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	v, err := c.verified(ctx, s)
	if err != nil {
		return err
	}
	if err := c.answer(v, nil, func(out *screen) { c.printVerification(out, v) }); err != nil {
		return err
	}
	if !v.OK {
		return exitStatus(exitRejected)
	}
	return nil
}

func (c *cli) verified(ctx context.Context, s *store.Store) (v verification, err error) {
	runs, files := c.progress("checking runs"), c.progress("checking files")
	found, err := c.Home().Examine(ctx, s, runs.step, func(done int64) {
		runs.clear()
		files.step(done, unknown)
	})
	runs.clear()
	files.clear()
	if err != nil {
		return v, err
	}
	archived, err := c.verifiedArchive(ctx, s)
	if err != nil {
		return v, err
	}
	bar := c.progress("checking backups")
	backups, damaged, err := c.backups().Verify(ctx, bar.step)
	bar.clear()
	if err != nil {
		return v, err
	}
	found.Problems = slices.Concat(found.Problems, archived.Problems, damaged)
	totals, err := s.Totals(ctx)
	v = verification{
		OK: len(found.Problems) == 0 && found.Unlisted == 0, Problems: found.Problems, Unlisted: found.Unlisted,
		Runs: totals.Runs, Archived: archived.Runs, Files: found.Files, Waiting: found.Waiting, Backups: backups,
	}
	for _, n := range totals.Documents {
		v.Documents += n
	}
	return v, err
}

func (c *cli) printVerification(out *screen, v verification) {
	looked := count(v.Runs, "run")
	if v.Archived > 0 {
		looked += fmt.Sprintf(", %d in the archive", v.Archived)
	}
	looked += fmt.Sprintf(", %s, %s in done/ and failed/", count(v.Documents, "receipt"), count(v.Files, "file"))
	if v.Waiting > 0 {
		looked += fmt.Sprintf(" (%d wait for the daemon)", v.Waiting)
	}
	looked += ", " + count(v.Backups, "backup")
	if v.OK {
		c.confirm("%s  %s", out.paint(text.FgGreen, "ok"), looked)
		return
	}
	out.problems(v.Problems)
	c.note("%s among %s", count(int64(len(v.Problems))+v.Unlisted, "problem"), looked)
}

// problems prints what is wrong, a line each.
func (s *screen) problems(all []store.Problem) {
	rows := make([][]string, len(all))
	for i, p := range all {
		rows[i] = []string{visibleLine(p.What), visibleLine(p.Which), visibleLine(p.Why)}
	}
	s.print([]string{"WHAT", "WHICH", "WHY"}, rows)
}
