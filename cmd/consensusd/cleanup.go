package main

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/consensusd/consensusd/store"
)

const cleanupLong = `cleanup applies retention now; the daemon does so daily.

A run stays active for --active-days, then in the archive for --archive-days, and
is then deleted. Its age is that of its own timestamp. Pinned runs stay, and so do
all runs of a spec that has one in the last --quiet-days, and runs whose time is 0
or has not come yet.

Runs are written to HOME/archive, read back and verified before their rows are
deleted; the disk space is given back. Interrupted at any moment, nothing is lost,
and the next cleanup goes on. Runs whose file of the archive is damaged stay until
it is brought back from a backup; archive forget gives up one that is gone. It runs
at a low priority. --dry-run prints the plan that the real run carries out, and
changes nothing.`

const cleanupExample = `  consensusd cleanup --dry-run
  consensusd cleanup
  consensusd cleanup --dry-run --at 2027-01-01
  consensusd cleanup --active-days 14 --quiet-days 0 --json`

func (c *cli) cleanupCommand() *cobra.Command {
	keep := newRetaining()
	var dryRun bool
	at := moment{now: time.Now}
	cmd := &cobra.Command{
		Use:     "cleanup",
		Short:   "Apply retention now: archive old runs, delete older ones",
		Long:    cleanupLong,
		Example: cleanupExample,
		Args:    arguments(0, 0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if at.IsZero() {
				at.Time = time.Now()
			}
			if !dryRun && time.Until(at.Time) > 0 {
				return misuse(cmd, "--at must not lie in the future, but for a --dry-run")
			}
			return c.cleanup(cmd.Context(), keep.policy(), at.Time, dryRun, cmd.Flags())
		},
	}
	keep.addTo(cmd.Flags())
	cmd.Flags().Var(&at, "at", "reckon ages as of this time instead of now")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "print the plan and change nothing")
	return cmd
}

// A tidying is what a cleanup is to do, and did.
type tidying struct {
	Plan *store.Plan    `json:"plan"`
	Done *store.Cleaned `json:"done,omitzero"` // nil after a dry run
}

func (c *cli) cleanup(ctx context.Context, keep store.Retention, at time.Time, dryRun bool, flags *pflag.FlagSet) error {
	s, err := c.openToClean(ctx, dryRun)
	if err != nil {
		return err
	}
	defer s.Close()
	if err := c.needHome(); err != nil && !dryRun { // it would get an archive, wherever we are
		return err
	}
	var t tidying
	if dryRun {
		t.Plan, err = c.archive(s).Plan(ctx, keep, at)
	} else {
		bar := c.progress("archiving")
		t.Done = new(store.Cleaned)
		t.Plan, *t.Done, err = c.archive(s).Cleanup(ctx, keep, at, bar.step)
		bar.clear()
	}
	if t.Plan == nil {
		return err
	}
	said := c.answer(t, nil, func(out *screen) { c.printTidying(out, t, flags) })
	return cmp.Or(err, said)
}

// openToClean opens the database, which must be there.
func (c *cli) openToClean(ctx context.Context, dryRun bool) (*store.Store, error) {
	s, err := c.open(ctx)
	if err != nil || dryRun {
		return s, err
	}
	s.Close()
	return store.Open(ctx, c.database())
}

func (c *cli) printTidying(out *screen, t tidying, flags *pflag.FlagSet) {
	out.plan(t.Plan)
	switch {
	case t.Done != nil:
		c.confirm("%s", cleanedLine(*t.Done))
	case time.Until(t.Plan.At) > 0:
		c.note("nothing is changed; this is what would be done at %s", clock(t.Plan.At))
	default:
		again := c.command(append([]string{"cleanup"}, c.flagsAgain(flags, "dry-run")...)...)
		c.note("nothing is changed; without --dry-run this is done: %s", again)
	}
}

// plan prints what a cleanup is to do.
func (s *screen) plan(p *store.Plan) {
	row := func(what string, share store.Share) []string {
		if share.Runs == 0 {
			return []string{what, "-", "-", "-", "-", ""}
		}
		return []string{what, strconv.FormatInt(share.Runs, 10), size(share.Bytes), clock(share.Oldest), clock(share.Newest), ""}
	}
	rows := [][]string{row("archive", p.Archive), row("delete", p.Delete)}
	for _, stay := range p.Stay {
		rows = append(rows, []string{"keep", strconv.FormatInt(stay.Runs, 10), "", "", "", visibleLine(whyStay(stay))})
	}
	const why = 5
	s.print([]string{"WHAT", "RUNS", "CONTENT", "OLDEST", "NEWEST", "WHY"}, rows, why)
}

func whyStay(s store.Stay) string {
	words := map[string]string{
		store.StayPinned: "pinned",
		store.StayQuiet:  "the spec is active",
		store.StayNoTime: "no time: nobody knows how old they are",
		store.StayFuture: "of a time that has not come yet",

		store.StayDamaged: "their file of the archive is damaged",
		store.StayGone:    "their file of the archive is not here, or lacks runs",
	}[s.Why]
	if len(s.Specs) == 0 {
		return words
	}
	return words + ": " + strings.Join(s.Specs, ", ")
}

// cleanedLine tells what a cleanup did, in a line.
func cleanedLine(d store.Cleaned) string {
	line := fmt.Sprintf("%s archived, %d deleted; the database takes %s, %s before: %s freed; the archive takes %s",
		count(d.Archived, "run"), d.Deleted, size(d.After), size(d.Before), size(max(d.Before-d.After, 0)), size(d.Archive))
	if d.LogHeld {
		line += "; a reader holds on to the rest until it ends"
	}
	if d.Changed > 0 {
		line += "; " + count(d.Changed, "run") + " changed meanwhile and stayed"
	}
	if d.Listed > 0 {
		line += "; " + count(d.Listed, "run") + " listed again that only the archive knew"
	}
	return line
}
