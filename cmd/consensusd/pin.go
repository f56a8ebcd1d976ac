package main

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/consensusd/consensusd/store"
)

func (c *cli) pinCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "pin RUN_ID…",
		Short: "Keep runs out of retention",
		Long: `pin keeps runs in the database, however old they get, until they are unpinned. A
run in the archive is brought back and pinned by archive restore. Exit status 4
when there is no such run.`,
		Example: "  consensusd pin 019a3c5e-2b00-8f11-9c22-5d3f0e6a7b81",
		Args:    arguments(1, -1, "the ids of runs"),
		RunE:    func(cmd *cobra.Command, ids []string) error { return c.pin(cmd.Context(), ids) },
	}
}

func (c *cli) unpinCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "unpin RUN_ID…",
		Short:   "Let retention have runs again",
		Long:    "unpin lets retention have runs again that pin, or archive restore, kept out of it.",
		Example: "  consensusd unpin 019a3c5e-2b00-8f11-9c22-5d3f0e6a7b81",
		Args:    arguments(1, -1, "the ids of runs"),
		RunE:    func(cmd *cobra.Command, ids []string) error { return c.unpin(cmd.Context(), ids) },
	}
}

// A pinning is what became of one run.
type pinning struct {
	RunID   string `json:"run_id"`
	Pinned  bool   `json:"pinned"`
	Changed bool   `json:"changed"`
}

func (c *cli) pin(ctx context.Context, ids []string) error {
	return c.eachPin(ctx, ids, true, func(s *store.Store, id string) (bool, error) {
		isNew, err := s.Pin(ctx, id, time.Now())
		if errors.Is(err, store.ErrNotFound) {
			return false, c.noRunToPin(ctx, s, id, err)
		}
		return isNew, err
	})
}

func (c *cli) unpin(ctx context.Context, ids []string) error {
	return c.eachPin(ctx, ids, false, func(s *store.Store, id string) (bool, error) { return s.Unpin(ctx, id) })
}

func (c *cli) eachPin(ctx context.Context, ids []string, pinned bool, change func(*store.Store, string) (bool, error)) error {
	s, err := c.openToClean(ctx, false)
	if err != nil {
		return err
	}
	defer s.Close()
	var all []pinning
	for _, id := range ids {
		changed, err := change(s, id)
		if err != nil {
			return err
		}
		all = append(all, pinning{id, pinned, changed})
	}
	return c.answer(all, nil, func(*screen) {
		for _, p := range all {
			c.confirm("%s", p.line())
		}
	})
}

func (p pinning) line() string {
	words := map[[2]bool]string{
		{true, true}: "pinned", {true, false}: "was pinned already", {false, true}: "unpinned", {false, false}: "was not pinned",
	}
	return visibleLine(p.RunID + "  " + words[[2]bool{p.Pinned, p.Changed}])
}

func (c *cli) noRunToPin(ctx context.Context, s *store.Store, id string, err error) error {
	f := c.explain(err)
	f.text = "no run " + quoted(id)
	f.hint = c.command("runs") + " lists what there is"
	_, err = c.archive(s).Run(ctx, id)
	switch {
	case err == nil:
		f.text = "run " + quoted(id) + " is in the archive"
		f.hint = c.commandOn([]string{id}, "archive", "restore") + " brings it back and pins it"
	case errors.Is(err, store.ErrDeleted):
		return c.explain(err)
	}
	return f
}
