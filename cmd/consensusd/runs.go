package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/consensusd/consensusd/ingest"
	"github.com/consensusd/consensusd/schema"
	"github.com/consensusd/consensusd/serve"
	"github.com/consensusd/consensusd/store"
)

const runsLong = `runs lists recorded runs, newest first, a page at a time.

A verdict is unanimous (consensus, with everyone expected), degraded (consensus,
but somebody was missing) or failed (no consensus). Agents marked with ! are
missing: they gave no usable answer. All times are UTC.

--since and --until take a date, an RFC 3339 time, or how long ago (28d, 6h, 2w);
runs of exactly --since are listed, those of --until are not. A stage may be
written plan, spec-plan or Plan. --archived lists the runs that cleanup has moved
to the archive.`

const runsExample = `  consensusd runs
  consensusd runs --spec SPEC-KIT-065 --verdict degraded
  consensusd runs --since 28d --agent claude --json | jq -r '.data[].run_id'`

// The flags of runs.
type listing struct {
	spec, stage, agent, verdict string
	since, until                moment
	limit                       int
	after                       cursor
	archived                    bool
}

func (c *cli) runsCommand() *cobra.Command {
	l := &listing{since: moment{now: time.Now}, until: moment{now: time.Now}, limit: 10}
	cmd := &cobra.Command{
		Use:     "runs",
		Short:   "List runs, newest first",
		Long:    runsLong,
		Example: runsExample,
		Args:    arguments(0, 0, "no arguments: name what you look for with flags"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if l.archived && l.agent != "" {
				return misuse(cmd, "--agent does not look into the archive: list it without, or restore the runs first")
			}
			return c.runs(cmd.Context(), l, cmd.Flags())
		},
	}
	f := cmd.Flags()
	f.StringVar(&l.spec, "spec", "", "only runs of this spec")
	f.Var(name{&l.stage, ingest.StageName}, "stage", "only runs of this stage")
	f.Var(name{&l.agent, ingest.AgentName}, "agent", "only runs that this agent answered in")
	verdicts := []string{string(schema.Unanimous), string(schema.Degraded), string(schema.Failed)}
	f.Var(choice{&l.verdict, verdicts}, "verdict", "only runs with this verdict")
	f.Var(&l.since, "since", "only runs from this time on")
	f.Var(&l.until, "until", "only runs before this time")
	f.VarP(number{&l.limit, 1}, "limit", "n", "how many runs a page")
	f.Var(&l.after, "after", "the page after this cursor")
	f.BoolVar(&l.archived, "archived", false, "the runs in the archive instead")
	cmd.RegisterFlagCompletionFunc("verdict", cobra.FixedCompletions(verdicts, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

func (l *listing) filter() store.Filter {
	return store.Filter{
		SpecID: l.spec, Stage: l.stage, Agent: l.agent, Verdict: schema.Verdict(l.verdict),
		Since: l.since.Time, Until: l.until.Time, After: string(l.after), Limit: l.limit,
	}
}

func (c *cli) runs(ctx context.Context, l *listing, flags *pflag.FlagSet) error {
	s, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	runs, page, err := l.list(ctx, s, c.archive(s))
	if err != nil {
		return err
	}
	if err := c.answer(runs, &page, func(out *screen) { out.runs(runs) }); err != nil || c.json {
		return err
	}
	switch {
	case len(runs) == 0:
		c.note("%s", c.whyNoRuns(ctx, s, flags))
	case page.Next != "":
		c.note("more: %s", c.nextPage("runs", flags, page.Next))
	}
	return nil
}

func (l *listing) list(ctx context.Context, s *store.Store, a *store.Archive) ([]serve.Run, serve.Page, error) {
	if l.archived {
		return serve.ArchivedRuns(ctx, a, l.filter())
	}
	return serve.Runs(ctx, s, l.filter())
}

// whyNoRuns says what to try when nothing was found.
func (c *cli) whyNoRuns(ctx context.Context, s *store.Store, flags *pflag.FlagSet) string {
	totals, err := s.Totals(ctx)
	switch {
	case c.given("after"):
		return "no more runs"
	case c.given("archived"):
		return "no run in the archive matches: " + c.command("archive", "list") + " tells what is there"
	case err == nil && totals.Runs == 0 && c.hasArchived(ctx, s):
		return "no run is active: " + c.command("runs", "--archived") + " lists those in the archive"
	case err == nil && totals.Runs == 0:
		return "no runs are recorded yet; " + c.command("status") + " shows what waits in the inbox"
	}
	return fmt.Sprintf("no run matches; there are %d, the newest of %s: %s lists them", totals.Runs, clock(totals.Newest), c.command("runs"))
}

func (c *cli) hasArchived(ctx context.Context, s *store.Store) bool {
	some, _, err := c.archive(s).Runs(ctx, store.Filter{Limit: 1})
	return err == nil && len(some) > 0
}

// nextPage is the command for the page after this one.
func (c *cli) nextPage(command string, flags *pflag.FlagSet, next string) string {
	return c.command(slices.Concat([]string{command}, c.flagsAgain(flags, "after"), []string{"--after", next})...)
}

// runs prints a table of runs.
func (s *screen) runs(runs []serve.Run) {
	if len(runs) == 0 {
		return
	}
	rows := make([][]string, len(runs))
	for i, r := range runs {
		rows[i] = []string{
			clock(r.Timestamp), visibleLine(r.SpecID), visibleLine(r.Stage), s.verdict(string(r.Verdict)),
			s.agents(r.Agents, r.MissingAgents), few(len(r.Conflicts)), few(int(r.Findings)), visibleLine(r.RunID),
		}
	}
	const spec, agents = 1, 4
	s.print([]string{"TIME", "SPEC", "STAGE", "VERDICT", "AGENTS", "CONFLICTS", "FINDINGS", "RUN"}, rows, spec, agents)
}

// agents names those who are missing, marked, and those who answered: on a
// narrow screen the end is cut off.
func (s *screen) agents(answered, missing []string) string {
	var names []string
	for _, a := range missing {
		names = append(names, s.paint(text.FgYellow, "!"+visibleLine(a)))
	}
	for _, a := range answered {
		if !slices.Contains(missing, a) {
			names = append(names, visibleLine(a))
		}
	}
	return either(strings.Join(names, " "), "-")
}

// few makes of a number a cell; none is easier to overlook as a hyphen.
func few(n int) string {
	if n == 0 {
		return "-"
	}
	return strconv.Itoa(n)
}
