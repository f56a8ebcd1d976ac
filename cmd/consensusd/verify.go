package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"

	"github.com/consensusd/consensusd/store"
)

const verifyLong = `verify checks everything and changes nothing: that the database is intact, that
every answer is what was recorded, byte for byte, that verdicts agree, that
every receipt has its run, that every file in done/ is recorded, and that every
file in failed/ has its reason. It may run beside the daemon.

Exit status 3 when something is wrong.`

const verifyExample = `  consensusd verify
  consensusd verify --json | jq '.data.problems'`

func (c *cli) verifyCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "verify",
		Short:   "Check database, receipts and files",
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
	Runs      int64           `json:"runs"`
	Documents int64           `json:"documents"` // receipts
	Files     int             `json:"files"`     // in done/ and failed/
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
	bar := c.progress("checking runs")
	v.Problems, err = c.Home().Verify(ctx, s, bar.step)
	bar.clear()
	if err != nil {
		return v, err
	}
	totals, err := s.Totals(ctx)
	if err != nil {
		return v, err
	}
	v.OK, v.Runs = len(v.Problems) == 0, totals.Runs
	for _, n := range totals.Documents {
		v.Documents += n
	}
	done, err := countFiles(c.Home().Done())
	if err != nil {
		return v, err
	}
	failed, err := c.Home().Failures()
	v.Files = done + len(failed)
	return v, err
}

func (c *cli) printVerification(out *screen, v verification) {
	looked := fmt.Sprintf("%s, %s, %s in done/ and failed/", count(v.Runs, "run"), count(v.Documents, "receipt"), count(v.Files, "file"))
	if v.OK {
		c.confirm("%s  %s", out.paint(text.FgGreen, "ok"), looked)
		return
	}
	out.problems(v.Problems)
	c.note("%s among %s", count(len(v.Problems), "problem"), looked)
}

// problems prints what is wrong, a line each.
func (s *screen) problems(all []store.Problem) {
	rows := make([][]string, len(all))
	for i, p := range all {
		rows[i] = []string{visibleLine(p.What), visibleLine(p.Which), visibleLine(p.Why)}
	}
	s.print([]string{"WHAT", "WHICH", "WHY"}, rows)
}

// countFiles counts the files below a folder, none when it is not there.
func countFiles(folder string) (n int, err error) {
	err = filepath.WalkDir(folder, func(_ string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() && !strings.HasPrefix(e.Name(), ".") {
			n++
		}
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	return n, err
}
