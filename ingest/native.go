package ingest

import (
	"bytes"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// The documents of docs/documents.md: run, part, synthesis part and manifest.

var (
	runMembers = slices.Concat(runIDNames, specNames, stageNames, timeNames, okNames, missingNames,
		[]string{"expected_agents", "agents", "synthesis", "degraded", "conflicts"})
	answerMembers = []string{"agent", "agent_name", "content", "error", "metadata", "created_at"}
	partMembers   = slices.Concat(runIDNames, specNames, stageNames, answerMembers, timeNames, []string{"expected_agents"})
	synthMembers  = []string{"content", "verdict", "metadata", "created_at"}
)

// readRun reads a run document: a whole run.
func readRun(d *document, obj *object, o origin) *string {
	d.Kind = docRun
	d.runTime(obj, o, timeOfRun)
	d.outcome(obj)
	d.answersOf(obj, "agents", o)
	d.readSynthesis(obj, o)
	d.keepUnknown(obj, runMembers)
	return nil
}

// readPart reads what one agent answered.
func readPart(d *document, obj *object, o origin) *string {
	d.Kind = docAnswer
	d.runTime(obj, o, timeOfPart)
	a := d.answer(obj, o, partMembers)
	d.Answers = []answer{a}
	return &a.Agent
}

// readSynthesisPart reads a synthesis that comes apart from the answers, and
// the outcome it reports.
func readSynthesisPart(d *document, obj *object, o origin) *string {
	d.Kind = docSynthesis
	d.runTime(obj, o, timeOfRun)
	d.outcome(obj)
	d.readSynthesis(obj, o)
	d.keepUnknown(obj, runMembers)
	return nil
}

// readManifest reads who is expected.
func readManifest(d *document, obj *object, o origin) *string {
	d.Kind = docManifest
	d.runTime(obj, o, timeOfPart)
	if complete := obj.truth("complete"); complete != nil {
		d.Complete = *complete
	}
	return nil
}

// answer reads one agent's answer from obj. Members not in known are kept in
// its metadata.
func (d *document) answer(obj *object, o origin, known []string) answer {
	a := answer{Agent: agentName(obj.text(agentNames...)), Error: errorText(obj)}
	if v, _ := obj.get("content"); v != nil {
		a.Content = contentText(v)
	}
	a.Created, _ = d.time(obj, o, "created_at", "timestamp")
	d.metadata(&a.Metadata, obj, known)
	return a
}

// metadata takes in an object's metadata and its members of unknown names.
func (d *document) metadata(m *members, obj *object, known []string) {
	if v, _ := obj.get("metadata"); v != nil {
		if v.Kind() != '{' {
			obj.wrong("metadata", "an object")
			return
		}
		meta := objectOf(v, obj.pointer+"/metadata")
		obj.adopt(meta)
		m.take(meta)
	}
	for _, e := range obj.members {
		if !slices.Contains(known, e.name) && e.value.Kind() != 'n' {
			m.set(e.name, e.value)
			d.warn("member " + quote(e.name) + " is unknown: kept in metadata")
		}
	}
}

// readSynthesis reads the member synthesis, and the verdict it claims.
func (d *document) readSynthesis(obj *object, o origin) {
	s := obj.object("synthesis")
	if s == nil {
		if obj.has("synthesis") {
			obj.wrong("synthesis", "an object")
		}
		return
	}
	y := &synthesis{}
	if v, _ := s.get("content"); v != nil {
		y.Content = contentText(v)
	}
	y.Created, _ = d.time(s, o, "created_at")
	d.metadata(&y.Metadata, s, synthMembers)
	d.Synthesis = y
	d.Report.verdict(s.text("verdict"))
	obj.adopt(s)
}

// verdict takes in a verdict in the words that are recorded, or any word for
// a status.
func (r *report) verdict(word string) {
	switch strings.ToLower(strings.TrimSpace(word)) {
	case "":
		return
	case "unanimous":
		no := false
		r.status(statusOK)
		r.worse(nil, &no)
	default:
		r.status(statusOf(word))
	}
	if r.Status == "" {
		r.Status = shorten(word, maxDetail)
	}
}

// keepUnknown keeps a run's members of unknown names with its synthesis, or
// with its first answer where it has none: with every answer, a small file
// could make a huge run.
func (d *document) keepUnknown(obj *object, known []string) {
	for _, e := range obj.members {
		if slices.Contains(known, e.name) || e.value.Kind() == 'n' {
			continue
		}
		d.warn("member " + quote(e.name) + " is unknown: kept in metadata")
		if d.Synthesis != nil {
			d.Synthesis.Metadata.set(e.name, e.value)
			continue
		}
		if len(d.Answers) > 0 {
			d.Answers[0].Metadata.set(e.name, e.value)
		}
	}
}

// onlyPartMembers reports whether an object that has an error has nothing but
// what a part has; if there is more, the object itself is the agent's stub.
func onlyPartMembers(obj *object) bool {
	return !slices.ContainsFunc(obj.members, func(m member) bool { return !slices.Contains(partMembers, m.name) })
}

// contentText returns a content as it is stored: a string's text, and any
// other JSON byte for byte.
func contentText(v jsontext.Value) string {
	switch {
	case v.Kind() != '"':
		return textOf(v)
	case bytes.IndexByte(v, '\\') < 0:
		return textOf(v[1 : len(v)-1])
	}
	return unquoted(v)
}

// errorText returns why there is no answer, "" when there is no error.
func errorText(obj *object) string {
	v, _ := obj.get("error")
	return failureText(v)
}

// failureText returns what a member error says, "" when it says that there was none.
func failureText(v jsontext.Value) string {
	switch v.Kind() {
	case 't':
		return "error"
	case '"':
		return strings.TrimSpace(unquote(v))
	case '0':
		if string(v) == "0" {
			return "" // an exit status
		}
		return string(v)
	case '{', '[':
		return string(v)
	}
	return ""
}
