package main

import (
	"fmt"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/consensusd/consensusd/schema"
	"github.com/consensusd/consensusd/serve"
)

// whole prints a run with everything that belongs to it.
func (s *screen) whole(w serve.Whole, full bool) {
	r := w.Run
	fmt.Fprintf(s, "%s  %s  %s  %s%s\n\n", s.paint(text.Bold, visibleLine(r.SpecID)), visibleLine(r.Stage), clock(r.Timestamp), s.verdict(string(r.Verdict)), kept(r))
	s.field("run", r.RunID)
	s.field("agents", s.answered(w)...)
	s.field("missing", visibleLine(either(strings.Join(r.MissingAgents, ", "), "nobody")))
	s.field("conflicts", visibleLines(r.Conflicts)...)
	var findings, files [][]string
	for _, f := range w.Findings {
		findings = append(findings, visibleLines([]string{f.Code, f.Agent, f.Detail}))
	}
	s.field("findings", aligned(findings)...)
	for _, f := range w.Receipts {
		about := fmt.Sprintf("%s, %s %s", f.Kind, f.State, clock(f.SettledAt))
		files = append(files, visibleLines([]string{f.Path, size(f.Bytes), about, fmt.Sprintf("sha256 %.12s", f.SHA256)}))
	}
	s.field("files", aligned(files)...)
	for _, a := range w.Artifacts {
		s.title(a.Agent, clock(a.CreatedAt), size(int64(a.Bytes)))
		s.content(a.Content, failureOf(a.Metadata), full)
	}
	if y := w.Synthesis; y != nil {
		s.title("synthesis", clock(y.CreatedAt), size(int64(len(y.Content))))
		s.content(y.Content, "", full)
	}
}

// kept tells when a run is not just active.
func kept(r serve.Run) string {
	switch {
	case r.Archived:
		return "  archived"
	case r.Pinned:
		return "  pinned"
	}
	return ""
}

// answered describes every answer in a line.
func (s *screen) answered(w serve.Whole) []string {
	var rows [][]string
	for _, a := range w.Artifacts {
		var codes []string
		for _, f := range a.Findings {
			codes = append(codes, f.Code)
		}
		if why := failureOf(a.Metadata); why != "" {
			codes = []string{"failed: " + why}
		}
		why := s.paint(text.FgYellow, visibleLine(shortened(strings.Join(codes, ", "), 100)))
		rows = append(rows, []string{fmt.Sprintf("%-12s", visibleLine(a.Agent)), fmt.Sprintf("%8s", size(int64(a.Bytes))), why})
	}
	return aligned(rows)
}

// failureOf returns why an agent failed, "" when it did not.
func failureOf(metadata schema.Object) string {
	var m struct {
		Error string `json:"error"`
	}
	json.Unmarshal([]byte(metadata), &m) // what is no text is no reason
	return m.Error
}

// field prints a name and its values, one a line.
func (s *screen) field(name string, values ...string) {
	if len(values) == 0 {
		values = []string{"none"}
	}
	for _, v := range values {
		fmt.Fprintf(s, "%-10s %s\n", name, v)
		name = ""
	}
}

func visibleLines(lines []string) []string {
	shown := make([]string, len(lines))
	for i, l := range lines {
		shown[i] = visibleLine(l)
	}
	return shown
}

// title prints the line over a content.
func (s *screen) title(name string, more ...string) {
	line := "── " + visibleLine(name) + " · " + strings.Join(more, " · ") + " "
	rule := strings.Repeat("─", max(76-text.StringWidthWithoutEscSequences(line), 2))
	fmt.Fprintf(s, "\n%s\n", s.paint(text.Bold, line+rule))
}

// cutLines and cutBytes are how much of a content a terminal shows.
const cutLines, cutBytes = 30, 3_000

// content prints what an agent wrote: as it is, but on a terminal indented when it is
// JSON, harmless, and cut when it is long.
func (s *screen) content(content, failed string, full bool) {
	if failed != "" {
		fmt.Fprintf(s, "%s\n", s.paint(text.FgYellow, "failed: "+visibleLine(failed)))
	}
	switch {
	case content == "" && failed != "":
		return
	case strings.TrimSpace(content) == "":
		content = "(empty)"
	}
	if !s.terminal {
		fmt.Fprintln(s, strings.TrimSuffix(content, "\n"))
		return
	}
	if v := jsontext.Value(content); v.Kind() == '{' && v.Indent(jsontext.WithIndent("  ")) == nil {
		content = string(v)
	}
	shown := strings.TrimSuffix(visible(content), "\n")
	if !full {
		shown = cut(shown)
	}
	fmt.Fprintln(s, shown)
	if left := len(strings.TrimSuffix(visible(content), "\n")) - len(shown); left > 0 {
		fmt.Fprintln(s, s.paint(text.Faint, "… "+size(int64(left))+" more: --full shows all"))
	}
}

// cut returns the beginning of a text, in whole lines where they are not too
// long.
func cut(s string) string {
	lines := 0
	for i, r := range s {
		if r == '\n' {
			lines++
		}
		if lines >= cutLines || i >= cutBytes {
			return s[:i]
		}
	}
	return s
}
