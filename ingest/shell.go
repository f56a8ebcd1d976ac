package ingest

import (
	"strings"
	"unicode/utf8"
)

var (
	shellPrompt = pattern(`^(?:[\w.-]+@[\w.-]+[: ][^$#%]{0,200}[$#%](?: |$)|\[[\w.-]+@[\w.-]+ [^\]]{0,200}\][$#](?: |$)|[$❯➜] +[a-z./~]|PS [A-Z]:\\|Script started on )`)
	environment = pattern(`^(?:(?:export|declare -x) \w+=|[A-Z_][A-Z0-9_]*=)`)
)

// isShellCapture reports whether text begins like a terminal's screen: with a
// shell's prompt, or with lines half of which and at least three are prompts
// and variables of an environment.
func isShellCapture(text string) bool {
	const head = 16 << 10
	shell, lines := 0, 0
	for line := range strings.Lines(text[:min(len(text), head)]) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		prompt := mayBePrompt(line) && shellPrompt().MatchString(line)
		switch {
		case prompt && lines == 0:
			return true
		case prompt, strings.IndexByte(line, '=') > 0 && environment().MatchString(line):
			shell++
		}
		lines++
	}
	return shell >= 3 && 2*shell >= lines
}

// mayBePrompt reports whether a line begins like something that shellPrompt
// matches. Hardly any does, and the pattern takes its time with each.
func mayBePrompt(line string) bool {
	if line[0] == '[' || line[0] == '$' || line[0] >= utf8.RuneSelf || strings.HasPrefix(line, "PS ") || strings.HasPrefix(line, "Script ") {
		return true
	}
	user := strings.IndexFunc(line, func(c rune) bool { return !isWord(c) && c != '.' && c != '-' })
	return user > 0 && line[user] == '@'
}

// isWord is \w in a pattern.
func isWord(c rune) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_'
}
