package ingest

import (
	"slices"
	"strings"
	"unicode"
)

var pipelineStages = []string{
	"plan", "tasks", "implement", "validate", "audit", "unlock",
	"specify", "clarify", "analyze", "checklist",
	"before-specify", "after-specify", "after-tasks",
}

// stageName returns the normal form of a stage: lower-case, without the prefix of the command that ran it, and audit for
// review. Stages it does not know are kept. It returns "" for a stage that is blank or holds an unexpanded ${.
// The normal form of a normal form is itself.
func stageName(s string) string {
	if strings.Contains(s, "${") {
		return ""
	}
	s = strings.ToLower(s)
	for before := ""; s != before; {
		before = s
		s = strings.TrimSpace(s)
		s = strings.TrimPrefix(s, "/")
		s = strings.TrimPrefix(s, "speckit.")
		s = strings.TrimPrefix(s, "spec-")
	}
	if s == "review" {
		return "audit"
	}
	return s
}

// knownStage reports whether stage, in normal form, is one of the stages of a consensus pipeline.
func knownStage(stage string) bool {
	gate, isGate := strings.CutPrefix(stage, "quality-gate-")
	return isGate && gate != "" || slices.Contains(pipelineStages, stage)
}

// agentName returns the normal form of an agent: lower-case, with _ for every hyphen and blank. It returns "" for an
// agent that is blank or holds an unexpanded ${. The normal form of a normal form is itself.
func agentName(s string) string {
	if strings.Contains(s, "${") {
		return ""
	}
	return strings.Map(func(r rune) rune {
		if r == '-' || unicode.IsSpace(r) {
			return '_'
		}
		return r
	}, strings.ToLower(strings.TrimSpace(s)))
}

// status is what a status word reports about a consensus.
type status int8

const (
	statusUnknown  status = iota // reports nothing
	statusOK                     // ok
	statusDegraded               // ok, though agents are missing
	statusNotOK
)

// statusOf returns what word reports, whatever its case and whether its parts are joined by - or _ or a blank.
// A word it does not know reports nothing.
func statusOf(word string) status {
	word = strings.ToLower(strings.TrimSpace(word))
	switch strings.NewReplacer("_", "-", " ", "-").Replace(word) {
	case "ok", "complete":
		return statusOK
	case "degraded":
		return statusDegraded
	case "conflict", "hold", "blocked", "failed", "no-consensus":
		return statusNotOK
	}
	return statusUnknown
}

// isPlaceholder reports whether s contains a ${...} that its writer left unexpanded.
func isPlaceholder(s string) bool {
	_, after, found := strings.Cut(s, "${")
	return found && strings.Contains(after, "}")
}
