package ingest

import (
	"errors"
	"io"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// fence begins and ends a block of code in Markdown.
const fence = "```"

// unfence returns what is inside a fence around the whole text, also if the
// fence is never closed; else the text.
func unfence(text string) string {
	if !strings.HasPrefix(text, fence) {
		return text
	}
	_, inner, ok := strings.Cut(text, "\n")
	if !ok {
		return text
	}
	return strings.TrimSpace(strings.TrimSuffix(inner, fence))
}

// readUnparsed reads what is not one JSON value, out of its wrapping if it has one.
func readUnparsed(text string, wraps int) reading {
	if wraps == 0 {
		return readMixed(text, wraps)
	}
	if strings.IndexByte(text, '\x1b') >= 0 {
		r := readWrapped(escapes().ReplaceAllString(text, ""), wraps-1)
		r.Transcript = true
		return r
	}
	if t, ok := codexTranscript(text); ok {
		if !t.marked {
			return readTranscript(t.after, wraps)
		}
		r := readWrapped(t.said, wraps-1)
		r.Blank, r.Echo, r.Transcript = false, r.Echo || r.Blank, true
		return r
	}
	if isShellCapture(text) {
		return readTranscript(text, wraps)
	}
	return readMixed(text, wraps)
}

// readMixed reads prose, JSON between prose, and JSON that does not parse.
// Where no block is the answer, the whole text's weight decides; what breaks
// off before it says anything is no answer either.
func readMixed(text string, wraps int) reading {
	s := scanBlocks(text)
	echo := !s.answered && (s.total.echo() || s.truncated && s.total.own == 0)
	if s.quoted && !echo {
		s.answer = answerText{}
	}
	r := s.answer.reading(wraps)
	r.Echo = echo || s.answered && r.Echo
	r.Truncated = r.Truncated || s.truncated
	return r.settled()
}

// readTranscript reads a transcript that does not mark what the agent said:
// the last block with an answer in it is the answer, unless a schema comes
// after it, for then it was part of the prompt.
func readTranscript(text string, wraps int) reading {
	s := scanBlocks(text)
	r := reading{Echo: true, Truncated: s.truncated}
	if s.answered {
		r = s.answer.reading(wraps)
	}
	r.Transcript = true
	return r
}

// A scan is what the blocks in braces of a text amount to.
type scan struct {
	dec       *jsontext.Decoder
	total     weight
	answer    answerText // the last block that parses and is no echo, a fenced one rather than another; else the first block
	parsed    bool       // the answer is of the first kind
	quoted    bool       // the answer is a schema
	answered  bool       // it says something, and no schema comes after it
	fenced    bool       // it was in a fence
	inFence   bool       // what comes next is in a fence
	truncated bool       // the last block breaks off
}

// maxStrays bounds how often a scan goes back to a brace that nothing closes.
const maxStrays = 4

func scanBlocks(text string) scan {
	s := scan{dec: new(jsontext.Decoder)}
	for strays := 0; ; {
		i := strings.IndexByte(text, '{')
		if i < 0 {
			s.prose(text)
			return s
		}
		s.prose(text[:i])
		text = text[i:]
		b := block{text: text}
		closed := b.lex()
		if !closed && !isObject(text) && strays < maxStrays {
			strays++
			text = text[1:]
			continue
		}
		s.block(b.weight, text[:b.pos], closed)
		text = text[b.pos:]
	}
}

// isObject reports whether a brace and a quote begin the text.
func isObject(text string) bool {
	return strings.HasPrefix(strings.TrimLeft(text[1:], " \t\r\n"), `"`)
}

// prose weighs what is outside of blocks.
func (s *scan) prose(text string) {
	for {
		before, after, ok := strings.Cut(text, fence)
		s.total.own += len(strings.TrimSpace(before))
		if !ok {
			return
		}
		s.inFence = !s.inFence
		if s.inFence {
			_, after, _ = strings.Cut(after, "\n")
		}
		text = after
	}
}

func (s *scan) block(w weight, text string, closed bool) {
	s.total.own += w.own
	s.total.slots += w.slots
	s.total.soft += w.soft
	s.truncated = false
	if w.echo() {
		s.answered, s.fenced = false, false
	}
	if !isObject(text) {
		return
	}
	a, err := parseAnswer(s.dec, text)
	s.truncated = !closed && errors.Is(err, io.ErrUnexpectedEOF)
	lesser := s.fenced && !s.inFence || s.answered && a.own == 0
	switch {
	case err == nil && !a.echo() && !lesser:
		s.answer, s.parsed, s.quoted, s.answered, s.fenced = a, true, false, a.own > 0, s.inFence
	case !s.parsed && s.answer.isZero():
		s.answer, s.quoted = a, w.echo()
	}
}

// A transcript is what the Codex command line printed of one run.
type transcript struct {
	said   string // the agent's last message
	marked bool   // there is a mark before that message
	after  string // all from the prompt on
}

const (
	codexBanner = "OpenAI Codex v"
	tokensUsed  = "tokens used"
)

// codexTranscript takes a transcript apart and reports whether text is one. A
// prompt may contain transcripts of earlier runs, so marks that are older than
// the transcript are passed over.
func codexTranscript(text string) (t transcript, ok bool) {
	pos, since := codexStart(text)
	if pos < 0 {
		return t, false
	}
	prompt, message, end := pos, -1, len(text)
	for line := range strings.Lines(text[pos:]) {
		next := pos + len(line)
		mark := codexMark(line, since)
		if mark != "" && message >= 0 {
			t.said, message = text[message:pos], -1
		}
		switch {
		case mark == "codex":
			t.said, t.marked, message = "", true, next
		case mark == "user", mark == "User instructions:":
			prompt, end = next, len(text)
		case strings.HasPrefix(mark, tokensUsed):
			end = pos
		}
		pos = next
	}
	if message >= 0 {
		t.said = text[message:]
	}
	t.after = text[prompt:end]
	return t, true
}

// codexStart returns where the transcript in text starts and its time there, or
// -1. Before it there may be a shell's output or a line or two, but no more:
// prose that quotes a transcript is no transcript.
func codexStart(text string) (start int, since string) {
	for from := 0; ; from += len(codexBanner) {
		i := strings.Index(text[from:], codexBanner)
		if i < 0 {
			return -1, ""
		}
		from += i
		near := max(0, from-longestStamp)
		start = near + strings.LastIndexByte(text[near:from], '\n') + 1
		stamp, rest, _ := cutStamp(text[start:from])
		if rest != "" || start == near && near > 0 {
			continue // not at the beginning of a line
		}
		if lead := text[:start]; len(strings.TrimSpace(lead)) > 200 && !isShellCapture(lead) {
			return -1, ""
		}
		return start, stamp
	}
}

// codexMark returns the mark that a line is, such as codex or thinking, or "".
// In a transcript with times a mark has one that is not before since; older
// and newer versions print no times.
func codexMark(line, since string) string {
	stamp, rest, stamped := cutStamp(strings.TrimSpace(line))
	switch {
	case stamped && stamp >= since:
		return rest
	case stamped:
		return ""
	case rest == tokensUsed, strings.HasPrefix(rest, tokensUsed+":"):
		return rest
	case since == "" && (rest == "user" || rest == "thinking" || rest == "codex" || rest == "exec"):
		return rest
	}
	return ""
}

// longestStamp is the length of a time with nine fractional digits and a zone, in brackets.
const longestStamp = 40

// cutStamp cuts a time in brackets off a line's beginning.
func cutStamp(line string) (stamp, rest string, ok bool) {
	end := strings.IndexByte(line[:min(len(line), longestStamp)], ']')
	if end < len("[2006-01-02T15:04:05") || line[0] != '[' || strings.Trim(line[1:end], "0123456789-:.+TZ ") != "" {
		return "", line, false
	}
	return line[1:end], strings.TrimSpace(line[end+1:]), true
}

// escapes matches the escape sequences of terminals, whole or broken off.
var escapes = pattern(`\x1b(?:\[[ -?]*[@-~]?|\][^\x07\x1b\n]*(?:\x07|\x1b\\)?|[()].|[^\[\]()])?`)
