package main

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/jedib0t/go-pretty/v6/text"
)

var hostileTexts = []string{
	"", "plain", "\x1b[2J\x1b]0;title\x07", "\u202eright to left", "a\r\nb\tc\x00d", "\xff\xc3", "日本語", "e\u0301", "👩‍👩‍👧", "\u2028\u2029\u0085\u009b31m", strings.Repeat("é", 1000), "\U000e0041",
}

func FuzzVisible(f *testing.F) {
	for _, s := range hostileTexts {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		shown := visible(s)
		if !utf8.ValidString(shown) || strings.ContainsFunc(shown, func(r rune) bool { return r != '\n' && r != '\t' && hidden(r) }) {
			t.Errorf("%q is shown as %q", s, shown)
		}
		if visible(shown) != shown && !strings.ContainsRune(s, utf8.RuneError) {
			t.Errorf("%q is shown as %q, and then as %q", s, shown, visible(shown))
		}
		if line := visibleLine(s); strings.ContainsAny(line, "\r\n\t") {
			t.Errorf("%q is shown on more than one line: %q", s, line)
		}
		if short := shortened(visibleLine(s), 20); text.StringWidthWithoutEscSequences(short) > 20 {
			t.Errorf("%q is shortened to %q", s, short)
		}
	})
}

func FuzzPointTo(f *testing.F) {
	for i, s := range hostileTexts {
		f.Add(s, i, i*7)
	}
	f.Fuzz(func(t *testing.T, line string, number, column int) {
		if strings.ContainsRune(line, '\n') {
			return
		}
		shown := pointTo(line, number, column)
		if strings.Count(shown, "\n") != 1 || strings.ContainsFunc(shown, func(r rune) bool { return r != '\n' && hidden(r) }) || !strings.HasSuffix(shown, "^") {
			t.Errorf("%q, column %d: %q", line, column, shown)
		}
	})
}

func FuzzUnits(f *testing.F) {
	for _, s := range []string{"", "0", "1h30m", "28d", "6h", "-5s", "1e9", "64MiB", "10MB", "9223372036854775807", "99999999999d", "1.5GiB", "NaN", "0x10", "１"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var d, again duration
		if d.Set(s) == nil {
			if err := again.Set(d.String()); err != nil || d < 0 || again != d {
				t.Errorf("%q is %d, which is written %q: %d, %v", s, d, d.String(), again, err)
			}
		}
		var z, same byteSize
		if z.Set(s) == nil {
			if err := same.Set(z.String()); err != nil || z < 0 || same != z {
				t.Errorf("%q is %d, which is written %q: %d, %v", s, z, z.String(), same, err)
			}
		}
		var c cursor
		c.Set(s)
		m := moment{now: time.Now}
		m.Set(s)
	})
}
