package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"

	"github.com/consensusd/consensusd/ingest"
	"github.com/consensusd/consensusd/schema"
	"github.com/consensusd/consensusd/store"
)

const replayLong = `replay records the files in done/ once more, into a new database, and compares
that with the database in which they were recorded first: the same runs, made
of the same documents, with the same answers, syntheses, verdicts and findings.
It proves that the database is what the documents say, and makes one anew from
them. Another folder may be named that holds files as they were in an inbox.

Nothing is changed but the new file. Documents that done/ does not hold any
more are no difference: runs of which only some are there are not compared,
nor are those that cleanup has archived or deleted.
When documents came, and how often, does not count.

Whom to expect is what the running daemon was told; without one, say it with
--expect as it was said to watch. Parts that have neither a run_id nor a time
in their name are told apart by the times of their files, and by
--assemble-timeout: where these were changed, such runs may differ.

Exit status 3 when something differs, or a file could not be recorded.`

const replayExample = `  consensusd replay --into /tmp/again.db             # HOME/done against HOME/consensus.db
  consensusd replay backup/done --into new.db --expect plan=gemini,claude
  consensusd replay --into again.db --json | jq '.data.problems'`

func (c *cli) replayCommand() *cobra.Command {
	flags := newRecording()
	var into string
	cmd := &cobra.Command{
		Use:     "replay [DONE] --into FILE",
		Short:   "Record the files in done/ again, into a new database, and compare",
		Long:    replayLong,
		Example: replayExample,
		Args:    arguments(0, 1, "at most one folder"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if into == "" || store.EngineOf(into) != schema.SQLite {
				return misuse(cmd, "--into must name the file of the new database")
			}
			opts := flags.options()
			if holder, ok := c.Home().Holder(); ok {
				opts = c.asTold(opts, holder)
			}
			done := strings.Join(args, "")
			return c.replay(cmd.Context(), either(done, c.Home().Done()), into, opts)
		},
	}
	flags.addExpectation(cmd.Flags())
	cmd.Flags().StringVar(&into, "into", "", "`file` of the new database, which must not be there yet")
	return cmd
}

// A replayed is what replay recorded, and how it differs.
type replayed struct {
	OK       bool            `json:"ok"`
	Done     string          `json:"done"`
	Into     string          `json:"into"`
	Counts   ingest.Counts   `json:"recorded"`
	Compared *compared       `json:"compared,omitempty"` // nil when there is nothing to compare with
	Problems []store.Problem `json:"problems"`
}

type compared struct {
	Database string `json:"database"`
	Runs     int64  `json:"runs"`
	Same     int64  `json:"same"`
	Fewer    int64  `json:"fewer"`   // of which done/ holds some documents only
	Absent   int64  `json:"absent"`  // of which done/ holds nothing
	Retired  int64  `json:"retired"` // archived or deleted by retention
}

func (c *cli) replay(ctx context.Context, done, into string, opts ingest.Options) error {
	recorded, err := c.open(ctx) // first: the new one may be in its place
	if errors.Is(err, store.ErrNoDatabase) && !c.named["db"] {
		recorded, err = nil, nil
	}
	if err != nil {
		return err
	}
	if recorded != nil {
		defer recorded.Close()
	}
	if _, err := os.Stat(done); err != nil {
		return noFile(done, err, "")
	}
	r := replayed{Done: done, Into: into, Problems: []store.Problem{}}
	if err := c.replayInto(ctx, recorded, &r, opts); err != nil {
		return err
	}
	r.OK = len(r.Problems) == 0
	if err := c.answer(r, nil, func(s *screen) { c.printReplayed(s, r) }); err != nil || r.OK {
		return err
	}
	return exitStatus(exitRejected)
}

// replayInto makes the new database, and compares. On an error it leaves none.
func (c *cli) replayInto(ctx context.Context, recorded *store.Store, r *replayed, opts ingest.Options) (err error) {
	if err := mustBeNew(r.Into); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			for _, suffix := range []string{"", "-wal", "-shm"} {
				os.Remove(r.Into + suffix)
			}
		}
	}()
	s, err := store.Open(ctx, r.Into)
	if err != nil {
		return err
	}
	defer s.Close()
	bar := c.progress("recording")
	opts.OnProgress = func(done, _ int) { bar.step(int64(done), unknown) }
	opts.OnEvent = func(e ingest.Event) {
		if e.Rejection != nil {
			r.Problems = append(r.Problems, store.Problem{
				Code: "document_rejected", What: "file", Which: strings.Join(e.Files, ", "), Why: e.Rejection.Error(),
			})
		}
	}
	in := ingest.New(c.Home(), s, opts)
	err = in.Replay(ctx, r.Done)
	bar.clear()
	r.Counts = in.Counts()
	if err != nil || recorded == nil {
		return err
	}
	bar = c.progress("comparing runs")
	found, err := store.Compare(ctx, s, recorded, bar.step)
	bar.clear()
	r.Compared = &compared{recorded.Target(), found.Runs, found.Same, found.Fewer, found.Absent, found.Retired}
	r.Problems = append(r.Problems, found.Problems...)
	return err
}

// mustBeNew reports a database that is there already.
func mustBeNew(path string) error {
	_, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	}
	return &failure{
		exit: exitFailed, code: "exists", text: path + " is there already",
		hint: "name a new file with --into, or move this one away", err: fs.ErrExist,
	}
}

func (c *cli) printReplayed(s *screen, r replayed) {
	if len(r.Problems) > 0 {
		s.problems(r.Problems)
	}
	line := summary(r.Counts) + " into " + visibleLine(r.Into)
	if d := r.Compared; d != nil {
		line += fmt.Sprintf("; %d of %s alike in %s", d.Same, count(d.Runs, "run"), visibleLine(d.Database))
		if d.Fewer > 0 {
			line += fmt.Sprintf(", %d not whole in done/", d.Fewer)
		}
		if d.Retired > 0 {
			line += fmt.Sprintf(", %d archived or deleted by retention", d.Retired)
		}
		if d.Absent > 0 {
			line += fmt.Sprintf(", which has %d more that are not in done/", d.Absent)
		}
	} else {
		line += "; there is no database to compare it with"
	}
	if r.OK {
		c.confirm("%s  %s", s.paint(text.FgGreen, "ok"), line)
		return
	}
	c.note("%s: %s", count(len(r.Problems), "problem"), line)
	if r.Compared != nil && r.Compared.Same+r.Compared.Fewer+r.Compared.Retired < r.Compared.Runs && !c.named["expect"] {
		c.note("was watch told --expect? say the same here: whom to expect is part of a verdict")
	}
}
