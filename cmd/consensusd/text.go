package main

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/jedib0t/go-pretty/v6/text"
)

// visible shows what would be obeyed or not seen in a text: control characters
// as their pictures (␛), others of the kind and bytes that are no UTF-8 as
// escapes (\u202e). New lines and tabs are kept.
func visible(s string) string {
	if !strings.ContainsFunc(s, func(r rune) bool { return r != '\n' && r != '\t' && hidden(r) || r == utf8.RuneError }) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case r == '\n', r == '\t', !hidden(r):
			b.WriteRune(r)
		case r < ' ':
			b.WriteRune('␀' + r)
		case r == 0x7f:
			b.WriteRune('␡')
		default:
			b.WriteString(escaped(r))
		}
		i += size
	}
	return b.String()
}

// hidden reports whether a terminal would obey r or show nothing for it. What
// joins letters and emoji is no such thing.
func hidden(r rune) bool {
	const nonJoiner, joiner = '\u200c', '\u200d'
	if r == nonJoiner || r == joiner {
		return false
	}
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp)
}

func escaped(r rune) string {
	if r > 0xffff {
		return fmt.Sprintf(`\U%08x`, r)
	}
	return fmt.Sprintf(`\u%04x`, r)
}

// escapeJSON escapes what visible shows and JSON does not escape of itself.
func escapeJSON(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r < 0x7f || !hidden(r):
			b.WriteRune(r)
		case r > 0xffff:
			r -= 0x10000
			fmt.Fprintf(&b, `\u%04x\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
		default:
			b.WriteString(escaped(r))
		}
	}
	return b.String()
}

// pattern compiles a regular expression when it is first asked for: most
// commands need none.
func pattern(text string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(text) })
}

var breaks = pattern(`[\r\n\t]+`)

// visibleLine is visible on one line.
func visibleLine(s string) string { return visible(breaks().ReplaceAllString(s, " ")) }

// shortened cuts a line to at most width cells.
func shortened(s string, width int) string {
	if text.StringWidthWithoutEscSequences(s) <= width {
		return s
	}
	return text.Trim(s, max(width-1, 0)) + "…"
}

// quoted shows what a user typed.
func quoted(s string) string { return strconv.Quote(s) }

var shellSafe = pattern(`^[A-Za-z0-9_./:=@%+,-]+$`)

// shellQuoted makes one word of s for a shell, on one line. What a terminal
// would obey or not show is written in octal, which means the same to the shell.
func shellQuoted(s string) string {
	switch {
	case shellSafe().MatchString(s):
		return s
	case !strings.ContainsFunc(s, func(r rune) bool { return hidden(r) || r == utf8.RuneError }):
		return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
	}
	var b strings.Builder
	b.WriteString("$'")
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case hidden(r), r == utf8.RuneError:
			for _, c := range []byte(s[i : i+size]) {
				fmt.Fprintf(&b, `\%03o`, c)
			}
		case r == '\'', r == '\\':
			b.WriteRune('\\')
			b.WriteRune(r)
		default:
			b.WriteRune(r)
		}
		i += size
	}
	return b.String() + "'"
}

// clock is a time as people read it; all times are UTC.
func clock(t time.Time) string { return t.UTC().Format("2006-01-02 15:04") }

// count is "1 file", "2 files".
func count[N int | int64](n N, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return strconv.FormatInt(int64(n), 10) + " " + noun
}

// size is a number of bytes as people read it, in the units that --max-bytes
// takes.
func size(bytes int64) string {
	if bytes < 1024 {
		return strconv.FormatInt(bytes, 10) + " B"
	}
	n, unit := float64(bytes)/1024, 0
	for units := "KMGT"; n >= 1023.95 && unit < len(units)-1; unit++ {
		n /= 1024
	}
	return fmt.Sprintf("%.1f %ciB", n, "KMGT"[unit])
}

// ago is how long something takes or took, in its largest unit.
func ago(d time.Duration) string {
	switch d = d.Abs(); {
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh", int(d.Hours()))
	}
	return fmt.Sprintf("%dd", int(d.Hours()/24))
}

// either returns words, or other when there are none.
func either(words, other string) string {
	if words == "" {
		return other
	}
	return words
}
