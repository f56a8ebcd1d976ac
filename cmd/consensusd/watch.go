package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"github.com/consensusd/consensusd/ingest"
	"github.com/consensusd/consensusd/serve"
)

const watchLong = `watch is the daemon: it records what is dropped into the inbox until it is
stopped (Ctrl-C or SIGTERM; a second one kills). Stopping loses nothing: what
has not been recorded waits in the inbox.

  HOME/inbox/     drop JSON documents here, in any sub-folder; write them under
                  a name that begins with . or ends in .tmp, then rename, or let
                  consensusd put do it
  HOME/done/      recorded files, kept for --keep-done
  HOME/failed/    what cannot be recorded, with the reason beside it

A run is recorded when its agents and a synthesis are in, when a manifest says
that it is complete, or --assemble-timeout after its newest part.

Daily it moves old runs to the archive and deletes those that were there long
enough, as consensusd cleanup does (--cleanup-every). It makes a backup every
--backup-every, and keeps the newest of so many days, weeks and months as
--backup-keep says. Both begin some minutes after it has. When one fails, recording
goes on: consensusd status tells of a backup that failed, and /readyz among its
warnings.

It answers /healthz (the process lives), /readyz (it can record now) and
/metrics (figures for Prometheus) over HTTP. Another address than loopback needs
--http-token-file; whoever asks then sends the token in it as Authorization:
Bearer TOKEN.`

const watchExample = `  consensusd watch
  consensusd watch --home /var/lib/consensusd --expect plan=gemini,claude,gpt_pro
  consensusd watch --observe docs --http off     # also read a tree, in place`

const defaultAddress = "127.0.0.1:7910"

// The flags of watch.
type watching struct {
	*recording
	*retaining
	observe   folders
	rescan    duration
	keepDone  duration
	cleanup   duration
	backup    duration
	keep      keeping
	http      address
	tokenFile string
}

func (c *cli) watchCommand() *cobra.Command {
	w := &watching{
		recording: newRecording(), retaining: newRetaining(), rescan: duration(5 * time.Second), keepDone: duration(week),
		cleanup: duration(day), backup: duration(day), keep: usualKeep, http: defaultAddress,
	}
	cmd := &cobra.Command{
		Use:     "watch",
		Short:   "Record what is dropped into the inbox until stopped (the daemon)",
		Long:    watchLong,
		Example: watchExample,
		Args:    arguments(0, 0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if w.rescan <= 0 {
				return misuse(cmd, "--rescan must be more than 0")
			}
			err := c.watch(cmd.Context(), w)
			if errors.Is(err, context.Canceled) && cmd.Context().Err() != nil {
				return nil // stopped while it was starting
			}
			return err
		},
	}
	f := cmd.Flags()
	w.recording.addTo(f)
	f.Var(&w.observe, "observe", "also read this tree, in place (repeatable)")
	f.Var(&w.rescan, "rescan", "how long at most between looks at the inbox")
	f.Var(&w.keepDone, "keep-done", "how long recorded files stay in done/; 0 deletes them at once")
	f.Var(&w.cleanup, "cleanup-every", "how often to archive and delete old runs; 0 never (on PostgreSQL unless it is given)")
	w.retaining.addTo(f)
	f.Var(&w.backup, "backup-every", "how often to make a backup; 0 makes none")
	f.Var(&w.keep, "backup-keep", "keep the newest backup of so many days, weeks and months; all")
	f.Var(&w.http, "http", "where to answer /healthz, /readyz and /metrics; off")
	f.StringVar(&w.tokenFile, "http-token-file", "", "`file` with the token that HTTP requests must bring")
	return cmd
}

func (c *cli) watch(ctx context.Context, flags *watching) (err error) {
	if err := c.examine(ctx, true); err != nil {
		return err
	}
	if err := c.Home().Create(); err != nil {
		return err
	}
	lock, err := c.lock("one daemon is enough: it records whatever is dropped into the inbox")
	if err != nil {
		return err
	}
	settled := true // nothing has been moved yet
	defer func() { err = errors.Join(err, lock.Release(settled)) }()
	w := &watcher{cli: c, flags: flags, log: slog.New(c.logHandler())}
	defer w.close()
	if err := w.open(ctx); err != nil {
		return err
	}
	if err := lock.Announce(w.address(), w.options); err != nil {
		return err
	}
	c.greet(w.log, w.store.Target(), w.address())
	if err := c.missLost(ctx, w.store, w.log); err != nil {
		return err
	}
	err = w.run(ctx, lock)
	settled = w.in.Settled()
	return err
}

func (w *watching) options(home ingest.Home, log *slog.Logger) ingest.Options {
	o := w.recording.options()
	o.Observe, o.Rescan, o.Log = w.observe, time.Duration(w.rescan), log
	if o.KeepDone = time.Duration(w.keepDone); o.KeepDone == 0 {
		o.KeepDone = -1 // delete at once
	}
	o.OnEvent = func(e ingest.Event) { logEvent(log, home, e) }
	return o
}

// listen takes the HTTP address. When nobody asked for one, doing without is
// better than not recording.
func (c *cli) listen(w *watching, log *slog.Logger) (*serve.Server, error) {
	if w.http == "off" {
		return nil, nil
	}
	server, err := serve.Listen(string(w.http), w.tokenFile)
	switch {
	case err == nil:
		return server, nil
	case errors.Is(err, serve.ErrNeedsToken):
		return nil, &failure{exit: exitMisused, code: "usage", text: err.Error(), hint: "write a token into a file and name it with --http-token-file, or listen on 127.0.0.1", err: err}
	case errors.Is(err, serve.ErrToken):
		return nil, &failure{exit: exitFailed, code: "http", text: err.Error(), hint: "write a long one into a file that this user may read, and name it with --http-token-file", err: err}
	case c.given("http") || w.tokenFile != "":
		return nil, &failure{exit: exitFailed, code: "http", text: err.Error(), hint: "choose another --http, or off", err: err}
	}
	log.Warn("not answering HTTP; recording goes on", "error", err, "remedy", "choose another --http, or off")
	return nil, nil
}

// greet says what happens now, and how to go on.
func (c *cli) greet(log *slog.Logger, target, addr string) {
	if !c.stderr.terminal || c.json || c.quiet {
		log.Info("watching", "inbox", c.Home().Inbox(), "database", target, "http", either(addr, "off"), "ask", c.command("runs"))
		return
	}
	lines := [][2]string{
		{"drop files", c.Home().Inbox() + "  (or: " + c.command("put", "FILE") + ")"},
		{"database", target},
		{"ask", c.command("runs")},
		{"health", "off"},
		{"stop", "Ctrl-C"},
	}
	if addr != "" {
		lines[3][1] = "http://" + addr + "/readyz"
	}
	fmt.Fprintln(c.stderr, "consensusd records what is dropped into the inbox.")
	for _, l := range lines {
		fmt.Fprintf(c.stderr, "  %-11s %s\n", l[0], visibleLine(l[1]))
	}
}
