package ingest

import (
	"slices"
	"strings"
)

// repair replaces NUL characters, which no PostgreSQL text holds and which end a
// text too early in some SQLite tools, by U+FFFD wherever the document's own
// words are kept as text. In JSON that is kept they stay, as \u0000.
func (d *document) repair() {
	texts := []*string{&d.Report.Status}
	for i := range d.Answers {
		texts = append(texts, &d.Answers[i].Content, &d.Answers[i].Error)
	}
	if d.Synthesis != nil {
		texts = append(texts, &d.Synthesis.Content)
	}
	d.Report.Conflicts = slices.Clone(d.Report.Conflicts)
	for i := range d.Report.Conflicts {
		texts = append(texts, &d.Report.Conflicts[i])
	}
	for i := range d.Report.Findings {
		texts = append(texts, &d.Report.Findings[i].Detail)
	}
	for i := range d.Warnings {
		texts = append(texts, &d.Warnings[i])
	}
	var repaired bool
	for _, t := range texts {
		if strings.IndexByte(*t, 0) >= 0 {
			*t = strings.ReplaceAll(*t, "\x00", "\uFFFD")
			repaired = true
		}
	}
	if repaired {
		d.warn("it holds NUL characters, recorded as U+FFFD")
	}
}
