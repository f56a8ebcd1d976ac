package main

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// What the documents tell people and agents to type are commands with flags that
// exist.
func TestTheCommandsInTheDocumentsExist(t *testing.T) {
	line := regexp.MustCompile("(?m)(?:^ *|`)consensusd ((?:[a-z-]+)[^`\n]*)")
	for _, name := range []string{"lifecycle.md", "evidence-cleanup.md"} {
		b, err := os.ReadFile("../../docs/" + name)
		if err != nil {
			t.Fatal(err)
		}
		found := line.FindAllStringSubmatch(string(b), -1)
		if len(found) < 3 {
			t.Errorf("%s names %d commands", name, len(found))
		}
		for _, m := range found {
			root := newCLI(os.Stdin, os.Stdout, os.Stderr).root()
			words := strings.Fields(m[1])
			cmd, rest, err := root.Find(words)
			if err != nil || cmd == root {
				t.Errorf("%s: there is no consensusd %s", name, m[1])
				continue
			}
			for _, w := range rest {
				flag, isFlag := strings.CutPrefix(w, "--")
				if isFlag && cmd.Flags().Lookup(flag) == nil && root.PersistentFlags().Lookup(flag) == nil {
					t.Errorf("%s: consensusd %s has no --%s", name, cmd.Name(), flag)
				}
			}
		}
	}
}
