package main

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"

	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/consensusd/consensusd/ingest"
)

// logHandler is for people at a terminal, else text or JSON for programs.
func (c *cli) logHandler() slog.Handler {
	options := &slog.HandlerOptions{}
	if c.quiet {
		options.Level = slog.LevelWarn
	}
	switch {
	case c.json:
		return slog.NewJSONHandler(c.stderr, options)
	case c.stderr.terminal:
		return &terminalHandler{Handler: slog.NewTextHandler(c.stderr, options), screen: c.stderr}
	}
	return slog.NewTextHandler(c.stderr, options)
}

// logEvent logs what became of a run or file. What a tree that is read in place
// holds beside new documents is not worth a line.
func logEvent(log *slog.Logger, home ingest.Home, e ingest.Event) {
	dropped := slices.ContainsFunc(e.Files, func(f string) bool { return strings.HasPrefix(f, home.Inbox()) })
	switch {
	case e.Rejection != nil:
		log.Warn("rejected", "file", strings.Join(e.Files, ", "), "why", e.Rejection.Error(), "hint", e.Rejection.Hint)
	case e.Outcome == "recorded" || e.Outcome == "amended":
		attrs := []any{"spec", e.SpecID, "stage", e.Stage, "verdict", string(e.Verdict)}
		if len(e.Missing) > 0 {
			attrs = append(attrs, "missing", strings.Join(e.Missing, ","))
		}
		log.Info(e.Outcome, append(attrs, "run", e.RunID)...)
	case dropped:
		log.Info(e.Outcome, "file", strings.Join(e.Files, ", "))
	}
}

// A terminalHandler writes a line of a log for people: time, what happened, and
// the values without their obvious names.
type terminalHandler struct {
	slog.Handler // for what it does not do itself
	screen       *screen
	writing      sync.Mutex
}

// unnamed are the attributes whose values speak for themselves.
var unnamed = []string{"spec", "stage", "verdict", "file", "why", "error"}

func (h *terminalHandler) Handle(_ context.Context, r slog.Record) error {
	var line strings.Builder
	fmt.Fprintf(&line, "%s  %s", r.Time.UTC().Format("15:04:05Z"), h.what(r))
	r.Attrs(func(a slog.Attr) bool {
		value := visibleLine(a.Value.String())
		switch {
		case a.Key == "verdict":
			value = h.screen.verdict(value)
		case a.Key == "hint":
			value = "(" + value + ")"
		case !slices.Contains(unnamed, a.Key):
			value = a.Key + " " + value
		}
		line.WriteString("  " + value)
		return true
	})
	h.writing.Lock()
	defer h.writing.Unlock()
	_, err := fmt.Fprintln(h.screen, line.String())
	return err
}

func (h *terminalHandler) what(r slog.Record) string {
	words := fmt.Sprintf("%-9s", r.Message)
	switch {
	case r.Level >= slog.LevelError:
		return h.screen.paint(text.FgRed, words)
	case r.Level >= slog.LevelWarn:
		return h.screen.paint(text.FgYellow, words)
	}
	return words
}
