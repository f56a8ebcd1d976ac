package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/consensusd/consensusd/ingest"
	"github.com/consensusd/consensusd/serve"
	"github.com/consensusd/consensusd/store"
)

const artifactsLong = `artifacts prints what every agent answered: in all runs of a spec's stage,
newest run first, or in one run, which may be in the archive. --archived prints
those of a spec's stage that are in the archive.

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
	f.BoolVar(&a.archived, "archived", false, "of the runs in the archive instead")
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
	all, page, err := a.collect(ctx, s, archive)
	if err != nil {
		return err
	}
	switch {
	case a.run == "" && !a.archived && page.Next == "" && hasArchived(ctx, archive, a):
		c.remark("more runs of %s %s are in the archive: %s", a.spec, a.stage, c.command("artifacts", "--spec", a.spec, "--stage", a.stage, "--archived"))
	case len(all) == 0:
		c.remark("%s", c.whyNoArtifacts(ctx, s, a))
	}
	if err := c.answer(all, &page, func(out *screen) { out.artifacts(all, a.full) }); err != nil || c.json {
		return err
	}
	if page.Next != "" {
		c.note("more: %s", c.nextPage("artifacts", flags, page.Next))
	}
	return nil
}

// pageSize is how many runs are asked for at once when all are wanted.
const pageSize = 200

func (a *collecting) collect(ctx context.Context, s *store.Store, archive *store.Archive) (all []serve.Artifact, page serve.Page, err error) {
	if a.run != "" {
		all, err = a.ofRun(ctx, s, archive)
		return all, serve.Page{Returned: len(all)}, err
	}
	filter := store.Filter{SpecID: a.spec, Stage: a.stage, Limit: a.limit, After: string(a.after)}
	list := func() ([]serve.Artifact, serve.Page, error) {
		if a.archived {
			return serve.ArchivedArtifacts(ctx, archive, filter)
		}
		return serve.Artifacts(ctx, s, filter)
	}
	if a.limit > 0 {
		return list()
	}
	for filter.Limit = pageSize; ; filter.After = page.Next {
		var some []serve.Artifact
		if some, page, err = list(); err != nil {
			return nil, page, err
		}
		all = append(all, some...)
		if page.Next == "" {
			return all, serve.Page{Returned: len(all)}, nil
		}
	}
}

// ofRun returns the answers of one run, wherever it is; none when there is no
// such run.
func (a *collecting) ofRun(ctx context.Context, s *store.Store, archive *store.Archive) ([]serve.Artifact, error) {
	all, err := serve.ArtifactsOf(ctx, s, a.run)
	if err != nil || len(all) > 0 {
		return all, err
	}
	all, err = serve.ArchivedArtifactsOf(ctx, archive, a.run)
	if errors.Is(err, store.ErrNotFound) {
		return all, nil
	}
	return all, err
}

// hasArchived reports whether the spec's stage has runs in the archive.
func hasArchived(ctx context.Context, archive *store.Archive, a *collecting) bool {
	_, err := archive.Latest(ctx, a.spec, a.stage)
	return err == nil
}

// whyNoArtifacts says what to try when nothing was found.
func (c *cli) whyNoArtifacts(ctx context.Context, s *store.Store, a *collecting) string {
	if a.run != "" {
		if _, err := s.Run(ctx, a.run); errors.Is(err, store.ErrNotFound) {
			return "no run " + quoted(a.run) + ": " + c.command("runs") + " lists what there is"
		}
		return "nobody answered in this run"
	}
	find := []string{a.spec, a.stage}
	if _, err := s.LatestRun(ctx, find[0], find[1]); errors.Is(err, store.ErrNotFound) {
		f := c.explain(c.noRun(ctx, s, find, err))
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
