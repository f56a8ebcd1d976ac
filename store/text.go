package store

import (
	"strings"
	"unicode/utf8"
)

// unstorable names the first text of a record that not every database can hold,
// "" when there is none: PostgreSQL knows neither NUL nor what is no UTF-8.
func unstorable(r Record) string {
	bad := func(texts ...string) bool {
		for _, t := range texts {
			if strings.IndexByte(t, 0) >= 0 || !utf8.ValidString(t) {
				return true
			}
		}
		return false
	}
	if bad(r.Run.RunID, r.Run.SpecID, r.Run.Stage) || bad(r.Run.MissingAgents...) || bad(r.Run.Conflicts...) {
		return "run"
	}
	for _, a := range r.Artifacts {
		if bad(a.ArtifactID, a.Agent, a.Content, string(a.Metadata)) {
			return "artifact of " + strings.ToValidUTF8(a.Agent, "\uFFFD")
		}
	}
	for _, y := range r.Syntheses {
		if bad(y.SynthesisID, y.SynthesizedContent, string(y.ConsensusVerdict), string(y.Metadata)) {
			return "synthesis"
		}
	}
	for _, f := range r.Findings {
		if bad(f.Code, f.Agent, f.Detail) {
			return "finding " + strings.ToValidUTF8(f.Code, "\uFFFD")
		}
	}
	for _, c := range r.Receipts {
		if bad(c.SHA256, c.Identity, c.Path, c.Kind, c.State, c.Reason, string(c.Report)) {
			return "receipt " + strings.ToValidUTF8(shortHash(c.SHA256), "\uFFFD")
		}
	}
	return ""
}
