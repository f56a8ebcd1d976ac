// Command bench measures consensusd beside others on the machine it runs on,
// and prints a table of both.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

const usage = `usage: bench COMMAND [flags]

  sqlite     recording into SQLite and asking, beside others
  postgres   recording into PostgreSQL, beside pgbench

bench COMMAND -h lists the flags.
`

// commands measure something and print a table to stdout; what they are at
// goes to stderr. A target that is missed is no error.
var commands = map[string]func(ctx context.Context, args []string, stdout, stderr io.Writer) error{
	"postgres": postgres,
	"sqlite":   sqlite,
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal kills
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run executes one command line and returns its exit status.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	command := commands[""]
	if len(args) > 0 {
		command = commands[args[0]]
	}
	if command == nil {
		fmt.Fprint(stderr, usage)
		return 2
	}
	switch err := command(ctx, args[1:], stdout, stderr); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case errors.Is(err, errUsage):
		return 2
	case ctx.Err() != nil:
		fmt.Fprintln(stderr, "bench: interrupted")
		return 130
	case err != nil:
		fmt.Fprintln(stderr, "bench:", err)
		return 1
	}
	return 0
}

// errUsage reports a command line that is wrong, which the user was told.
var errUsage = errors.New("usage")
