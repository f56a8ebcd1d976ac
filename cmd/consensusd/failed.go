package main

import (
	"errors"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/consensusd/consensusd/ingest"
	"github.com/consensusd/consensusd/serve"
)

const failedLong = `failed looks after the files that could not be recorded. They lie in the home's
failed/, each with NAME.reason.json beside it, and nothing happens to them until
you retry or drop them. Names are paths below failed/, as failed list prints
them.`

const failedExample = `  consensusd failed list
  consensusd failed show plan_claude.json
  consensusd failed retry plan_claude.json       # after correcting it in failed/
  consensusd failed drop --all`

func (c *cli) failedCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "failed",
		Short:   "List, show, retry and drop files that could not be recorded",
		Long:    failedLong,
		Example: failedExample,
		Args:    cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return unknownCommand(cmd, args)
			}
			return c.failedList()
		},
	}
	cmd.SuggestionsMinimumDistance = 2
	cmd.AddCommand(c.failedListCommand(), c.failedShowCommand(), c.failedRetryCommand(), c.failedDropCommand())
	return cmd
}

func (c *cli) failedListCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "List them with their reasons",
		Long:    "list prints what is in failed/, and why each file could not be recorded.",
		Example: "  consensusd failed list --json | jq -r '.data[].name'",
		Args:    arguments(0, 0, "no arguments"),
		RunE:    func(*cobra.Command, []string) error { return c.failedList() },
	}
}

func (c *cli) failedList() error {
	if err := c.needHome(); err != nil {
		return err
	}
	all, err := c.Home().Failures()
	if err != nil {
		return err
	}
	if err := c.answer(all, &serve.Page{Returned: len(all)}, func(s *screen) { s.failures(all) }); err != nil || c.json {
		return err
	}
	if len(all) == 0 {
		c.note("nothing has failed")
	} else {
		c.note("next: %s", c.commandOn([]string{all[0].Name}, "failed", "show"))
	}
	return nil
}

func (s *screen) failures(all []ingest.Failure) {
	if len(all) == 0 {
		return
	}
	rows := make([][]string, len(all))
	for i, f := range all {
		rows[i] = []string{visibleLine(f.Name), size(f.Bytes), either(few(int(f.Attempts)), "-"), f.Code, visibleLine(f.Error())}
	}
	const file, why = 0, 4
	s.print([]string{"NAME", "SIZE", "TRIED", "CODE", "WHY"}, rows, file, why)
}

func (c *cli) failedShowCommand() *cobra.Command {
	return &cobra.Command{
		Use:               "show NAME",
		Short:             "Show why a file failed, and where in it",
		Long:              "show prints the reason why a file could not be recorded, and points to the place in it.",
		Example:           "  consensusd failed show plan_claude.json",
		Args:              arguments(1, 1, "one name"),
		ValidArgsFunction: c.failedNames,
		RunE: func(_ *cobra.Command, args []string) error {
			f, err := c.Home().Failure(args[0])
			if err != nil {
				return c.noFailure(err)
			}
			return c.answer(f, nil, func(s *screen) { c.showFailure(s, f) })
		},
	}
}

// needHome returns the failure of a command that finds no home.
func (c *cli) needHome() error {
	info, err := os.Stat(c.home)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &failure{exit: exitFailed, code: "no_home", text: "there is no home at " + shellQuoted(c.home), hint: "start " + c.command("watch") + " to create it, or name another with --home", err: err}
	case err == nil && !info.IsDir():
		return &failure{exit: exitFailed, code: "no_home", text: "the home " + shellQuoted(c.home) + " is no folder", hint: "name another with --home"}
	}
	return err
}

func (c *cli) noFailure(err error) error {
	if missing := c.needHome(); missing != nil {
		return missing
	}
	f := c.explain(err)
	if f.exit == exitNotFound {
		f.hint = c.command("failed", "list") + " lists what there is"
	}
	return f
}

func (c *cli) failedNames(_ *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
	names, _ := c.allFailures()
	var fitting []string
	for _, n := range names {
		if strings.HasPrefix(n, typed) {
			fitting = append(fitting, n)
		}
	}
	return fitting, cobra.ShellCompDirectiveNoFileComp
}
