package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"

	"github.com/consensusd/consensusd/ingest"
	"github.com/consensusd/consensusd/serve"
	"github.com/consensusd/consensusd/store"
)

const statusLong = `status shows at a glance whether a daemon is recording, what waits in the inbox
and for whom, what has failed, and what the database holds. It changes nothing.

How long runs wait, and for whom, is what the running daemon was told; without
one it is what --expect and --assemble-timeout say.`

const statusExample = `  consensusd status
  consensusd status --json | jq '.data.inbox.open'`

func (c *cli) statusCommand() *cobra.Command {
	flags := newRecording()
	cmd := &cobra.Command{
		Use:     "status",
		Short:   "Show daemon, inbox, open runs, failures and database at a glance",
		Long:    statusLong,
		Example: statusExample,
		Args:    arguments(0, 0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			st, err := c.status(cmd.Context(), flags.options())
			if err != nil {
				return err
			}
			if err := c.answer(st, nil, func(s *screen) { c.printStatus(s, st) }); err != nil || st.Database.Error == "" {
				return err
			}
			return exitStatus(exitFailed)
		},
	}
	flags.addExpectation(cmd.Flags())
	return cmd
}

// A status is the state of a home.
type status struct {
	Home     string            `json:"home"`
	Daemon   daemonStatus      `json:"daemon"`
	Inbox    ingest.Inspection `json:"inbox"`
	Failed   int               `json:"failed"` // files
	Database databaseStatus    `json:"database"`
	Backup   backupStatus      `json:"backup,omitzero"`
}

type daemonStatus struct {
	Running bool      `json:"running"`
	PID     int       `json:"pid,omitzero"`
	HTTP    string    `json:"http"` // its address; "" when it has none
	Started time.Time `json:"started,omitzero"`

	Readiness *serve.Readiness `json:"readiness,omitzero"` // nil when it does not answer us
}

// readyPatience is a little more than a daemon takes to tell that it is not.
const readyPatience = 5 * time.Second

type databaseStatus struct {
	Path      string           `json:"path"`
	Exists    bool             `json:"exists"`
	Error     string           `json:"error,omitzero"` // why it cannot be read
	Bytes     int64            `json:"bytes"`
	Runs      int64            `json:"runs"`
	Newest    time.Time        `json:"newest,omitzero"` // of the newest run
	Documents map[string]int64 `json:"documents"`       // by the state of their receipts
}

// A backupStatus is the newest backup.
type backupStatus struct {
	Name      string               `json:"name"` // "" when there is none
	CreatedAt time.Time            `json:"created_at,omitzero"`
	Runs      int64                `json:"runs"`
	Bytes     int64                `json:"bytes"`
	Failure   *store.BackupFailure `json:"failure,omitzero"` // nil when the last one succeeded
}

func (c *cli) status(ctx context.Context, opts ingest.Options) (st status, err error) {
	if err := c.needHome(); err != nil {
		return st, err
	}
	st.Home = c.home
	st.Database.Path = store.Redacted(c.database())
	if holder, ok := c.Home().Holder(); ok {
		st.Daemon = daemonStatus{Running: true, PID: holder.PID, HTTP: holder.HTTP, Started: holder.Started}
		if holder.HTTP != "" {
			ctx, cancel := context.WithTimeout(ctx, readyPatience)
			if r, ok := serve.AskReadiness(ctx, holder.HTTP); ok {
				st.Daemon.Readiness = &r
			}
			cancel()
		}
		opts = c.asTold(opts, holder)
	}
	failures, err := c.Home().Failures()
	if err != nil {
		return st, err
	}
	st.Failed = len(failures)
	st.Backup = c.backupStatus()

	s, err := c.open(ctx)
	if err != nil {
		if st.Database.Exists = !errors.Is(err, store.ErrNoDatabase); st.Database.Exists {
			st.Database.Error = err.Error()
		}
		st.Inbox, err = c.inspect(ctx, nil, opts)
		return st, err
	}
	defer s.Close()
	totals, err := s.Totals(ctx)
	if err != nil {
		return st, err
	}
	st.Database = databaseStatus{st.Database.Path, true, "", totals.Bytes, totals.Runs, totals.Newest, totals.Documents}
	st.Inbox, err = c.inspect(ctx, s, opts)
	return st, err
}

// mostInspected is how many files of the inbox are read for a glance.
const mostInspected = 5_000

// inspect looks into the inbox; s may be nil.
func (c *cli) inspect(ctx context.Context, s *store.Store, opts ingest.Options) (ingest.Inspection, error) {
	found, err := ingest.New(c.Home(), s, opts).Inspect(ctx, mostInspected)
	if errors.Is(err, fs.ErrNotExist) { // a home that has only been read into
		err = nil
	}
	return found, err
}

func (c *cli) printStatus(s *screen, st status) {
	s.field("home", visibleLine(filepath.Clean(st.Home)))
	s.field("daemon", c.daemonLines(s, st)...)
	s.field("inbox", c.inboxLine(st))
	if len(st.Inbox.Open) > 0 {
		s.field("open runs", c.openLines(st.Inbox.Open)...)
	}
	if n := len(st.Inbox.Unfinished); n > 0 {
		s.field("unfinished", visibleLines(st.Inbox.Unfinished[:min(n, 10)])...)
	}
	failed := "nothing"
	if st.Failed > 0 {
		failed = s.paint(text.FgRed, count(st.Failed, "file")) + ": " + c.command("failed")
	}
	s.field("failed", failed)
	c.printDatabase(s, st)
	if st.Database.Exists || st.Backup != (backupStatus{}) {
		s.field("backup", c.backupLine(s, st))
	}
}

func (c *cli) printDatabase(s *screen, st status) {
	if st.Database.Error != "" {
		s.field("database", s.paint(text.FgRed, visibleLine(st.Database.Error)))
		return
	}
	if !st.Database.Exists {
		s.field("database", visibleLine(st.Database.Path)+": none yet; the daemon creates it")
		return
	}
	d := st.Database
	line := fmt.Sprintf("%s  %s, %s", visibleLine(d.Path), size(d.Bytes), count(d.Runs, "run"))
	if d.Runs > 0 {
		line += ", the newest of " + clock(d.Newest)
	}
	s.field("database", line)
	s.field("documents", fmt.Sprintf("%d recorded, %d amended a run, %d rejected", d.Documents["recorded"], d.Documents["amended"], d.Documents["rejected"]))
}

func (c *cli) daemonLines(s *screen, st status) (lines []string) {
	d := st.Daemon
	if !d.Running {
		return []string{s.paint(text.FgYellow, "not running") + "; start it: " + c.command("watch")}
	}
	line := s.paint(text.FgGreen, "running") + fmt.Sprintf(", process %d", d.PID)
	if !d.Started.IsZero() {
		line += ", for " + ago(time.Since(d.Started))
	}
	if d.HTTP != "" {
		line += ", http://" + visibleLine(d.HTTP) + "/readyz"
	}
	lines = append(lines, line)
	if r := d.Readiness; r != nil && !r.Ready {
		lines = append(lines, s.paint(text.FgRed, "not ready: "+visibleLine(r.Reason)))
	}
	for _, w := range st.warnings() {
		lines = append(lines, s.paint(text.FgYellow, "warning: "+visibleLine(w)))
	}
	return lines
}

// warnings are what the daemon warns of, but for what the line of the backup tells.
func (st status) warnings() (all []string) {
	if st.Daemon.Readiness == nil {
		return nil
	}
	for _, w := range st.Daemon.Readiness.Warnings {
		if f := st.Backup.Failure; f == nil || w != backupWarning(*f) {
			all = append(all, w)
		}
	}
	return all
}

func (c *cli) inboxLine(st status) string {
	line := count(st.Inbox.Files, "file")
	if st.Inbox.Files == 0 {
		line = "empty"
	}
	if st.Inbox.More {
		line += ", of which the first were looked at"
	}
	return visibleLine(c.Home().Inbox()) + "  " + line
}

// mostOpen is how many open runs a glance takes in.
const mostOpen = 20

func (c *cli) openLines(open []ingest.OpenRun) (lines []string) {
	for _, r := range open[:min(mostOpen, len(open))] {
		lines = append(lines, openLine(r))
	}
	if more := len(open) - mostOpen; more > 0 {
		lines = append(lines, fmt.Sprintf("and %d more: %s lists them", more, c.command("status", "--json")))
	}
	return lines
}

// openLine tells whom a run waits for.
func openLine(r ingest.OpenRun) string {
	line := r.SpecID + " " + r.Stage
	if r.RunID != "" {
		line += " (run " + r.RunID + ")"
	}
	line += ": has " + either(strings.Join(r.Agents, ", "), "no answer")
	if len(r.WaitsFor) > 0 {
		line += ", waits for " + strings.Join(r.WaitsFor, ", ") + " until " + clock(r.Deadline)
		if left := time.Until(r.Deadline); left > 0 {
			line += " (in " + ago(left) + ")"
		}
	} else {
		line += ", complete"
	}
	return visibleLine(line)
}
