package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// What the documents tell people and agents to type are commands with flags that
// exist.
func TestTheCommandsInTheDocumentsExist(t *testing.T) {
	line := regexp.MustCompile("(?m)(?:^ *|`)consensusd ([a-z][^`\n]*)")
	names, err := filepath.Glob("../../docs/*.md")
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	for _, name := range append(names, "../../README.md") {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range line.FindAllStringSubmatch(string(b), -1) {
			if strings.HasSuffix(m[1], ".") {
				continue // a sentence
			}
			root := newCLI(os.Stdin, os.Stdout, os.Stderr).root()
			words := strings.Fields(m[1])
			cmd, rest, err := root.Find(words)
			if err != nil || cmd == root {
				t.Errorf("%s: there is no consensusd %s", name, m[1])
				continue
			}
			for _, w := range rest {
				flag, isFlag := strings.CutPrefix(w, "--")
				if isFlag && flag != "help" && cmd.Flags().Lookup(flag) == nil && root.PersistentFlags().Lookup(flag) == nil {
					t.Errorf("%s: consensusd %s has no --%s", name, cmd.Name(), flag)
				}
			}
		}
	}
}
