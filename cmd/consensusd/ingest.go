package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/consensusd/consensusd/ingest"
	"github.com/consensusd/consensusd/store"
)

const ingestLong = `ingest records what is there now, and exits.

Without arguments that is the inbox, as the daemon would do it: recorded files
move to done/, rejected ones to failed/ with the reason beside them. With
arguments it is the files and folders named, which are read in place: nothing in
them is moved, changed or locked. Recording the same thing again does nothing.

Runs that are incomplete are recorded as what they are, with the agents named
that are missing; what comes later amends them.

Exit status 3 when a document was rejected; everything else is recorded all the
same.`

const ingestExample = `  consensusd ingest                                  # the inbox
  consensusd ingest docs/SPEC-KIT-065/evidence       # a tree, in place
  consensusd ingest --expect plan=gemini,claude run.json`

func (c *cli) ingestCommand() *cobra.Command {
	flags := newRecording()
	cmd := &cobra.Command{
		Use:     "ingest [PATH…]",
		Short:   "Record what is there now, then exit",
		Long:    ingestLong,
		Example: ingestExample,
		RunE: func(cmd *cobra.Command, paths []string) error {
			return c.ingest(cmd.Context(), flags.options(), paths)
		},
	}
	flags.addTo(cmd.Flags())
	return cmd
}

func (c *cli) ingest(ctx context.Context, opts ingest.Options, paths []string) (err error) {
	if err := c.examine(ctx, len(paths) == 0); err != nil {
		return err
	}
	lock, err := c.prepareIngest(paths, opts)
	if err != nil {
		return err
	}
	settled := true // nothing has been moved yet
	if lock != nil {
		defer func() { err = errors.Join(err, lock.Release(settled)) }()
	}
	s, err := store.Open(ctx, c.database())
	if err != nil {
		return err
	}
	defer s.Close()

	bar := c.progress("recording")
	opts.OnProgress = func(done, _ int) { bar.step(int64(done), unknown) } // the scan is but little ahead
	opts.OnEvent = func(e ingest.Event) {
		if e.Rejection != nil {
			bar.clear()
			c.rejected(strings.Join(e.Files, ", "), e.Rejection)
		}
	}
	in := ingest.New(c.Home(), s, opts)
	if lock != nil {
		err = in.LookBack(ctx, lock)
	}
	if err == nil {
		err = in.Ingest(ctx, paths...)
	}
	settled = in.Settled()
	bar.clear()
	if err != nil {
		return err
	}
	counts := in.Counts()
	if err := c.answer(counts, nil, func(*screen) { c.confirm("%s", summary(counts)) }); err != nil {
		return err
	}
	if counts.Rejected > 0 {
		if len(paths) == 0 {
			c.note("see what was rejected: %s", c.command("failed"))
		}
		return exitStatus(exitRejected)
	}
	return nil
}

// prepareIngest creates what is needed. For the inbox it takes the home; files
// named by the user need nobody's leave, and lock is nil.
func (c *cli) prepareIngest(paths []string, opts ingest.Options) (lock *ingest.Lock, err error) {
	for _, p := range paths {
		if _, err := os.Stat(p); err != nil {
			return nil, noFile(p, err, "")
		}
	}
	if len(paths) > 0 && c.db != "" {
		return nil, nil
	}
	if err := c.Home().Create(); err != nil || len(paths) > 0 {
		return nil, err
	}
	lock, err = c.lock("it records the inbox already; name files or folders to read them in place")
	if err != nil {
		return nil, err
	}
	return lock, lock.Announce("", opts)
}

func summary(n ingest.Counts) string {
	var parts []string
	add := func(n int, noun, what string) {
		if n > 0 {
			parts = append(parts, count(n, noun)+" "+what)
		}
	}
	add(n.Recorded, "run", "recorded")
	add(n.Amended, "run", "amended")
	add(n.Pending, "run", "pending")
	add(n.Duplicate, "file", "duplicate")
	add(n.Rejected, "file", "rejected")
	add(n.Ignored, "file", "ignored")
	if len(parts) == 0 {
		return "nothing to record"
	}
	return strings.Join(parts, ", ")
}

// lock takes the home, or tells who has it and what that means.
func (c *cli) lock(remedy string) (*ingest.Lock, error) {
	lock, err := c.Home().Lock()
	if err == nil {
		return lock, nil
	}
	f := c.explain(err)
	if f.exit == exitHeld {
		f.text, f.hint = "another daemon holds "+shellQuoted(c.home), remedy
		if holder, ok := c.Home().Holder(); ok && holder.PID > 0 {
			f.text += fmt.Sprintf(" (process %d)", holder.PID)
		}
	}
	return nil, f
}
