package ingest

import (
	"bytes"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// readDocument makes a document of a file's bytes, whichever of the known
// formats it is written in.
func readDocument(data []byte, o origin) (*document, *Rejection) {
	obj, rejection := parseObject(data)
	if rejection != nil {
		return nil, rejection
	}
	read := shapeOf(obj, o)
	if read == nil {
		return nil, unknownShape(o)
	}
	d := &document{Bytes: int64(len(data))}
	d.header(obj, o)
	own := read(d, obj, o)
	if obj.bad != nil {
		return nil, obj.bad
	}
	if rejection := d.identify(o, own); rejection != nil {
		return nil, rejection
	}
	d.nameAnswers(own)
	d.repair()
	return d, nil
}

// A shape reads an object of one format into a document. It returns the agent
// that the object names when it is of one agent only, else nil.
type shape func(d *document, obj *object, o origin) (own *string)

// shapeOf tells the format by members that only this format has, then by the
// file's name. The order matters: what is more telling stands first.
func shapeOf(obj *object, o origin) shape {
	kind := o.name.Kind
	agent := obj.has("agent", "agent_name")
	switch {
	case obj.isKind('[', "proposals"):
		return readProposals
	case kind != nameTelemetry && listsAnswers(obj, "agents"):
		return readRun
	case listsAnswers(obj, "artifacts") || obj.isKind('[', "artifacts") && obj.has("consensus_ok", "gate_ok", "review_ok"):
		return readVerdict
	case agent && obj.has("content"):
		return readPart // whatever else it brings, its content must not be lost
	case kind == nameGuardrail && !agent && !obj.has("synthesis", "expected_agents", "consensus_ok", "consensusOk"):
		return nil
	case kind == nameTelemetry || !agent && obj.has("schemaVersion") && obj.has("consensus", "agents"):
		return readTelemetry
	case obj.isKind('"', "output_markdown"):
		return readExport
	case kind == nameMetrics || obj.has("latency_ms") && obj.has("model_id", "output_path", "cost_usd"):
		return readMetrics
	case obj.isKind('{', "synthesis") && (!agent || obj.object("synthesis").has("content", "verdict")):
		return readSynthesisPart
	case agent && obj.has("error") && onlyPartMembers(obj):
		return readPart
	case agent:
		return readAnswer
	case obj.has("expected_agents", "complete"):
		return readManifest
	case kind == nameAnswer:
		return readAnswer
	case kind == nameSynthesis || kind == nameVerdict || reportsOutcome(obj):
		return readHandmade
	case obj.has("model") && obj.has("stage", "stage_name", "consensus"):
		return readAnswer
	}
	return nil
}

// listsAnswers reports whether the member is a list of objects that name
// agents.
func listsAnswers(obj *object, name string) bool {
	v, _ := obj.get(name)
	if v == nil || v.Kind() != '[' {
		return false
	}
	for e := range elementsOf(v) {
		if e.Kind() == '{' {
			return namesAgent(e)
		}
	}
	return false
}

// namesAgent reports whether an object has a member that names an agent.
func namesAgent(v jsontext.Value) bool {
	for name, value := range membersIn(v) {
		if slices.Contains(agentNames, name) && value.Kind() != 'n' {
			return true
		}
	}
	return false
}

// listsNames reports whether the member is a list that begins with a string.
func listsNames(obj *object, name string) bool {
	v, _ := obj.get(name)
	if v == nil || v.Kind() != '[' {
		return false
	}
	dec := jsontext.NewDecoder(bytes.NewBuffer(v))
	dec.ReadToken()
	return dec.PeekKind() == '"'
}

// reportsOutcome reports whether the object says how a run ended.
func reportsOutcome(obj *object) bool {
	if obj.has("consensus_ok", "gate_ok", "review_ok", "consensusOk") {
		return true
	}
	return obj.has(statusNames...) && (obj.has("consensus", "agreements", "conflicts") || obj.isKind('{', "agents"))
}

func unknownShape(o origin) *Rejection {
	if o.name.Kind == nameGuardrail {
		return &Rejection{Code: CodeNotConsensus, Message: "guardrail, lifecycle or cost telemetry is no consensus document", Hint: "keep it out of the inbox"}
	}
	return &Rejection{Code: CodeUnknown, Message: "a JSON object, but no document of a known format", Hint: `a part has "spec_id", "stage", "agent" and "content"; consensusd schema describes all of it`}
}

// Spellings of one member, in the order of preference.
var (
	specNames    = []string{"spec_id", "specId"}
	stageNames   = []string{"stage", "stage_name", "command"}
	agentNames   = []string{"agent", "agent_name"}
	timeNames    = []string{"timestamp", "recorded_at", "created_at", "exported_at", "generated_at"}
	okNames      = []string{"consensus_ok", "gate_ok", "review_ok", "consensusOk"}
	statusNames  = []string{"status", "consensus_status", "consensusStatus", "synthesis_status"}
	missingNames = []string{"missing_agents", "missingAgents"}
	runIDNames   = []string{"run_id", "runId"}
)

// header reads what all formats share.
func (d *document) header(obj *object, o origin) {
	d.RunID = real(obj.text(runIDNames...))
	d.Spec = real(obj.text(specNames...))
	d.Stage = stageName(obj.text(stageNames...))
	d.Report.Expected = obj.agents("expected_agents")
	if d.Report.Expected == nil && listsNames(obj, "agents") {
		d.Report.Expected = obj.agents("agents") // who took part was expected to
	}
}

// real returns s unless it is blank or a placeholder that nobody filled in.
func real(s string) string {
	if isPlaceholder(s) || strings.TrimSpace(s) == "" {
		return ""
	}
	return s
}

// time reads the first of the named members as a time; zero when there is
// none. What cannot be read, or lies more than a day ahead, is not believed:
// it counts as the file's time and is warned of.
func (d *document) time(obj *object, o origin, names ...string) (t time.Time, believed bool) {
	v, name := obj.get(names...)
	if v == nil || isPlaceholder(obj.text(name)) {
		return time.Time{}, false
	}
	literal := obj.text(name)
	var note string
	if v.Kind() == '"' {
		t, note, believed = parseTime(literal)
	} else {
		t, believed = parseUnix(literal)
	}
	switch {
	case !believed:
		d.warn(name + " " + quote(literal) + " is no time: the file's is taken")
		return o.fileTime, false
	case t.After(o.now.Add(24 * time.Hour)):
		d.warn(name + " " + quote(literal) + " lies ahead: the file's is taken")
		return o.fileTime, false
	case note != "":
		d.warn(name + " " + quote(literal) + ": " + note)
	}
	return t, true
}

// runTime reads the run's time, which obj knows as well as rank says.
func (d *document) runTime(obj *object, o origin, rank timeRank) time.Time {
	t, believed := d.time(obj, o, timeNames...)
	switch {
	case believed:
		d.setTime(t, rank)
	case !t.IsZero():
		d.setTime(t, timeUnbelieved)
	}
	return t
}

// outcome reads what an object reports about its run.
func (d *document) outcome(obj *object) {
	r := &d.Report
	r.worse(obj.truth(okNames...), obj.truth("degraded"))
	for _, name := range statusNames {
		if obj.isKind('"', name) {
			word := obj.text(name)
			r.Status = shorten(word, maxDetail)
			r.status(statusOf(word))
		}
	}
	if m := obj.agents(missingNames...); m != nil {
		r.Missing = m
	}
	if v, _ := obj.get("conflicts"); tooMany(v) {
		obj.overlong("conflicts")
	} else if v != nil {
		r.Conflicts = append(r.Conflicts, conflictList(v)...)
	}
}

// status takes in an outcome given as a word.
func (r *report) status(s status) {
	yes, no := true, false
	switch s {
	case statusOK:
		r.worse(&yes, nil)
	case statusDegraded:
		r.worse(&yes, &yes)
	case statusNotOK:
		r.worse(&no, nil)
	}
}

// worse takes in an outcome; of two that differ the worse one stays.
func (r *report) worse(ok, degraded *bool) {
	if ok != nil && (r.OK == nil || *r.OK) {
		r.OK = ok
	}
	if degraded != nil && (r.Degraded == nil || !*r.Degraded) {
		r.Degraded = degraded
	}
}

// nameAnswers gives the agent that was found out to the answer or metrics that
// lack one.
func (d *document) nameAnswers(own *string) {
	if own == nil {
		return
	}
	for i := range d.Answers {
		d.Answers[i].Agent = *own
	}
	if v, ok := d.Report.Metrics[""]; ok {
		d.Report.Metrics = map[string]jsontext.Value{*own: v}
	}
}
