package main

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/consensusd/consensusd/ingest"
	"github.com/consensusd/consensusd/serve"
	"github.com/consensusd/consensusd/store"
)

const showLong = `show prints one run whole: its verdict, who answered and who is missing,
conflicts, what the judge noticed, every answer, the synthesis, and the files
that it was made from.

Name a run by its id, or by spec and stage for the newest run of these. A stage
may be written plan, spec-plan or Plan. A run in the archive is shown like any
other, marked archived.

On a terminal long answers are cut; --full shows them whole. With --gate the
exit status is 6 when the verdict is failed, with --gate=degraded also when it
is degraded. Exit status 4 when there is no such run.`

const showExample = `  consensusd show SPEC-KIT-065 plan
  consensusd show 019a3c5e-2b00-8f11-9c22-5d3f0e6a7b81 --full
  consensusd show SPEC-KIT-065 plan --gate=degraded --json > plan.json`

func (c *cli) showCommand() *cobra.Command {
	var full bool
	var level string
	cmd := &cobra.Command{
		Use:     "show RUN_ID | SPEC STAGE",
		Short:   "Show one run, whole",
		Long:    showLong,
		Example: showExample,
		Args:    arguments(1, 2, "a run's id, or a spec and a stage"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.show(cmd.Context(), args, full, level)
		},
	}
	cmd.Flags().BoolVar(&full, "full", false, "show long answers whole on a terminal too")
	addGate(cmd.Flags(), &level)
	return cmd
}

func (c *cli) show(ctx context.Context, args []string, full bool, level string) error {
	s, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	w, err := find(ctx, s, c.archive(s), args)
	if errors.Is(err, store.ErrNotFound) {
		return c.noRun(ctx, s, args, err)
	}
	if err != nil {
		return err
	}
	if err := c.answer(w, nil, func(out *screen) { out.whole(w, full) }); err != nil {
		return err
	}
	return gate(level, w.Run.RunID, w.Run.Verdict)
}

// find returns the run with that id, or the newest of that spec and stage.
func find(ctx context.Context, s *store.Store, a *store.Archive, args []string) (serve.Whole, error) {
	if len(args) == 2 {
		return serve.FindLatest(ctx, s, a, args[0], ingest.StageName(args[1]))
	}
	return serve.Find(ctx, s, a, args[0])
}

// noRun tells what there is instead.
func (c *cli) noRun(ctx context.Context, s *store.Store, args []string, err error) error {
	f := c.explain(err)
	f.text = "no run " + quoted(args[0])
	if len(args) == 2 {
		f.text = "no run of " + args[0] + " " + ingest.StageName(args[1])
	}
	stages, err := stagesOf(ctx, s, args[0])
	switch {
	case err != nil:
		return err
	case len(stages) > 0:
		f.hint = args[0] + " has runs of " + strings.Join(stages, ", ") + ": " + c.commandOn([]string{args[0], stages[0]}, "show")
	default:
		f.hint = c.command("runs") + " lists what there is"
	}
	return f
}

// stagesOf returns the stages that a spec has runs of lately, newest first.
func stagesOf(ctx context.Context, s *store.Store, spec string) (stages []string, err error) {
	page, err := s.Runs(ctx, store.Filter{SpecID: spec, Limit: 200})
	for _, r := range page.Runs {
		if !slices.Contains(stages, r.Stage) {
			stages = append(stages, r.Stage)
		}
	}
	return stages, err
}
