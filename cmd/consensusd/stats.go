package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"

	"github.com/consensusd/consensusd/ingest"
	"github.com/consensusd/consensusd/serve"
	"github.com/consensusd/consensusd/store"
)

const statsLong = `stats --sizes prints how much each spec takes: in the inbox, in the database
(answers and syntheses) and in the archive (its share of the compressed files),
the largest first, and says of which the total is over --quota, or near it
(--warn).

For each of those it names the oldest runs that are not pinned: the candidates for
the archive that would bring the spec below --warn. With --check the exit status
is 3 when a spec is over.`

const statsExample = `  consensusd stats --sizes
  consensusd stats --sizes --quota 100MB --warn 80MB --check
  consensusd stats --sizes --json | jq -r '.data[] | select(.state == "over") | .spec_id'`

// The flags of stats.
type measuring struct {
	sizes, check bool
	warn, quota  byteSize
}

func (c *cli) statsCommand() *cobra.Command {
	m := &measuring{warn: 40e6, quota: 50e6}
	cmd := &cobra.Command{
		Use:     "stats --sizes",
		Short:   "Measure specs against their quota",
		Long:    statsLong,
		Example: statsExample,
		Args:    arguments(0, 0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !c.given("warn") && m.warn > m.quota {
				m.warn = m.quota // who sets a low quota alone is not to be told of the other
			}
			switch {
			case !m.sizes:
				return misuse(cmd, "name what to measure: --sizes")
			case m.warn > m.quota:
				return misuse(cmd, "--warn must not be more than --quota")
			}
			return c.sizes(cmd.Context(), m)
		},
	}
	f := cmd.Flags()
	f.BoolVar(&m.sizes, "sizes", false, "bytes of each spec in inbox, database and archive")
	f.Var(&m.warn, "warn", "warn of specs from this size on; a lower quota if it is not given")
	f.Var(&m.quota, "quota", "the size that a spec may have")
	f.BoolVar(&m.check, "check", false, "exit with 3 when a spec is over its quota")
	return cmd
}

// A specSize is what a spec takes, all in bytes.
type specSize struct {
	SpecID       string         `json:"spec_id"`
	State        string         `json:"state"` // ok, near or over
	Total        int64          `json:"total_bytes"`
	Inbox        int64          `json:"inbox_bytes"`
	Database     int64          `json:"database_bytes"`
	Archive      int64          `json:"archive_bytes"`
	Runs         int64          `json:"runs"`
	ArchivedRuns int64          `json:"archived_runs"`
	Candidates   []store.OldRun `json:"candidates"` // for the archive
}

func (c *cli) sizes(ctx context.Context, m *measuring) error {
	s, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	all, err := c.measure(ctx, s, m)
	if err != nil {
		return err
	}
	if err := c.answer(all, &serve.Page{Returned: len(all)}, func(out *screen) { out.sizes(all) }); err != nil {
		return err
	}
	for _, z := range all {
		if n := len(z.Candidates); n > 0 && !c.json {
			c.note("%s is %s: its %s from %s on may go: %s; %s archives what is old enough",
				z.SpecID, z.State, count(n, "oldest run"), clock(z.Candidates[0].Timestamp), z.named(), c.command("cleanup"))
		}
	}
	if m.check && slices.ContainsFunc(all, func(z specSize) bool { return z.State == "over" }) {
		return exitStatus(exitRejected)
	}
	return nil
}

// named lists the ids of the candidates, as many as a line takes.
func (z *specSize) named() string {
	const most = 5
	var ids []string
	for _, r := range z.Candidates[:min(most, len(z.Candidates))] {
		ids = append(ids, r.RunID)
	}
	if more := len(z.Candidates) - most; more > 0 {
		ids = append(ids, fmt.Sprintf("and %d that --json names", more))
	}
	return strings.Join(ids, ", ")
}

// measure returns the sizes of all specs, the largest first.
func (c *cli) measure(ctx context.Context, s *store.Store, m *measuring) ([]specSize, error) {
	stored, err := c.archive(s).Sizes(ctx)
	if err != nil {
		return nil, err
	}
	inbox, err := ingest.New(c.Home(), nil, ingest.Options{}).Inspect(ctx, math.MaxInt)
	if err != nil && !errors.Is(err, fs.ErrNotExist) { // a database may be asked where there is no inbox
		return nil, err
	}
	all := []specSize{}
	for _, z := range stored {
		all = append(all, specSize{
			SpecID: z.SpecID, Inbox: inbox.SpecBytes[z.SpecID], Database: z.Bytes, Archive: z.OnDisk, Runs: z.Runs, ArchivedRuns: z.Archived,
		})
		delete(inbox.SpecBytes, z.SpecID)
	}
	for spec, bytes := range inbox.SpecBytes {
		all = append(all, specSize{SpecID: spec, Inbox: bytes})
	}
	for i := range all {
		if err := all[i].judge(ctx, s, m); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(all, func(a, b specSize) int {
		return cmp.Or(cmp.Compare(b.Total, a.Total), cmp.Compare(a.SpecID, b.SpecID))
	})
	return all, nil
}

// judge compares a spec with its quota, and looks for what may go.
func (z *specSize) judge(ctx context.Context, s *store.Store, m *measuring) (err error) {
	z.Total = z.Inbox + z.Database + z.Archive
	z.State, z.Candidates = "ok", []store.OldRun{}
	switch {
	case z.Total > int64(m.quota):
		z.State = "over"
	case z.Total >= int64(m.warn):
		z.State = "near"
	default:
		return nil
	}
	z.Candidates, err = s.OldestRuns(ctx, z.SpecID, z.Total-int64(m.warn)+1)
	return err
}

func (s *screen) sizes(all []specSize) {
	rows := make([][]string, len(all))
	for i, z := range all {
		colour := map[string]text.Color{"ok": text.FgGreen, "near": text.FgYellow, "over": text.FgRed}[z.State]
		rows[i] = []string{
			visibleLine(z.SpecID), s.paint(colour, z.State), size(z.Total), size(z.Inbox), size(z.Database), size(z.Archive),
			fmt.Sprint(z.Runs), fmt.Sprint(z.ArchivedRuns),
		}
	}
	if len(rows) > 0 {
		s.print([]string{"SPEC", "QUOTA", "TOTAL", "INBOX", "DATABASE", "ARCHIVE", "RUNS", "ARCHIVED"}, rows, 0)
	}
}
