package main

import (
	"context"
	"fmt"
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
		c.note("next: %s", c.command("failed", "show", all[0].Name))
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
	const name, why = 0, 4
	s.print([]string{"NAME", "SIZE", "TRIED", "CODE", "WHY"}, rows, why, name)
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

func (c *cli) failedRetryCommand() *cobra.Command {
	return c.settleFailures(&cobra.Command{
		Use:   "retry NAME… | --all",
		Short: "Put them back into the inbox",
		Long: `retry puts files back into the inbox, under the paths they had there: after you
have corrected them in failed/, or with a newer consensusd.`,
		Example: "  consensusd failed retry plan_claude.json\n  consensusd failed retry --all",
	}, "retried", ingest.Home.Retry)
}

func (c *cli) failedDropCommand() *cobra.Command {
	return c.settleFailures(&cobra.Command{
		Use:     "drop NAME… | --all",
		Short:   "Delete them for good",
		Long:    "drop deletes failed files and their reasons for good.",
		Example: "  consensusd failed drop plan_claude.json\n  consensusd failed drop --all",
	}, "dropped", ingest.Home.DropFailure)
}

// settleFailures completes a command that does something to failed files.
func (c *cli) settleFailures(cmd *cobra.Command, done string, settle func(ingest.Home, string) error) *cobra.Command {
	var all bool
	cmd.ValidArgsFunction = c.failedNames
	cmd.Flags().BoolVar(&all, "all", false, "all of them")
	cmd.RunE = func(cmd *cobra.Command, names []string) error {
		switch {
		case all && len(names) > 0:
			return misuse(cmd, "name files, or --all, not both")
		case !all && len(names) == 0:
			return misuse(cmd, "name the files, or --all")
		}
		if all {
			var err error
			if names, err = c.allFailures(); err != nil {
				return err
			}
		}
		return c.settle(names, done, settle)
	}
	return cmd
}

func (c *cli) allFailures() (names []string, err error) {
	if err := c.needHome(); err != nil {
		return nil, err
	}
	all, err := c.Home().Failures()
	for _, f := range all {
		names = append(names, f.Name)
	}
	return names, err
}

// A settled is a failed file that is one no more.
type settled struct {
	Name    string `json:"name"`
	Outcome string `json:"outcome"` // retried or dropped
}

func (c *cli) settle(names []string, done string, settle func(ingest.Home, string) error) error {
	var all []settled
	var failed error
	for _, name := range names {
		if failed = settle(c.Home(), name); failed != nil {
			break
		}
		all = append(all, settled{name, done})
	}
	if failed != nil && len(all) == 0 {
		return c.noFailure(failed)
	}
	_, recording := c.Home().Holder()
	if len(all) > 0 && done == "retried" && !recording {
		c.note("nobody is recording: %s records what is in the inbox now", c.command("ingest"))
	}
	err := c.answer(all, &serve.Page{Returned: len(all)}, func(*screen) {
		for _, s := range all {
			c.confirm("%s  %s", s.Outcome, visibleLine(s.Name))
		}
	})
	if failed != nil {
		return c.noFailure(failed)
	}
	if len(all) == 0 {
		c.note("nothing has failed")
	}
	return err
}

// needHome returns the failure of a command that finds no home.
func (c *cli) needHome() error {
	return c.homeExists()
}

func (c *cli) noFailure(err error) error {
	if missing := c.needHome(); missing != nil {
		return missing
	}
	f := c.explain(err)
	if f.exit == exitNotFound {
		f.text = strings.TrimSpace(f.text)
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

var _ = context.Background
var _ = fmt.Sprint
