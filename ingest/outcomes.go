package ingest

import (
	"fmt"
	"slices"
)

// readVerdict reads the verdict of a whole run with its artifacts (F6).
func readVerdict(d *document, obj *object, o origin) *string {
	d.Kind = docRun
	d.runTime(obj, o, timeOfRun)
	d.outcome(obj)
	d.answersOf(obj, "artifacts", o)
	known := slices.Concat(runMembers, []string{"artifacts", "aggregator", "agreements", "conflicts"})
	y := &synthesis{Content: aggregate(obj)}
	for _, e := range obj.members {
		if !slices.Contains(known, e.name) && e.value.Kind() != 'n' {
			y.Metadata.set(e.name, e.value)
		}
	}
	d.Synthesis = y
	return nil
}

// aggregate returns what the verdict says beside its artifacts: the
// aggregator's own output where there is one.
func aggregate(obj *object) string {
	if v, _ := obj.get("aggregator"); v != nil {
		return contentText(v)
	}
	var m members
	for _, name := range []string{"agreements", "conflicts"} {
		if v, _ := obj.get(name); v != nil {
			m.set(name, v)
		}
	}
	return string(m.object())
}

// readProposals reads the exported answers of a run (F8); the synthesis is a
// document of its own. A run's export may hold the proposals of other runs
// and stages too, and some of them twice.
func readProposals(d *document, obj *object, o origin) *string {
	d.Kind = docVerdict
	d.runTime(obj, o, timeOfRun)
	d.outcome(obj)
	d.answersOf(obj, "proposals", o)
	return nil
}

// answersOf reads the member that lists agents' answers.
func (d *document) answersOf(obj *object, name string, o origin) {
	list, _ := obj.get(name)
	pointer := obj.pointer + "/" + name
	all := elements(list)
	if len(all) > maxList {
		obj.overlong(name)
		return
	}
	for i, e := range all {
		if e.Kind() != '{' {
			continue // artifacts may also list mere paths
		}
		item := objectOf(e, fmt.Sprintf("%s/%d", pointer, i))
		a := d.answer(item, o, answerMembers)
		if a.Agent == "" {
			item.wrong("agent", "the name of an agent")
		}
		obj.adopt(item)
		d.Answers = append(d.Answers, a)
	}
}

// readExport reads the exported synthesis of a run (F8).
func readExport(d *document, obj *object, o origin) *string {
	d.Kind = docSynthesis
	created := d.runTime(obj, o, timeOfRun)
	d.outcome(obj)
	y := &synthesis{Content: obj.text("output_markdown"), Created: created}
	for _, e := range obj.members {
		if e.name != "output_markdown" && e.value.Kind() != 'n' && !slices.Contains(runIDNames, e.name) {
			y.Metadata.set(e.name, e.value)
		}
	}
	d.Synthesis = y
	return nil
}

// readHandmade reads a synthesis or verdict that holds no answers: the
// runner's template (F3), one written by hand (F5), or that of another tool.
// The whole object is the content.
func readHandmade(d *document, obj *object, o origin) *string {
	d.Kind = docSynthesis
	created := d.runTime(obj, o, timeOfRun)
	y := &synthesis{Content: textOf(obj.source), Created: created}
	for _, e := range obj.members {
		if isHeader(e.name) && isScalar(e.value) {
			y.Metadata.set(e.name, e.value)
		}
	}
	d.Synthesis = y
	if d.notePlaceholders(obj, "synthesis") {
		return nil
	}
	d.outcome(obj)
	if c := obj.object("consensus"); c != nil {
		d.outcome(c)
		obj.adopt(c)
	}
	if a := obj.object("agents"); a != nil {
		d.Report.Missing = union(d.Report.Missing, a.agents("degraded"))
		obj.adopt(a)
	}
	return nil
}
