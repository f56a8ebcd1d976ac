package ingest

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/consensusd/consensusd/schema"
)

// A judgement is what the evidence about one run shows: never better than the
// evidence (docs/judging.md gives the rules).
type judgement struct {
	*evidence
	expected  []string // agents whose answer was expected
	exhibits  []exhibit
	usable    map[string]bool // agents with a usable artifact
	failed    map[string]bool // agents with an error
	missing   []string
	conflicts []string
	ok        bool
	degraded  bool
	reported  report // what the documents together report
	findings  []finding
}

// An exhibit is one answer as the judge sees it.
type exhibit struct {
	answer
	read    reading
	standIn bool // there is no answer: it stands for an agent of whom there are metrics
}

// judge weighs the evidence. expect is who is expected of the run's stage when
// its documents do not say.
func (e *evidence) judge(expect []string) *judgement {
	j := &judgement{evidence: e, usable: map[string]bool{}, failed: map[string]bool{}}
	j.collectReports()
	j.collectExhibits()
	var conflicts []string
	for _, x := range j.exhibits {
		if j.weigh(x) {
			conflicts = append(conflicts, x.read.Conflicts...)
		}
	}
	j.conflicts = union(union(nil, j.reported.Conflicts), conflicts)
	j.expect(expect)
	j.conclude()
	j.compare()
	return j
}

// collectReports puts together what the documents report: of two outcomes that
// differ, the worse one.
func (j *judgement) collectReports() {
	for i, r := range j.reports {
		file := path.Base(j.receipts[i].Path)
		if r.Spec != j.spec {
			j.find(findSpecMismatch, "", file+" says "+r.Spec)
		}
		if r.Stage != j.stage {
			j.find(findStageMismatch, "", file+" says "+r.Stage)
		}
		j.reported.worse(r.OK, r.Degraded)
		if r.Missing != nil && j.reported.Missing == nil {
			j.reported.Missing = []string{}
		}
		j.reported.Missing = union(j.reported.Missing, r.Missing)
		j.reported.Expected = union(j.reported.Expected, r.Expected)
		j.reported.Conflicts = union(j.reported.Conflicts, r.Conflicts)
		if j.reported.Status == "" {
			j.reported.Status = r.Status
		}
		j.findings = append(j.findings, r.Findings...)
	}
	slices.Sort(j.reported.Missing)
	slices.Sort(j.reported.Expected)
}

// collectExhibits joins each answer with its agent's metrics, and gives an
// empty exhibit to agents of whom there are metrics alone.
func (j *judgement) collectExhibits() {
	metrics := j.metrics()
	answered := map[string]bool{}
	for _, a := range j.answers {
		answered[a.Agent] = true
		j.exhibit(a, metrics[a.Agent], false)
	}
	for agent, m := range metrics {
		if !answered[agent] {
			j.exhibit(answer{Agent: agent}, m, true)
		}
	}
	slices.SortStableFunc(j.exhibits, func(a, b exhibit) int { return strings.Compare(a.Agent, b.Agent) })
}

// metrics returns each agent's metrics: its own are believed over telemetry,
// but an error counts wherever it is.
func (e *evidence) metrics() map[string]members {
	metrics := map[string]members{}
	for _, kind := range []docKind{docTelemetry, docMetrics} {
		for i, r := range e.reports {
			if e.receipts[i].Kind != string(kind) {
				continue
			}
			for agent, v := range r.Metrics {
				m := metrics[agent]
				err := m.get("error")
				m = append(m, membersOf(v)...)
				if err = least(err, m.get("error")); err != "" {
					m.setText("error", err)
				}
				metrics[agent] = m
			}
		}
	}
	return metrics
}

const (
	metadataSource = "source"
	sourceMetrics  = "metrics" // of an artifact without an answer
)

// standsIn reports whether an artifact only stands for an agent of whom there
// are metrics. The mark is the judge's own.
func standsIn(content string, metadata members) bool {
	return content == "" && metadata.get(metadataSource) == sourceMetrics
}

func (j *judgement) exhibit(a answer, metrics members, standIn bool) {
	a.Metadata = slices.Clone(a.Metadata)
	for _, m := range metrics {
		a.Metadata.set(m.name, m.value)
	}
	read := readContent(a.Content)
	a.Error = least(least(a.Error, metrics.failure()), shorten(read.Error, maxDetail))
	if a.Error != "" {
		a.Metadata.setText("error", a.Error)
	}
	if standIn {
		a.Metadata.setText(metadataSource, sourceMetrics)
	}
	j.exhibits = append(j.exhibits, exhibit{a, read, standIn})
}

// weigh decides whether an exhibit is usable: no error, no stub, not blank and
// no echo of the prompt's schema.
func (j *judgement) weigh(x exhibit) (usable bool) {
	note := func(code, detail string) { j.find(code, x.Agent, detail) }
	switch stub := isStub(x); {
	case x.Error != "":
		j.failed[x.Agent] = true
		note(findAgentFailed, x.Error)
	case stub:
		note(findAgentFailed, "a stub, no answer")
	case x.read.Blank && x.standIn:
		note(findEmptyContent, "metrics, but no answer")
	case x.read.Blank:
		note(findEmptyContent, "")
	case x.read.Echo && x.read.Transcript:
		note(findSchemaEcho, "the transcript holds the prompt, and no answer")
	case x.read.Echo:
		note(findSchemaEcho, "the prompt's schema, handed back")
	default:
		usable = true
		j.usable[x.Agent] = true
	}
	if x.read.Transcript {
		note(findTranscript, "a transcript or terminal capture is around it")
	}
	if x.read.Truncated {
		note(findTruncated, "the answer ends in the middle")
	}
	if inner := stageName(x.read.Stage); inner != "" && inner != j.stage {
		note(findStageMismatch, "answers stage "+inner)
	}
	if inner := agentName(x.read.Agent); inner != "" && inner != x.Agent {
		note(findAgentMismatch, "the answer says it is "+inner+"'s")
	}
	return usable
}

// isStub tells a test double's output by the names it goes by.
func isStub(x exhibit) bool {
	return x.Agent == "stub" || agentName(x.read.Agent) == "stub" || x.read.Model == "stub-model"
}

func (j *judgement) find(code, agent, detail string) {
	j.findings = append(j.findings, finding{code, agent, shorten(detail, maxDetail)})
}

// expect decides who was expected: whom the documents name, else whom the
// operator named for the stage, else everyone seen or reported missing.
func (j *judgement) expect(operator []string) {
	switch {
	case len(j.reported.Expected) > 0:
		j.expected = j.reported.Expected
	case len(operator) > 0:
		j.expected = operator
	default:
		var seen []string
		for _, x := range j.exhibits {
			seen = append(seen, x.Agent)
		}
		j.expected = union(union(nil, seen), j.reported.Missing)
	}
}

// conclude applies the rules: who is missing, whether the run is degraded, and
// whether there is consensus.
func (j *judgement) conclude() {
	usable := 0
	for _, a := range j.expected {
		if j.usable[a] {
			usable++
		} else {
			j.missing = append(j.missing, a)
		}
	}
	var failed []string
	for a := range j.failed { // a failed agent is missing, also one that nobody expected
		if !j.usable[a] {
			failed = append(failed, a)
		}
	}
	j.missing = union(union(j.missing, failed), j.reported.Missing)
	slices.Sort(j.missing)
	j.degraded = len(j.missing) > 0 || j.reported.Degraded != nil && *j.reported.Degraded
	half := usable*2 <= len(j.expected)
	if j.reported.OK != nil {
		j.ok = *j.reported.OK && len(j.usable) > 0
	} else {
		j.ok = len(j.conflicts) == 0 && !half
	}
	if j.ok && half {
		j.find(findMinority, "", fmt.Sprintf("ok by %d of %d expected agents", usable, len(j.expected)))
	}
}

// compare notes where the documents disagree with the evidence, and with each
// other.
func (j *judgement) compare() {
	if len(j.exhibits) == 0 {
		j.find(findNoArtifacts, "", "no agent's answer is there")
	}
	for _, agent := range j.late {
		j.find(findLate, agent, "came after the run was recorded")
	}
	attempts := map[string]int{}
	same := map[string][]string{}
	for _, x := range j.exhibits {
		attempts[x.Agent]++
		if !x.read.Blank && x.Error == "" {
			same[x.Content] = append(same[x.Content], x.Agent)
		}
	}
	for agent, n := range attempts {
		if n > 1 {
			j.find(findAttempts, agent, fmt.Sprintf("%d different answers", n))
		}
	}
	for _, agents := range same {
		if len(agents) > 1 {
			j.find(findDuplicate, "", strings.Join(agents, ", ")+" gave the same answer")
		}
	}
	j.compareReport()
}

func (j *judgement) compareReport() {
	r := j.reported
	var differences []string
	if r.OK != nil {
		claimed := schema.VerdictOf(*r.OK, r.Degraded != nil && *r.Degraded)
		if is := schema.VerdictOf(j.ok, j.degraded); claimed != is {
			differences = append(differences, fmt.Sprintf("reported %s, the evidence shows %s", claimed, is))
		}
	} else if r.Degraded != nil && *r.Degraded != j.degraded {
		differences = append(differences, "reported not degraded, the evidence shows degraded")
	}
	if r.Missing != nil && !slices.Equal(r.Missing, j.missing) {
		differences = append(differences, fmt.Sprintf("reported missing %s, the evidence lacks %s", list(r.Missing), list(j.missing)))
	}
	if len(differences) > 0 {
		j.find(findVerdictMismatch, "", strings.Join(differences, "; "))
	}
}

func list(names []string) string {
	if len(names) == 0 {
		return "nobody"
	}
	return strings.Join(names, ", ")
}
