package ingest

import (
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// ownPerSlot is how much an answer must bring for each slot it leaves open: a line of text.
const ownPerSlot = 80

// A weight is what tells an answer from the prompt's schema.
type weight struct {
	own   int // bytes of strings, numbers and words that are the agent's own; neither names nor the header's
	slots int // placeholders where such content belongs
	soft  int // placeholders in the header, which answers leave open too
}

// echo reports whether the schema outweighs the content: fewer than
// [ownPerSlot] bytes of own content for each open slot or, in a text with no
// open slot but with placeholders in its header, none at all. So a long
// answer may quote a schema, and empty lists are an answer unless
// placeholders stand beside them.
func (w weight) echo() bool {
	return w.own < ownPerSlot*w.slots || w.own == 0 && w.soft > 0
}

// add weighs one string without its quotes.
func (w *weight) add(s []byte, header bool) {
	switch {
	case leavesOpen(s):
		w.open(header)
	case !header:
		w.own += len(s)
	}
}

func (w *weight) open(header bool) {
	if header {
		w.soft++
		return
	}
	w.slots++
}

// values weighs what dec reads next, up to where its stack is no deeper than depth.
func (w *weight) values(dec *jsontext.Decoder, depth int) error {
	header := false
	for {
		kind := dec.PeekKind()
		switch kind {
		case '"', '0', 't', 'f':
			in, n := dec.StackIndex(dec.StackDepth())
			v, err := dec.ReadValue()
			switch {
			case err != nil:
				return err
			case kind != '"':
				w.own += len(v)
			case in == '{' && n%2 == 0:
				header = isPreamble(string(v[1 : len(v)-1]))
			default:
				w.add(v[1:len(v)-1], header)
			}
		default:
			if _, err := dec.ReadToken(); err != nil {
				return err
			}
			header = false
		}
		if dec.StackDepth() <= depth {
			return nil
		}
	}
}

// isPreamble reports whether a member belongs to the header: it says what an
// answer is rather than what it answers. So does type, which is the same word
// in a schema and in an answer about data.
func isPreamble(name string) bool {
	switch name {
	case "stage", "prompt_version", "agent", "model", "model_release", "reasoning_mode", "type":
		return true
	}
	return false
}

// longestPlaceholder is the length beyond which no string is taken for a placeholder.
const longestPlaceholder = 120

// leavesOpen reports whether a string is a placeholder, which stands for a
// value instead of being one: ${NAME}, ..., ...words..., ok|error, string, array of strings,
// string (diff or summary), and each of them in brackets.
func leavesOpen[T ~string | ~[]byte](quoted T) bool {
	if len(quoted) == 0 || len(quoted) > longestPlaceholder ||
		strings.IndexByte("$.…[ ", quoted[0]) < 0 && !startsWithType(quoted) && !startsWithChoice(quoted) {
		return false
	}
	s := strings.Trim(string(quoted), "[] ")
	switch {
	case strings.HasPrefix(s, "${"):
		return strings.IndexByte(s, '}') == len(s)-1
	case strings.HasPrefix(s, "..."):
		return strings.HasSuffix(s, "...")
	case startsWithChoice(s):
		return isChoice(s)
	}
	return isTypePhrase(s) || s == "…"
}

// isTypePhrase reports whether s names types and nothing else, but for a remark in parentheses.
func isTypePhrase(s string) bool {
	if !startsWithType(s) {
		return false
	}
	if strings.HasSuffix(s, ")") {
		s, _, _ = strings.Cut(s, "(")
	}
	for word := range strings.FieldsFuncSeq(s, func(r rune) bool { return strings.ContainsRune(" ,|/[]?", r) }) {
		switch word {
		case "or", "of", "null", "optional", "required":
		default:
			if !isType(word) {
				return false
			}
		}
	}
	return true
}

func startsWithType[T ~string | ~[]byte](s T) bool {
	i := 0
	for i < len(s) && 'a' <= s[i] && s[i] <= 'z' {
		i++
	}
	return i <= len("booleans") && isType(string(s[:i]))
}

func isType(word string) bool {
	switch strings.TrimSuffix(word, "s") {
	case "string", "boolean", "bool", "number", "integer", "int", "float", "object", "array":
		return true
	}
	return false
}

// startsWithChoice reports whether there is a bar behind the first word.
func startsWithChoice[T ~string | ~[]byte](s T) bool {
	i := 0
	for i < len(s) && s[i] != ' ' && s[i] != '|' {
		i++
	}
	for i < len(s) && s[i] == ' ' {
		i++
	}
	return i < len(s) && s[i] == '|'
}

// isChoice reports whether s is words with bars between them.
func isChoice(s string) bool {
	for word := range strings.SplitSeq(s, "|") {
		word = strings.TrimSpace(word)
		if word == "" || strings.ContainsAny(word, " \t\n\"'(){}<>$&;=") && !isTypePhrase(word) {
			return false
		}
	}
	return true
}
