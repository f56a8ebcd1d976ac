package main

import (
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// variable is the environment variable of a flag.
func variable(flag string) string {
	return "CONSENSUSD_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// readEnvironment gives the flags that the command line leaves out the values
// of their environment variables. An empty variable says nothing.
func (c *cli) readEnvironment(cmd *cobra.Command) error {
	var wrong error
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if f.Changed {
			c.named[f.Name] = true
			return
		}
		text := os.Getenv(variable(f.Name))
		if text == "" || f.Name == "help" || f.Name == "version" || wrong != nil {
			return
		}
		for _, value := range valuesOf(f, text) {
			if err := f.Value.Set(value); err != nil {
				wrong = &failure{exit: exitMisused, code: "usage",
					text: "environment variable " + variable(f.Name) + "=" + quoted(text) + ": " + err.Error(),
					hint: "correct or unset it; " + cmd.CommandPath() + " --help explains --" + f.Name}
				return
			}
		}
		c.fromEnv[f.Name] = true
	})
	return wrong
}

// A repeatable flag tells how several values stand in one variable.
type repeatable interface{ split(text string) []string }

func valuesOf(f *pflag.Flag, text string) []string {
	if r, ok := f.Value.(repeatable); ok {
		return r.split(text)
	}
	return []string{text}
}

// given reports whether the user chose the flag's value, one way or the other.
func (c *cli) given(flag string) bool { return c.named[flag] || c.fromEnv[flag] }
