package ingest

import (
	"bytes"
	"cmp"
	"errors"
	"io"
	"strings"
	"unicode"

	"github.com/go-json-experiment/json/jsontext"
)

// A reading is what the judge sees in one content. A content is usable if it
// is neither blank nor an echo and says no error; one that is not usable reports no conflict.
type reading struct {
	Blank      bool // nothing but white space, also as JSON: null, "", {}, [], an empty fence
	Echo       bool // no answer of its own: the prompt's schema handed back, or a transcript with no answer in it
	Transcript bool // a command-line transcript or a terminal capture wraps the answer
	Truncated  bool // looks like JSON and ends in the middle

	Error string // why there is no answer, as the content itself says in its member error

	Stage, Agent string   // what the answer itself says, as written; "" if nothing or a placeholder
	Model        string   // likewise
	Conflicts    []string // open conflicts that the answer reports, each once, in order
}

// settled keeps the promises that what is not usable reports no conflict, and
// that a text with more in it than an empty answer, if that is a schema, is an
// echo and not blank.
func (r reading) settled() reading {
	r.Blank = r.Blank && !r.Echo
	if r.Blank || r.Echo {
		r.Conflicts = nil
	}
	return r
}

// maxWraps bounds how many wrappings, one inside the other, an answer is taken out of.
const maxWraps = 6

// readContent classifies the text of one agent's answer, in any form. It never
// fails and takes time in proportion to the text's length. A text that is one
// JSON object, fenced or not, is read in a single pass and not copied.
func readContent(text string) reading { return readWrapped(text, maxWraps) }

// isVisible reports whether a character says something by itself: brackets,
// quotes, blanks and what no screen shows do not.
func isVisible(c rune) bool {
	return !strings.ContainsRune("{}[]\"`", c) && !unicode.IsSpace(c) && !unicode.Is(unicode.Cf, c) && !unicode.IsControl(c)
}

func readWrapped(text string, wraps int) reading {
	text = strings.TrimSpace(strings.TrimPrefix(text, "\uFEFF"))
	body := unfence(text)
	if body == "null" || strings.IndexFunc(body, isVisible) < 0 {
		return reading{Blank: true}
	}
	if leavesOpen(body) {
		return reading{Echo: true}
	}
	if strings.IndexByte(`{["`, body[0]) >= 0 {
		switch a, err := parseAnswer(new(jsontext.Decoder), body); {
		case err == nil && body[0] == '"' && wraps > 0:
			return readWrapped(unquote(jsontext.Value(body)), wraps-1)
		case err == nil:
			return a.reading(wraps)
		case errors.Is(err, io.ErrUnexpectedEOF) && body[0] != '"':
			r := readUnparsed(text, wraps)
			r.Truncated = true
			return r
		}
	}
	return readUnparsed(text, wraps)
}

// An answerText is what one JSON value says that came from an agent.
type answerText struct {
	weight
	stage, agent, model string
	failure             string
	conflicts           []string
	inner               jsontext.Value // the longest string member that begins like an answer itself
}

// isZero reports whether there was nothing to read.
func (a answerText) isZero() bool {
	return a.weight == weight{} && a.stage == "" && a.agent == "" && a.model == ""
}

// A scope is where in an answer an object is.
type scope int

const (
	inWhole     scope = iota
	inPlan            // final_plan
	inConsensus       // consensus, or final_plan.consensus
)

// lenient is how the text of an agent is parsed: it is evidence, not a document of ours.
var lenient = []jsontext.Options{jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)}

var errTrailing = errors.New("text after the JSON value")

// parseAnswer reads text, which is to be one JSON value, by means of dec. On an
// error the answer holds what came before it; if the error is
// io.ErrUnexpectedEOF, then text is the beginning of a JSON value.
func parseAnswer(dec *jsontext.Decoder, text string) (a answerText, err error) {
	dec.Reset(bytes.NewBuffer(bytesOf(text)), lenient...)
	if err := a.read(dec); err != nil {
		return a, err
	}
	if _, err := dec.ReadToken(); err != io.EOF {
		return a, errTrailing
	}
	return a, nil
}

// read reads one value: an object, a list that may begin with objects, or another.
func (a *answerText) read(dec *jsontext.Decoder) error {
	if dec.PeekKind() == '[' {
		dec.ReadToken()
	}
	for dec.PeekKind() == '{' {
		if err := a.object(dec, inWhole); err != nil || dec.StackDepth() == 0 {
			return err
		}
	}
	return a.values(dec, 0)
}

func (a *answerText) object(dec *jsontext.Decoder, in scope) error {
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	for dec.PeekKind() == '"' {
		name, err := dec.ReadValue()
		if err != nil {
			return err
		}
		if err := a.member(dec, in, string(name)); err != nil {
			return err
		}
	}
	_, err := dec.ReadToken()
	return err
}

func (a *answerText) member(dec *jsontext.Decoder, in scope, name string) error {
	kind := dec.PeekKind()
	switch {
	case name == `"final_plan"` && in == inWhole && kind == '{':
		return a.object(dec, inPlan)
	case name == `"consensus"` && in != inConsensus && kind == '{':
		return a.object(dec, inConsensus)
	case name == `"conflicts"` && in != inPlan:
		v, err := dec.ReadValue()
		if err != nil {
			return err
		}
		if len(a.conflicts) < maxList { // a name may stand in it many times
			a.conflicts = append(a.conflicts, conflictList(v)...)
		}
		return a.values(jsontext.NewDecoder(bytes.NewBuffer(v), lenient...), 0)
	case name == `"error"` && in == inWhole:
		v, err := dec.ReadValue()
		if err != nil {
			return err
		}
		a.failure = cmp.Or(a.failure, failureText(v))
		return a.values(jsontext.NewDecoder(bytes.NewBuffer(v), lenient...), 0)
	case in == inWhole && kind == '"':
		v, err := dec.ReadValue()
		if err == nil {
			a.text(name, v)
		}
		return err
	}
	return a.values(dec, dec.StackDepth())
}

// text reads a string that is a member of the answer itself.
func (a *answerText) text(name string, v jsontext.Value) {
	said := v[1 : len(v)-1]
	a.add(said, isPreamble(name[1:len(name)-1]))
	if len(v) > len(a.inner) && beginsLikeAnswer(said) {
		a.inner = v
	}
	var to *string
	switch name {
	case `"status"`:
		if strings.EqualFold(string(said), "error") {
			a.failure = cmp.Or(a.failure, "status error")
		}
		return
	case `"stage"`:
		to = &a.stage
	case `"agent"`:
		to = &a.agent
	case `"model"`:
		to = &a.model
	default:
		return
	}
	if *to == "" && !leavesOpen(said) {
		*to = unquote(v)
	}
}

// beginsLikeAnswer reports whether a quoted text begins like JSON, a fence or a
// transcript, after any blanks and escaped line breaks.
func beginsLikeAnswer(quoted []byte) bool {
	quoted = bytes.TrimLeft(quoted, ` \nrt`)
	return len(quoted) > 2 && strings.IndexByte("{[`", quoted[0]) >= 0
}

// reading is what an answer says or, for an envelope, what the answer in it
// says: an envelope is eight ninths or more one string that begins like an answer.
func (a answerText) reading(wraps int) reading {
	r := reading{Echo: a.echo(), Error: a.failure, Stage: a.stage, Agent: a.agent, Model: a.model, Conflicts: a.conflicts}
	if n := len(a.inner); n > 0 && wraps > 0 && a.own-n < n/8 {
		in := readWrapped(unquote(a.inner), wraps-1)
		in.Stage, in.Agent, in.Model = cmp.Or(r.Stage, in.Stage), cmp.Or(r.Agent, in.Agent), cmp.Or(r.Model, in.Model)
		in.Error, in.Conflicts = cmp.Or(r.Error, in.Error), append(r.Conflicts, in.Conflicts...)
		r = in
	}
	r.Conflicts = eachOnce(r.Conflicts)
	return r.settled()
}

func unquote(v jsontext.Value) string {
	s, _ := jsontext.AppendUnquote(make([]byte, 0, len(v)), v) // its only error here is invalid UTF-8, and U+FFFD stands for that
	return textOf(s)
}
