package store

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Differences tells people in what a run as it is recorded differs from what it
// should be, nothing when it does not. Rows count by what they say, in whatever
// order; the ids of artifacts and syntheses follow from that, but for the time
// in them. Of the receipts only the documents and their reports count.
func Differences(recorded, should Record) []string {
	d := runDifferences(recorded.Run, should.Run)
	d = append(d, artifactRows.differences(recorded.Artifacts, should.Artifacts)...)
	d = append(d, synthesisRows.differences(recorded.Syntheses, should.Syntheses)...)
	d = append(d, findingRows.differences(recorded.Findings, should.Findings)...)
	return append(d, receiptRows.differences(recorded.Receipts, should.Receipts)...)
}

func runDifferences(is, should Run) (d []string) {
	differ := func(what, is, should string) {
		if is != should {
			d = append(d, fmt.Sprintf("%s %s, not %s", what, brief(is), brief(should)))
		}
	}
	differ("spec", is.SpecID, should.SpecID)
	differ("stage", is.Stage, should.Stage)
	differ("time", Time(is.Timestamp).Format("2006-01-02T15:04:05Z"), Time(should.Timestamp).Format("2006-01-02T15:04:05Z"))
	differ("verdict", string(Verdict(is)), string(Verdict(should)))
	if Verdict(is) == Verdict(should) {
		differ("degraded", strconv.FormatBool(is.Degraded), strconv.FormatBool(should.Degraded))
	}
	differ("missing agents", listed(is.MissingAgents), listed(should.MissingAgents))
	differ("conflicts", listed(is.Conflicts), listed(should.Conflicts))
	return d
}

func listed(texts []string) string {
	if len(texts) == 0 {
		return "none"
	}
	return strings.Join(texts, ", ")
}

// A rowKind says how rows of a kind are told apart: by key, which is all that counts
// but for the rest.
type rowKind[Row any, Key comparable] struct {
	key  func(Row) Key
	name func(Row) string // for people
	rest func(Row) string
}

var (
	artifactRows = rowKind[Artifact, [2]string]{
		func(a Artifact) [2]string { return [2]string{a.Agent, a.Content} },
		func(a Artifact) string { return "artifact of " + a.Agent },
		func(a Artifact) string { return fmt.Sprint(a.CreatedAt, a.Metadata) },
	}
	synthesisRows = rowKind[Synthesis, string]{
		func(y Synthesis) string { return y.SynthesizedContent },
		func(Synthesis) string { return "synthesis" },
		func(y Synthesis) string { return fmt.Sprint(y.CreatedAt, y.ConsensusVerdict, y.Metadata) },
	}
	findingRows = rowKind[Finding, [3]string]{
		func(f Finding) [3]string { return [3]string{f.Code, f.Agent, f.Detail} },
		func(f Finding) string {
			return strings.TrimRight("finding "+f.Code+" "+f.Agent, " ") + " (" + f.Detail + ")"
		},
		func(Finding) string { return "" },
	}
	receiptRows = rowKind[Receipt, DocumentKey]{
		func(c Receipt) DocumentKey { return DocumentKey{c.SHA256, c.Identity} },
		func(c Receipt) string { return "receipt of " + c.Path },
		func(c Receipt) string { return fmt.Sprint(c.Bytes, c.Kind, c.Report) },
	}
)

func (r rowKind[Row, Key]) differences(is, should []Row) (d []string) {
	lacking, kept, extra := difference(is, should, r.key)
	for _, row := range lacking {
		d = append(d, brief(r.name(row))+" lacks")
	}
	for _, row := range extra {
		d = append(d, brief(r.name(row))+" too many")
	}
	for _, pair := range kept {
		if r.rest(pair[0]) != r.rest(pair[1]) {
			d = append(d, brief(r.name(pair[0]))+" with other metadata or time")
		}
	}
	return d
}

// brief bounds what a message quotes.
func brief(s string) string {
	const most = 120
	if len(s) <= most {
		return s
	}
	cut := most
	for !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}
