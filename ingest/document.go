package ingest

import (
	"bytes"
	"slices"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// A docKind is what a document is, whatever its format.
type docKind string

// The kinds, the one that knows most about its run first.
const (
	docRun       docKind = "run"       // a whole run: answers and, mostly, an outcome
	docVerdict   docKind = "verdict"   // all answers of a run, whose synthesis is another document
	docSynthesis docKind = "synthesis" // what was made of the answers
	docManifest  docKind = "manifest"  // who is expected
	docTelemetry docKind = "telemetry" // who is expected, and everyone's metrics
	docAnswer    docKind = "answer"    // what one agent answered
	docMetrics   docKind = "metrics"   // one agent's metrics
)

var kindRank = map[docKind]int{docRun: 0, docVerdict: 1, docSynthesis: 2, docManifest: 3, docTelemetry: 4, docAnswer: 5, docMetrics: 6}

// A document is what one file says about one run, in the same words whatever
// its format.
type document struct {
	Kind        docKind
	RunID       string // "" when not given
	Spec, Stage string // in normal form
	NameTime    time.Time
	Answers     []answer
	Synthesis   *synthesis
	Complete    bool // no further parts will come
	Report      report
	Warnings    []string

	SHA256   string
	Identity string // what name and folder said that the bytes do not
	Path     string // below the inbox or the folder read in place
	Bytes    int64
	FileTime time.Time // the file's last change
}

// An answer is what one agent answered.
type answer struct {
	Agent    string
	Content  string
	Metadata members
	Error    string // why there is no answer; "" when there is
	Created  time.Time
	id       string // where it is recorded already
}

// A synthesis is what was made of a run's answers.
type synthesis struct {
	Content  string
	Metadata members
	Created  time.Time
	id       string // where it is recorded already
}

// A report is what a document says about its run beside answers and synthesis.
// It is kept in the document's receipt, so that a run can be judged again when
// more of its documents come.
type report struct {
	Spec      string                    `json:"spec,omitzero"`
	Stage     string                    `json:"stage,omitzero"`
	At        int64                     `json:"at,omitzero"`        // the run's time, Unix milliseconds
	Rank      timeRank                  `json:"rank,omitzero"`      // how well the document knows it
	Expected  []string                  `json:"expected,omitempty"` // agents
	OK        *bool                     `json:"ok,omitzero"`        // the outcome reported, if any
	Degraded  *bool                     `json:"degraded,omitzero"`
	Missing   []string                  `json:"missing,omitzero"` // nil when not reported
	Conflicts []string                  `json:"conflicts,omitempty"`
	Status    string                    `json:"status,omitzero"`   // the outcome in the reporter's own word
	Metrics   map[string]jsontext.Value `json:"metrics,omitempty"` // by agent
	Findings  []finding                 `json:"findings,omitempty"`
}

// A finding is what the judge noticed.
type finding struct {
	Code   string `json:"code"`
	Agent  string `json:"agent,omitzero"`
	Detail string `json:"detail,omitzero"`
}

// The codes of findings.
const (
	findAgentFailed     = "agent_failed"
	findEmptyContent    = "empty_content"
	findSchemaEcho      = "schema_echo"
	findPlaceholder     = "placeholder"
	findTruncated       = "truncated"
	findTranscript      = "transcript_wrapped"
	findDuplicate       = "duplicate_content"
	findAttempts        = "multiple_attempts"
	findLate            = "late_artifact"
	findAgentMismatch   = "agent_mismatch"
	findStageMismatch   = "stage_mismatch"
	findSpecMismatch    = "spec_mismatch"
	findVerdictMismatch = "verdict_mismatch"
	findMinority        = "minority"
	findNoArtifacts     = "no_artifacts"
)

// A timeRank says how well a document knows the time of its run; of several,
// the lowest is believed, and among equals the earliest time.
type timeRank int

const (
	timeNone       timeRank = iota
	timeInName              // the file's name: the runner's own stamp, the same in all parts
	timeOfRun               // a run document, verdict or synthesis
	timeOfPart              // an answer, a manifest or telemetry
	timeOfFile              // nothing in it: the file's last change
	timeUnbelieved          // unreadable or more than a day ahead: the file's last change
)

func (d *document) find(code, agent, detail string) {
	d.Report.Findings = append(d.Report.Findings, finding{code, agent, shorten(detail, maxDetail)})
}

// warn notes something to be told to who wrote the document, once; what goes
// beyond maxWarnings would not be read.
func (d *document) warn(text string) {
	if len(d.Warnings) < maxWarnings && !slices.Contains(d.Warnings, text) {
		d.Warnings = append(d.Warnings, text)
	}
}

const maxWarnings = 20

// maxDetail bounds a finding's detail, which quotes what agents wrote.
const maxDetail = 280

// maxMetadataDepth is how deep metadata may nest: SQLite's JSON functions read
// 1,000 levels, and an answer as JSON puts some around it. A content is a text,
// as deep as it likes.
const maxMetadataDepth = 900

// checkDepth rejects metadata that nobody could ask for afterwards.
func (d *document) checkDepth() *Rejection {
	var all []members
	for _, a := range d.Answers {
		all = append(all, a.Metadata)
	}
	if d.Synthesis != nil {
		all = append(all, d.Synthesis.Metadata)
	}
	for _, m := range all {
		for _, e := range m {
			if isDeeper(e.value, maxMetadataDepth) {
				return &Rejection{Code: CodeTooDeep, Message: "metadata " + quote(e.name) + " nests deeper than 900 levels", Hint: "put deep structures into content"}
			}
		}
	}
	return nil
}

// isDeeper reports whether a value that has been checked nests deeper than most.
func isDeeper(v jsontext.Value, most int) bool {
	if len(v) <= 2*most { // every level takes two bytes
		return false
	}
	dec := jsontext.NewDecoder(bytes.NewBuffer(v))
	for {
		if _, err := dec.ReadToken(); err != nil {
			return false
		}
		if dec.StackDepth() > most {
			return true
		}
	}
}

// outline returns the document without the answers' texts: enough to know
// which run it belongs to and what that run waits for.
func (d *document) outline() *document {
	o := *d
	o.Answers = make([]answer, len(d.Answers))
	for i, a := range d.Answers {
		o.Answers[i] = answer{Agent: a.Agent}
	}
	if d.Synthesis != nil {
		o.Synthesis = &synthesis{}
	}
	return &o
}
