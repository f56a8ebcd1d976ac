package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jedib0t/go-pretty/v6/text"
	"golang.org/x/sys/unix"

	"github.com/consensusd/consensusd/ingest"
	"github.com/consensusd/consensusd/store"
)

// showFailure prints why a file failed, and the place in it.
func (c *cli) showFailure(s *screen, f ingest.Failure) {
	s.field("file", visibleLine(f.Name)+"  "+size(f.Bytes))
	s.field("why", s.paint(text.FgRed, visibleLine(f.Error())))
	if f.Line > 0 && f.Pointer != "" {
		s.field("at", visibleLine(f.Pointer))
	}
	if f.Hint != "" {
		s.field("remedy", visibleLine(f.Hint))
	}
	s.field("code", f.Code)
	if f.Attempts > 0 {
		first := visibleLine(f.FirstSeen)
		if t, err := time.Parse(time.RFC3339, first); err == nil {
			first = clock(t)
		}
		s.field("tried", count(f.Attempts, "time")+", first "+first)
		if f.SHA256 != "" { // a link has no bytes
			s.field("sha256", visibleLine(f.SHA256))
		}
	}
	path, err := c.Home().FailedFile(f.Name)
	if err != nil {
		return
	}
	if line, err := lineOf(path, f.Line); err == nil {
		fmt.Fprintf(s, "\n%s\n", pointTo(line, f.Line, f.Column))
	}
	fmt.Fprintln(s)
	name := []string{f.Name}
	next := []string{"correct " + shellQuoted(path), c.commandOn(name, "failed", "retry"), c.commandOn(name, "failed", "drop")}
	if f.Code == store.CodeArchived { // the file is right
		next[0] = c.command("archive", "restore", "RUN")
	}
	s.field("next", next...)
}

var errNoLine = errors.New("no such line")

// maxExcerpt is as much of a file as is looked through for a line.
const maxExcerpt = 64 << 20

// lineOf returns a line of a file, from 1. Failed files are anything that
// somebody has put into the inbox: links are not followed, pipes not waited
// for.
func lineOf(path string, line int) (string, error) {
	if line < 1 {
		return "", errNoLine
	}
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return "", err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return "", errNoLine
	}
	r := bufio.NewReader(io.LimitReader(f, maxExcerpt))
	for n := 1; ; n++ {
		s, err := r.ReadString('\n')
		if n == line && (err == nil || s != "" || err == io.EOF) {
			if n == 1 { // a byte order mark is no column
				s = strings.TrimPrefix(s, "\uFEFF")
			}
			return strings.TrimRight(s, "\r\n"), nil
		}
		if err != nil {
			return "", errNoLine
		}
	}
}

// excerptWidth is how many characters of a line are shown.
const excerptWidth = 70

// pointTo shows the neighbourhood of a column, in characters from 1, of a line,
// with a caret below it.
func pointTo(line string, number, column int) string {
	at := min(max(column-1, 0), utf8.RuneCountInString(line)) // a byte that is no UTF-8 is one character
	first := max(at-excerptWidth/2, 0)
	from := skipped(line, 0, first)
	here := skipped(line, from, at-first)
	to := skipped(line, here, first+excerptWidth-at)
	before, after := visibleLine(line[from:here]), visibleLine(line[here:to])
	if from > 0 {
		before = "…" + before
	}
	if to < len(line) {
		after += "…"
	}
	margin := fmt.Sprintf("%5d │ ", number)
	blank := strings.Repeat(" ", 6) + "│ "
	return margin + before + after + "\n" + blank + strings.Repeat(" ", text.StringWidthWithoutEscSequences(before)) + "^"
}

// skipped returns the offset that is n characters behind offset, or the line's end.
func skipped(line string, offset, n int) int {
	for ; n > 0 && offset < len(line); n-- {
		_, size := utf8.DecodeRuneInString(line[offset:])
		offset += size
	}
	return offset
}
