package main

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/consensusd/consensusd/ingest"
	"github.com/consensusd/consensusd/serve"
)

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
		return c.settle(names, all, done, settle)
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

// settle does so to those named, or to all that there were: if somebody else is
// faster with one of these, that is no failure.
func (c *cli) settle(names []string, whatever bool, done string, settle func(ingest.Home, string) error) error {
	if err := c.needHome(); err != nil {
		return err
	}
	var all []settled
	var errs []error
	for _, name := range names {
		switch err := settle(c.Home(), name); {
		case err == nil:
			all = append(all, settled{name, done})
		case !whatever || !errors.Is(err, ingest.ErrNoFailure):
			errs = append(errs, err)
		}
	}
	switch _, recording := c.Home().Holder(); {
	case len(all) == 0 && len(errs) == 0:
		c.remark("nothing has failed")
	case len(all) > 0 && done == "retried" && recording:
		c.remark("the daemon tries them again now: %s shows what fails again", c.command("failed"))
	case len(all) > 0 && done == "retried":
		c.remark("nobody is recording: %s tries them again", c.command("ingest"))
	}
	for i, err := range errs {
		errs[i] = c.noFailure(err)
	}
	if len(errs) > 0 && len(all) == 0 {
		return errors.Join(errs...)
	}
	if err := c.answer(all, &serve.Page{Returned: len(all)}, func(*screen) {
		for _, s := range all {
			c.confirm("%s  %s", s.Outcome, visibleLine(s.Name))
		}
	}); err != nil || len(errs) == 0 {
		return err
	}
	return errors.Join(errs...)
}
