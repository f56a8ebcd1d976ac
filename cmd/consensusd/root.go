package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/consensusd/consensusd/ingest"
	"github.com/consensusd/consensusd/store"
)

// A cli is one invocation of the program: where it reads and writes, and what
// holds for every command.
type cli struct {
	stdin          io.Reader
	stdout, stderr *screen
	warnings       []string // for the JSON answer
	remarks        []string // for people, after the answer

	home    string
	db      string
	json    bool
	quiet   bool
	noColor bool

	named   map[string]bool // flags that the command line gives
	fromEnv map[string]bool // flags that the environment gives
}

func newCLI(stdin io.Reader, stdout, stderr *os.File) *cli {
	return &cli{
		stdin: stdin, stdout: newScreen(stdout, true), stderr: newScreen(stderr, false),
		named: map[string]bool{}, fromEnv: map[string]bool{},
	}
}

const rootLong = `consensusd records consensus runs: several AI coding agents work on the same
stage of the same spec, and what they answer is compared and synthesised.

Agents write JSON files into an inbox folder and know nothing else. A daemon
puts the files of one run together, judges what they really show, and records
each run exactly once in a SQLite or PostgreSQL database, which everybody asks.

Every flag has an environment variable: --max-bytes is CONSENSUSD_MAX_BYTES.
What the command line says wins.

Exit status: 0 done, 1 failed, 2 misused, 3 some input was rejected or
something was found wrong, 4 not found, 5 another daemon holds this home,
6 the verdict did not pass the gate.`

const rootExample = `  consensusd watch &                      # record what is dropped into ./evidence/inbox
  consensusd put --wait plan_claude.json  # check a document, drop it, wait for its receipt
  consensusd runs                         # the newest runs
  consensusd show SPEC-KIT-065 plan       # the newest run of a spec's stage, whole`

func (c *cli) root() *cobra.Command {
	cobra.EnableCommandSorting = false // the order below is the one to learn them in
	cmd := &cobra.Command{
		Use:           "consensusd",
		Short:         "Record what AI coding agents agree on",
		Long:          rootLong,
		Example:       rootExample,
		Version:       programVersion(),
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.ArbitraryArgs,
		RunE:          unknownCommand,

		SuggestionsMinimumDistance: 2,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			if err := c.readEnvironment(cmd); err != nil {
				return err
			}
			c.decideColours()
			if cmd.GroupID != ask {
				stopInOrder(cmd)
			}
			return nil
		},
	}
	cmd.SetOut(c.stdout)
	cmd.SetErr(c.stderr)
	cmd.SetVersionTemplate("consensusd {{.Version}}\n")
	cmd.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return misuse(cmd, err.Error()) })
	f := cmd.PersistentFlags()
	f.StringVar(&c.home, "home", "./evidence", "`folder` of the inbox and what becomes of it")
	f.StringVar(&c.db, "db", "", "database: a `file`, or postgres://… (default consensus.db in the home)")
	f.BoolVar(&c.json, "json", false, "answer as JSON, for programs")
	f.BoolVar(&c.quiet, "quiet", false, "only data and errors: no progress, notes or confirmations")
	f.BoolVar(&c.noColor, "no-color", false, "no colours (NO_COLOR does the same)")

	cmd.AddGroup(
		&cobra.Group{ID: "record", Title: "Record:"},
		&cobra.Group{ID: ask, Title: "Ask:"},
		&cobra.Group{ID: "care", Title: "Look after it:"},
	)
	add := func(group string, commands ...*cobra.Command) {
		for _, sub := range commands {
			sub.GroupID = group
			cmd.AddCommand(sub)
		}
	}
	add("record", c.watchCommand(), c.ingestCommand(), c.putCommand())
	add(ask, c.runsCommand(), c.showCommand(), c.artifactsCommand(), c.statsCommand())
	add("care", c.failedCommand(), c.statusCommand(), c.cleanupCommand(), c.archiveCommand(), c.pinCommand(), c.unpinCommand(),
		c.backupCommand(), c.restoreCommand(), c.verifyCommand(), c.replayCommand(), c.copyCommand())
	cmd.AddCommand(c.schemaCommand(), c.versionCommand())
	cmd.SetHelpCommand(helpCommand())
	return cmd
}

// ask is the group of commands that only ask.
const ask = "ask"

// stopInOrder has a signal end the command's context. Without it a signal kills: what
// only asks loses nothing by that, and need not wait until it can be told.
func stopInOrder(cmd *cobra.Command) {
	ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal kills
	cmd.SetContext(ctx)
}

// unknownCommand is what a command does that only groups others: help when
// nothing is asked for.
func unknownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return cmd.Help()
	}
	err := misuse(cmd, "unknown command "+quoted(args[0]))
	if similar := cmd.SuggestionsFor(args[0]); len(similar) > 0 {
		err.hint = "did you mean " + strings.Join(similar, " or ") + "?"
	}
	return err
}

func helpCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND]",
		Short: "Explain a command",
		Long:  "help explains the program, or one of its commands.",
		RunE: func(cmd *cobra.Command, args []string) error {
			about, rest, err := cmd.Root().Find(args)
			if err != nil || about == nil || len(rest) > 0 {
				return unknownCommand(cmd.Root(), args)
			}
			return about.Help()
		},
	}
}

// Home is the folder that the command works on.
func (c *cli) Home() ingest.Home { return ingest.Home(c.home) }

// database returns what to open.
func (c *cli) database() string { return either(c.db, c.Home().Database()) }

// open opens the database for reading. It creates nothing.
func (c *cli) open(ctx context.Context) (*store.Store, error) {
	return store.OpenReadOnly(ctx, c.database())
}

// archive returns the archive of the home.
func (c *cli) archive(s *store.Store) *store.Archive { return s.Archive(c.Home().Archive()) }

// flagsAgain returns the flags that the command line gives, to be given again, but
// for one of them and those of every command.
func (c *cli) flagsAgain(flags *pflag.FlagSet, but string) (words []string) {
	flags.VisitAll(func(f *pflag.Flag) {
		value := f.Value.String()
		switch {
		case !c.named[f.Name] || slices.Contains([]string{but, "home", "db", "json", "quiet", "no-color"}, f.Name):
		case f.NoOptDefVal == "":
			words = append(words, "--"+f.Name, value)
		default: // a value of its own would be an argument
			words = append(words, "--"+f.Name+map[bool]string{false: "=" + value}[value == f.NoOptDefVal])
		}
	})
	return words
}

// commandOn is command with names at its end, which are never taken for flags.
func (c *cli) commandOn(names []string, words ...string) string {
	if !slices.ContainsFunc(names, func(n string) bool { return strings.HasPrefix(n, "-") }) {
		return c.command(slices.Concat(words, names)...)
	}
	line := c.command(words...) + " --"
	for _, n := range names {
		line += " " + shellQuoted(n)
	}
	return line
}

// command returns a command line on the same home, to be pasted. A password in
// it is left out.
func (c *cli) command(words ...string) string {
	line := []string{"consensusd"}
	for _, w := range words {
		line = append(line, shellQuoted(w))
	}
	for _, flag := range []struct{ name, value string }{{"home", c.home}, {"db", store.Redacted(c.db)}} {
		if c.named[flag.name] {
			line = append(line, "--"+flag.name, shellQuoted(flag.value))
		}
	}
	return strings.Join(line, " ")
}
