package ingest

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/consensusd/consensusd/store"
)

// A part is a document that waits for the rest of its run. The assembler keeps
// its outline; its bytes stay in the file.
type part struct {
	file  file
	stamp stamp
	doc   *document // without contents
	fresh bool      // nobody has asked yet whether its run is recorded
	since time.Time // when it was first read
	scan  int       // that saw it last
}

// A group is the parts of one run.
type group struct {
	key   groupKey
	parts []*part
}

// A groupKey says what parts have in common, and how their run is known.
type groupKey struct{ runID, spec, stage, stamp string }

// keyOf is the group of a document: by the run_id that it gives; else by spec,
// stage and the runner's stamp in its name; else by spec and stage alone.
func keyOf(d *document) groupKey {
	switch {
	case d.RunID != "":
		return groupKey{runID: d.RunID}
	case !d.NameTime.IsZero():
		return groupKey{spec: d.Spec, stage: d.Stage, stamp: d.NameTime.Format(time.RFC3339Nano)}
	}
	return groupKey{spec: d.Spec, stage: d.Stage}
}

// windowed reports whether the group has only its arrival in common.
func (k groupKey) windowed() bool { return k.runID == "" && k.stamp == "" }

// recordedID is the id under which the run is recorded if it is, "" when that
// cannot be told before all parts are known.
func (g *group) recordedID() string {
	switch d := g.parts[0].doc; {
	case g.key.runID != "":
		return g.key.runID
	case g.key.stamp != "":
		return store.RunID(d.NameTime, d.Spec, d.Stage)
	}
	return ""
}

// groups puts parts together. A part that belongs to its spec and stage alone
// joins the one run of these that has an id, if there is just one and their times
// agree; else the parts that arrived within timeout of each other are a run.
func groups(parts []*part, timeout time.Duration) []*group {
	byKey := map[groupKey]*group{}
	for _, p := range parts {
		k := keyOf(p.doc)
		if byKey[k] == nil {
			byKey[k] = &group{key: k}
		}
		byKey[k].parts = append(byKey[k].parts, p)
	}
	hosts := hostsByStage(byKey)
	var all []*group
	for _, key := range slices.SortedFunc(maps.Keys(byKey), compareKeys) {
		g := byKey[key]
		if !key.windowed() {
			all = append(all, g)
			continue
		}
		if h := hosts[key]; len(h) == 1 && timesAgree(g, h[0]) {
			h[0].parts = append(h[0].parts, g.parts...)
			continue
		}
		all = append(all, g.windows(timeout)...)
	}
	return all
}

func compareKeys(a, b groupKey) int {
	return cmp.Or(cmp.Compare(a.spec, b.spec), cmp.Compare(a.stage, b.stage), cmp.Compare(a.stamp, b.stamp), cmp.Compare(a.runID, b.runID))
}

// hostsByStage lists the groups with a run_id under the key of the windowed
// parts that may belong to them.
func hostsByStage(byKey map[groupKey]*group) map[groupKey][]*group {
	hosts := map[groupKey][]*group{}
	for key, g := range byKey {
		if key.runID != "" {
			at := groupKey{spec: g.parts[0].doc.Spec, stage: g.parts[0].doc.Stage}
			hosts[at] = append(hosts[at], g)
		}
	}
	return hosts
}

// sameRunWithin is how far apart the times in the documents of one run may be.
const sameRunWithin = time.Hour

// timesAgree reports whether two groups could be one run by the times that
// their documents give.
func timesAgree(a, b *group) bool {
	from, to := math.MaxInt64, math.MinInt64
	for _, p := range slices.Concat(a.parts, b.parts) {
		if p.doc.Report.Rank < timeOfFile {
			from, to = min(from, int(p.doc.Report.At)), max(to, int(p.doc.Report.At))
		}
	}
	return to < from || time.Duration(to-from)*time.Millisecond <= sameRunWithin
}

// windows splits parts of one spec and stage where nothing arrived for longer
// than a run is waited for.
func (g *group) windows(timeout time.Duration) (split []*group) {
	slices.SortStableFunc(g.parts, func(a, b *part) int { return a.stamp.lastChange().Compare(b.stamp.lastChange()) })
	for i, p := range g.parts {
		if i == 0 || p.stamp.lastChange().Sub(g.parts[i-1].stamp.lastChange()) > timeout {
			split = append(split, &group{key: g.key})
		}
		last := split[len(split)-1]
		last.parts = append(last.parts, p)
	}
	return split
}

// deadline is when the run is recorded as it is: timeout after its newest
// part came.
func (g *group) deadline(timeout time.Duration) time.Time {
	var newest time.Time
	for _, p := range g.parts {
		if t := cameAt(p.stamp, p.since); t.After(newest) {
			newest = t
		}
	}
	return newest.Add(timeout)
}

// expected is whom the parts expect, else whom the operator does.
func (g *group) expected(operator map[string][]string) []string {
	var names []string
	for _, p := range g.parts {
		names = append(names, p.doc.Report.Expected...)
	}
	if len(names) == 0 {
		names = operator[g.parts[0].doc.Stage]
	}
	names = union(nil, names)
	slices.Sort(names)
	return names
}

// waitsFor names what the run still lacks, nothing when it is complete: the
// expected agents' answers and a synthesis. Without anybody expected it cannot
// be told, and the run waits for its deadline.
func (g *group) waitsFor(operator map[string][]string) []string {
	var synthesis, all, complete, some bool
	in := map[string]bool{}
	for _, p := range g.parts {
		d := p.doc
		complete = complete || d.Complete || d.Kind == docRun
		all = all || d.Kind == docVerdict
		synthesis = synthesis || d.Synthesis != nil
		some = some || d.Synthesis != nil || len(d.Answers) > 0
		for _, a := range d.Answers {
			in[a.Agent] = true
		}
	}
	if complete && some { // a manifest alone is only early
		return nil
	}
	var lacks []string
	expected := g.expected(operator)
	for _, a := range expected {
		if !in[a] && !all {
			lacks = append(lacks, a)
		}
	}
	if len(expected) == 0 && !all {
		lacks = append(lacks, "whoever else answers")
	}
	if !synthesis {
		lacks = append(lacks, "a synthesis")
	}
	return lacks
}

// agents are those whose answer is in, each once.
func (g *group) agents() []string {
	var names []string
	for _, p := range g.parts {
		for _, a := range p.doc.Answers {
			names = append(names, a.Agent)
		}
	}
	names = union(nil, names)
	slices.SortFunc(names, strings.Compare)
	return names
}
