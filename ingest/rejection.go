package ingest

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"
)

// A Rejection says why a document cannot be recorded, and where in it. It is
// what NAME.reason.json holds beside a file in failed/.
type Rejection struct {
	Code      string `json:"code"`
	Message   string `json:"message"`
	Pointer   string `json:"pointer"` // JSON pointer to the value at fault; "" is the whole document
	Line      int    `json:"line"`    // from 1; 0 when there is no place to point to
	Column    int    `json:"column"`  // in characters, from 1
	Hint      string `json:"hint"`
	SHA256    string `json:"sha256"`
	FirstSeen string `json:"first_seen"` // RFC 3339
	Attempts  int64  `json:"attempts"`

	// unfinished: the producer may still be writing, so wait for the settle
	// time before believing it.
	unfinished bool

	database bool // the file is one of the database's
	only     bool // and has no other name
}

// Codes of a [Rejection], beside those of [store.RefusedError].
const (
	CodeEmpty         = "empty"          // no bytes, or blanks only
	CodeTruncated     = "truncated"      // ends in the middle of its JSON object
	CodeSyntax        = "syntax"         // no JSON
	CodeInvalidUTF8   = "invalid_utf8"   // bytes that are no UTF-8
	CodeDuplicateName = "duplicate_name" // two members of one object have the same name
	CodeTooDeep       = "too_deep"       // nested deeper than any reader takes
	CodeTooLarge      = "too_large"      // more bytes than --max-bytes
	CodeTooMany       = "too_many"       // more members, answers, agents or conflicts than any run has
	CodeNotObject     = "not_object"     // JSON, but no object
	CodeTrailing      = "trailing_data"  // something follows the object
	CodeNotRegular    = "not_regular"    // a link, pipe, socket or device
	CodeHardLink      = "hard_link"      // the file has a second name somewhere
	CodeUnreadable    = "unreadable"     // no permission to read
	CodeBadValue      = "bad_value"      // a member of a known name has a value of the wrong type
	CodeBadIdentifier = "bad_identifier" // an id that cannot be stored or shown
	CodeMissingSpec   = "missing_spec"   // nothing says which spec
	CodeMissingStage  = "missing_stage"  // nothing says which stage
	CodeMissingAgent  = "missing_agent"  // nothing says whose answer it is
	CodeNotConsensus  = "not_consensus"  // guardrail, lifecycle or cost telemetry
	CodeUnknown       = "unknown_format" // a JSON object of no known shape
)

// Error gives place and reason in one line.
func (r *Rejection) Error() string {
	switch {
	case r.Line > 0:
		return fmt.Sprintf("line %d, column %d: %s", r.Line, r.Column, r.Message)
	case r.Pointer != "":
		return fmt.Sprintf("at %s: %s", r.Pointer, r.Message)
	}
	return r.Message
}

// at points the rejection to a byte of data. A byte order mark is no character.
func (r *Rejection) at(data []byte, offset int) *Rejection {
	offset = min(max(offset, 0), len(data))
	before := bytes.TrimPrefix(data[:offset], []byte("\uFEFF"))
	start := bytes.LastIndexByte(before, '\n') + 1
	r.Line = bytes.Count(before, []byte{'\n'}) + 1
	r.Column = utf8.RuneCount(before[start:]) + 1
	return r
}

// quote shows a piece of a document in a message: short, and on one line.
func quote(s string) string { return fmt.Sprintf("%q", shorten(s, 80)) }

// shorten cuts s to at most n bytes and whole characters.
func shorten(s string, n int) string {
	if len(s) <= n {
		return strings.ToValidUTF8(s, "\uFFFD")
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return strings.ToValidUTF8(s[:n], "\uFFFD") + "…"
}
