package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/jedib0t/go-pretty/v6/text"
	"golang.org/x/term"

	"github.com/consensusd/consensusd/serve"
)

// A screen is an output stream, and what may be written to it.
type screen struct {
	io.Writer
	terminal bool
	colours  bool
	width    int // in cells; 0 when there is no limit
}

func newScreen(f *os.File, buffered bool) *screen {
	s := &screen{Writer: f}
	fd := int(f.Fd())
	if s.terminal = term.IsTerminal(fd); s.terminal {
		s.width = 80
		if width, _, err := term.GetSize(fd); err == nil && width > 0 {
			s.width = width
		}
	}
	if buffered {
		s.Writer = bufio.NewWriterSize(f, 64<<10)
	}
	return s
}

func (s *screen) flush() error {
	w, ok := s.Writer.(*bufio.Writer)
	if !ok {
		return nil
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("write the answer: %w", err)
	}
	return nil
}

// decideColours allows colours on terminals, unless the user does not want them.
func (c *cli) decideColours() {
	wanted := !c.noColor && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
	for _, s := range []*screen{c.stdout, c.stderr} {
		s.colours = s.terminal && wanted
	}
	text.EnableColors() // screens decide, not the library
}

// paint colours a text where colours may be.
func (s *screen) paint(colour text.Color, words string) string {
	if !s.colours || words == "" {
		return words
	}
	return colour.Sprint(words)
}

// verdict colours a verdict.
func (s *screen) verdict(v string) string {
	colour := map[string]text.Color{"unanimous": text.FgGreen, "degraded": text.FgYellow, "failed": text.FgRed}[v]
	return s.paint(colour, v)
}

// answer prints data for programs, or lets human print it for people.
func (c *cli) answer(data any, page *serve.Page, human func(*screen)) error {
	if !c.json {
		human(c.stdout)
		for _, r := range c.remarks {
			c.note("%s", r)
		}
		c.remarks = nil
		return nil
	}
	a := serve.Answer{SchemaVersion: serve.SchemaVersion, Data: data, Page: page, Warnings: c.warnings}
	if !c.stdout.terminal {
		return serve.Write(c.stdout, a)
	}
	var b bytes.Buffer
	if err := serve.Write(&b, a, jsontext.WithIndent("  ")); err != nil {
		return err
	}
	_, err := io.WriteString(c.stdout, escapeJSON(b.String()))
	return err
}

// confirm prints a line that says what was done.
func (c *cli) confirm(format string, args ...any) {
	if !c.quiet {
		fmt.Fprintf(c.stdout, format+"\n", args...)
	}
}
