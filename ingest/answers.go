package ingest

import (
	"bytes"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// headerMembers are what an answer says about itself before it answers.
var headerMembers = slices.Concat(runIDNames, specNames, stageNames, timeNames, agentNames,
	[]string{"prompt_version", "promptVersion", "model", "model_id", "model_release", "reasoning_mode", "version"})

// readAnswer reads an answer in the agent's own format (F1, F1e, F1d and F9):
// the whole object is the content, its header the metadata.
func readAnswer(d *document, obj *object, o origin) *string {
	d.Kind = docAnswer
	d.runTime(obj, o, timeOfPart)
	agent := agentName(obj.text(agentNames...))
	if agent == "" && o.name.Agent == "" {
		agent = agentName(obj.text("model"))
	}
	a := answer{Agent: agent, Content: textOf(obj.source), Error: errorText(obj)}
	a.Created, _ = d.time(obj, o, timeNames...)
	for _, e := range obj.members {
		if slices.Contains(headerMembers, e.name) && isScalar(e.value) {
			a.Metadata.set(e.name, e.value)
		}
	}
	if c := obj.object("consensus"); c != nil {
		if word := c.text(statusNames...); word != "" && a.usable() { // who gives no answer knows no outcome
			d.Report.Status = shorten(word, maxDetail)
			d.Report.status(statusOf(word))
		}
	}
	d.Answers = []answer{a}
	return &a.Agent
}

// usable reports whether the answer by itself is one that can be used.
func (a answer) usable() bool {
	x := exhibit{answer: a, read: readContent(a.Content)}
	return a.Error == "" && x.read.Error == "" && !x.read.Blank && !x.read.Echo && !isStub(x)
}

func isScalar(v jsontext.Value) bool { return v.Kind() != '{' && v.Kind() != '[' && v.Kind() != 'n' }

// readMetrics reads one agent's metrics (F2).
func readMetrics(d *document, obj *object, o origin) *string {
	d.Kind = docMetrics
	d.runTime(obj, o, timeOfPart)
	agent := agentName(obj.text(agentNames...))
	d.Report.Metrics = map[string]jsontext.Value{agent: metricsOf(obj)}
	return &agent
}

// readTelemetry reads who took part in a run, and everyone's metrics (F4). The
// status in it is the runner's, whose synthesis is a template that nobody
// filled in: it is no outcome.
func readTelemetry(d *document, obj *object, o origin) *string {
	d.Kind = docTelemetry
	d.runTime(obj, o, timeOfPart)
	d.notePlaceholders(obj, "telemetry")
	d.Report.Metrics = map[string]jsontext.Value{}
	consensus := obj.object("consensus")
	if consensus == nil {
		consensus = obj
	}
	list, _ := consensus.get("agents")
	if list == nil || list.Kind() != '[' {
		return nil
	}
	var expected []string
	if tooMany(list) {
		obj.overlong("agents")
		return nil
	}
	for i, e := range elements(list) {
		if e.Kind() != '{' {
			continue
		}
		m := objectOf(e, consensus.pointer+"/agents/"+strconv.Itoa(i))
		agent := agentName(m.text(agentNames...))
		if agent == "" {
			continue
		}
		expected = append(expected, agent)
		d.Report.Metrics[agent] = metricsOf(m)
		obj.adopt(m)
	}
	d.Report.Expected = union(d.Report.Expected, expected)
	return nil
}

// metricsOf returns an agent's metrics without what is unknown, and without
// the agent, whose they are anyway. They are written as they will be in a
// report, which holds them at a greater depth.
func metricsOf(obj *object) jsontext.Value {
	var m members
	for _, e := range obj.members {
		if e.value.Kind() != 'n' && !slices.Contains(agentNames, e.name) {
			m.set(e.name, e.value)
		}
	}
	switch err, status := errorText(obj), m.get("status"); {
	case err != "":
		m.setText("error", err)
	case strings.EqualFold(status, "error") || statusOf(status) == statusNotOK:
		m.setText("error", "status "+status)
	}
	v := m.object()
	if _, err := json.Marshal(report{Metrics: map[string]jsontext.Value{"": v}}); err != nil {
		obj.bad = &Rejection{Code: CodeTooDeep, Pointer: obj.pointer, Message: "metrics are nested too deep", Hint: "put deep structures into an answer's content as text"}
		return nil
	}
	return jsontext.Value(jsonText(v))
}

// notePlaceholders finds members that a template left as they were.
func (d *document) notePlaceholders(obj *object, what string) (found bool) {
	for _, e := range obj.members {
		if e.value.Kind() == '"' && bytes.Contains(e.value, []byte("${")) && isHeader(e.name) && isPlaceholder(unquoted(e.value)) {
			found = true
		}
	}
	if found {
		d.find(findPlaceholder, "", "the "+what+" is a template that nobody filled in: it reports nothing")
	}
	return found
}

func isHeader(name string) bool {
	return slices.Contains(headerMembers, name) || slices.Contains(statusNames, name) || strings.HasSuffix(name, "Path")
}
