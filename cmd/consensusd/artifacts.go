package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/consensusd/consensusd/ingest"
	"github.com/consensusd/consensusd/serve"
	"github.com/consensusd/consensusd/store"
)

const artifactsLong = `artifacts prints what every agent answered: in all runs of a spec's stage,
newest run first, or in one run. Runs in the archive are read too, and marked
so; --archived prints only theirs. What cannot be read from the archive is an
error, after all that can be read.

-n limits how many runs are looked at; the rest are pages.`

const artifactsExample = `  consensusd artifacts --spec SPEC-KIT-065 --stage plan
  consensusd artifacts --spec SPEC-KIT-065 --stage plan -n 1 --json | jq -r '.data[] | .agent, .content'
  consensusd artifacts --run 019a3c5e-2b00-8f11-9c22-5d3f0e6a7b81`

// The flags of artifacts.
type collecting struct {
	spec, stage, run string
	limit            int
	after            cursor
	full             bool
	archived         bool
}

func (c *cli) artifactsCommand() *cobra.Command {
	a := &collecting{}
	cmd := &cobra.Command{
		Use:     "artifacts (--spec S --stage T | --run ID)",
		Short:   "Print all answers of a spec's stage, or of a run",
		Long:    artifactsLong,
		Example: artifactsExample,
		Args:    arguments(0, 0, "no arguments: name what you look for with flags"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch byRun, byStage := a.run != "", a.spec != "" && a.stage != ""; {
			case byRun && (a.spec != "" || a.stage != ""):
				return misuse(cmd, "--run stands alone, without --spec and --stage")
			case !byRun && !byStage:
				return misuse(cmd, "name --spec and --stage, or --run")
			}
			return c.artifacts(cmd.Context(), a, cmd.Flags())
		},
	}
	f := cmd.Flags()
	f.StringVar(&a.spec, "spec", "", "the spec")
	f.Var(name{&a.stage, ingest.StageName}, "stage", "its stage: plan, spec-plan or Plan")
	f.StringVar(&a.run, "run", "", "one run, by its id")
	f.VarP(number{&a.limit, 0}, "limit", "n", "how many runs a page; 0 is all")
	f.Var(&a.after, "after", "the page after this cursor")
	f.BoolVar(&a.archived, "archived", false, "only of runs in the archive")
	f.BoolVar(&a.full, "full", false, "show long answers whole on a terminal too")
	return cmd
}

func (c *cli) artifacts(ctx context.Context, a *collecting, flags *pflag.FlagSet) error {
	s, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	archive := c.archive(s)
	all, page, unread, err := a.collect(ctx, s, archive)
	if err != nil {
		return err
	}
	if len(all) == 0 && len(unread) == 0 {
		c.remark("%s", c.whyNoArtifacts(ctx, s, archive, a))
	}
	if err := c.answer(all, &page, func(out *screen) { out.artifacts(all, a.full) }); err != nil {
		return err
	}
	if page.Next != "" && !c.json {
		c.note("more: %s", c.nextPage("artifacts", flags, page.Next))
	}
	return incomplete(unread)
}

// incomplete is the error of an answer that lacks archived runs.
func incomplete(unread []error) error {
	switch len(unread) {
	case 0:
		return nil
	case 1:
		return fmt.Errorf("the answers of one archived run are missing: %w", unread[0])
	}
	return fmt.Errorf("the answers of %d archived runs are missing; of the newest: %w", len(unread), unread[0])
}

// pageSize is how many runs are asked for at once when all are wanted.
const pageSize = 200

// collect returns a page of answers, or all of them, and why those of archived runs
// are not among them.
func (a *collecting) collect(ctx context.Context, s *store.Store, archive *store.Archive) (all []serve.Artifact, page serve.Page, unread []error, err error) {
	if a.run != "" {
		all, err = a.ofRun(ctx, s, archive)
		return all, serve.Page{Returned: len(all)}, nil, err
	}
	filter := store.StageFilter{SpecID: a.spec, Stage: a.stage, ArchivedOnly: a.archived, Limit: a.limit, After: string(a.after)}
	if a.limit > 0 {
		return serve.Artifacts(ctx, archive, filter)
	}
	for filter.Limit = pageSize; ; filter.After = page.Next {
		some, next, lacking, err := serve.Artifacts(ctx, archive, filter)
		if err != nil {
			return nil, next, nil, err
		}
		all, unread, page = append(all, some...), append(unread, lacking...), next
		if page.Next == "" {
			return all, serve.Page{Returned: len(all)}, unread, nil
		}
	}
}

// ofRun returns the answers of one run; none when there is no such run.
func (a *collecting) ofRun(ctx context.Context, s *store.Store, archive *store.Archive) (all []serve.Artifact, err error) {
	if !a.archived {
		return serve.ArtifactsOf(ctx, s, archive, a.run)
	}
	if all, err = serve.ArchivedArtifactsOf(ctx, archive, a.run); errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	return all, err
}

// whyNoArtifacts says what to try when nothing was found.
func (c *cli) whyNoArtifacts(ctx context.Context, s *store.Store, archive *store.Archive, a *collecting) string {
	if a.run != "" {
		run, err := serve.Find(ctx, s, archive, a.run)
		switch {
		case errors.Is(err, store.ErrNotFound):
			return "no run " + quoted(a.run) + ": " + c.command("runs") + " lists what there is"
		case a.archived && !run.Run.Archived:
			return "run " + quoted(a.run) + " is not in the archive: " + c.command("artifacts", "--run", a.run)
		}
		return "nobody answered in this run"
	}
	_, err := archive.Latest(ctx, a.spec, a.stage)
	archived := !errors.Is(err, store.ErrNotFound)
	if a.archived && !archived {
		return "no run of " + a.spec + " " + a.stage + " is in the archive: " + c.command("runs", "--archived") + " lists those that are"
	}
	if _, err := s.LatestRun(ctx, a.spec, a.stage); errors.Is(err, store.ErrNotFound) && !archived {
		f := c.explain(c.noRun(ctx, s, []string{a.spec, a.stage}, err))
		return f.text + ": " + f.hint
	}
	return "nobody answered in these runs"
}

// artifacts prints a block for each answer.
func (s *screen) artifacts(all []serve.Artifact, full bool) {
	for _, a := range all {
		about := []string{clock(a.CreatedAt), size(int64(len(a.Content))), "run " + visibleLine(a.RunID)}
		if a.Archived {
			about = append(about, "archived")
		}
		s.title(a.Agent, about...)
		s.content(a.Content, failureOf(a.Metadata), full)
	}
}
