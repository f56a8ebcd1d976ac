// Command consensusd records what AI coding agents agree on: it watches an
// inbox, records each consensus run whole in a database, and answers questions
// about the runs.
package main

import (
	"context"
	"os"
	"runtime/debug"
)

// memoryLimit is what the program tries to stay below, unless GOMEMLIMIT says
// otherwise: usual documents take a tenth of it, and one of 64 MiB less than all.
// Beyond it the collector works harder; nothing fails.
const memoryLimit = 192 << 20

func main() {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryLimit)
	}
	debug.SetGCPercent(200) // what is alive is little, and soon gone
	os.Exit(run(context.Background(), os.Args[1:]))
}

// run executes one command line and returns its exit status.
func run(ctx context.Context, args []string) int {
	c := newCLI(os.Stdin, os.Stdout, os.Stderr)
	root := c.root()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if flushed := c.stdout.flush(); err == nil && flushed != nil {
		err = flushed
	}
	return c.report(args, err)
}
