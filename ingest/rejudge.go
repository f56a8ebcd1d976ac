package ingest

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"

	"github.com/consensusd/consensusd/store"
)

// rejudge judges a recorded run once more, from the answers and reports that
// are stored, and returns how what is recorded differs. A run that no document
// made has nothing to be judged by.
func rejudge(r store.Record) []store.Problem {
	if len(r.Receipts) == 0 {
		return nil
	}
	e, err := storedEvidence(r)
	if err != nil {
		return []store.Problem{{Code: "report_unreadable", What: "run", Which: r.Run.RunID, Why: err.Error()}}
	}
	e.sort()
	var nearest []string
	for _, expect := range expectations(r, e) {
		again := *e
		again.answers = slices.Clone(e.answers)
		d := store.Differences(r, again.judge(expect).record())
		if len(d) == 0 {
			return nil
		}
		if nearest == nil || len(d) < len(nearest) {
			nearest = d
		}
	}
	return []store.Problem{{
		Code: "judged_otherwise", What: "run", Which: r.Run.RunID,
		Why: "its evidence, judged again, does not show what is recorded: " + strings.Join(nearest[:min(len(nearest), maxDifferences)], "; "),
	}}
}

// maxDifferences bounds a message: the first tell where to look.
const maxDifferences = 5

// expectations lists whom the operator may have expected of a recorded run,
// the likeliest first: whom its synthesis names; nobody; or else, as no synthesis
// keeps it, whoever makes the recorded verdict the best and the worst, and the
// number that a finding tells of.
func expectations(r store.Record, e *evidence) [][]string {
	likely := [][]string{nil}
	for _, y := range r.Syntheses {
		var named struct {
			Agents []string `json:"expected_agents"`
		}
		if json.Unmarshal([]byte(y.Metadata), &named) == nil && len(named.Agents) > 0 {
			return [][]string{named.Agents, nil}
		}
	}
	if slices.ContainsFunc(e.reports, func(p report) bool { return len(p.Expected) > 0 }) {
		return likely // the documents say it
	}
	plain := *e
	plain.answers = slices.Clone(e.answers)
	seen := plain.judge(nil)
	var usable, unseen, unusable []string
	for _, x := range seen.exhibits {
		if seen.usable[x.Agent] {
			usable = union(usable, []string{x.Agent})
		}
	}
	for _, a := range r.Run.MissingAgents {
		if slices.Contains(seen.missing, a) {
			unusable = append(unusable, a)
		} else {
			unseen = append(unseen, a) // only the operator can have named it
		}
	}
	likely = append(likely, slices.Concat(usable, unseen), slices.Concat(unseen, unusable))
	for _, f := range r.Findings {
		if m := minorityCounts.FindStringSubmatch(f.Detail); f.Code == findMinority && m != nil {
			likely = append(likely, ofThese(usable, unseen, unusable, m[1], m[2]))
		}
	}
	return likely
}

// minorityCounts reads the finding that a consensus rests on few.
var minorityCounts = regexp.MustCompile(`^ok by (\d+) of (\d+) expected agents$`)

// ofThese returns as many expected agents as a finding tells of, so many of
// them usable; none when there are not enough.
func ofThese(usable, unseen, unusable []string, good, all string) []string {
	n, _ := strconv.Atoi(good)
	total, _ := strconv.Atoi(all)
	more := total - n - len(unseen)
	if n > len(usable) || more < 0 || more > len(unusable) {
		return nil
	}
	return slices.Concat(usable[:n], unseen, unusable[:more])
}
