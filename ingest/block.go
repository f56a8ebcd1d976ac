package ingest

import "strings"

// A block is a lexer for text in braces that may be JSON, a schema in the
// manner of JSON, or neither. It accepts everything and weighs what it sees.
type block struct {
	weight
	text   string
	pos    int  // where it is in text
	prev   byte // the last thing seen: punctuation, '"' for a string, 'k' for a name, 'w' for a word
	header bool // the value to come belongs to the header
	last   int  // own bytes of the last string, which a bar after it takes back
}

// lex reads from the brace at pos to the one that closes it and reports true,
// or to a fence or the text's end and reports false.
func (b *block) lex() bool {
	for depth := 0; b.pos < len(b.text); {
		switch c := b.text[b.pos]; c {
		case ' ', '\t', '\r', '\n':
			b.pos++
		case '{', '[':
			depth++
			b.punct(c)
		case '}', ']':
			depth--
			b.punct(c)
			if depth == 0 {
				return true
			}
		case ',', ':':
			b.punct(c)
		case '|':
			b.bar()
		case '"':
			b.quoted()
		default:
			if strings.HasPrefix(b.text[b.pos:], fence) {
				return false
			}
			b.bare()
		}
	}
	return false
}

func (b *block) punct(c byte) {
	b.header = b.header && c == ':'
	b.prev = c
	b.pos++
}

// bar makes the string before it the first of several choices, which are one slot.
func (b *block) bar() {
	if b.prev == '"' && b.last > 0 {
		b.own -= b.last
		b.open(b.header)
	}
	b.punct('|')
}

// atValue reports whether a value belongs here.
func (b *block) atValue() bool { return strings.IndexByte("{[:,", b.prev) >= 0 }

// quoted reads a string, which ends at its quote or with its line.
func (b *block) quoted() {
	b.pos++
	start := b.pos
	for b.pos < len(b.text) && b.text[b.pos] != '"' && b.text[b.pos] != '\n' {
		if b.text[b.pos] == '\\' {
			b.pos++
		}
		b.pos++
	}
	b.pos = min(b.pos, len(b.text))
	s := b.text[start:b.pos]
	b.pos = min(b.pos+1, len(b.text))
	if rest := strings.TrimLeft(b.text[b.pos:], " \t\r\n"); b.prev != ':' && strings.HasPrefix(rest, ":") {
		b.name(s)
		return
	}
	before := b.own
	switch {
	case b.prev == '|': // one more choice
	case b.atValue() && leavesOpen(s):
		b.open(b.header)
	case !b.header:
		b.own += len(s)
	}
	b.prev, b.last = '"', b.own-before
}

func (b *block) name(s string) {
	b.header = isPreamble(s)
	b.prev = 'k'
}

// bare reads words, up to punctuation outside of parentheses and ${…} or to the line's end.
func (b *block) bare() {
	start, parens, dollar := b.pos, 0, false
	for ; b.pos < len(b.text); b.pos++ {
		c := b.text[b.pos]
		switch {
		case c == '(':
			parens++
		case c == ')':
			parens--
		case c == '{' && b.text[b.pos-1] == '$' && b.pos > start:
			dollar = true
		case c == '}' && dollar:
			dollar = false
		case c == '\n', parens <= 0 && !dollar && b.endsBare(c):
			b.words(strings.TrimSpace(b.text[start:b.pos]))
			return
		}
	}
	b.words(strings.TrimSpace(b.text[start:]))
}

func (b *block) endsBare(c byte) bool {
	switch c {
	case ',', ']', '}', '[', '{', '"':
		return true
	case ':':
		return b.prev == '{' || b.prev == ','
	}
	return false
}

// words weighs what bare read: a name, a slot, or content.
func (b *block) words(s string) {
	switch {
	case strings.HasPrefix(b.text[b.pos:], ":"):
		b.name(s)
		return
	case b.atValue() && isSlot(s):
		b.open(b.header)
	case s != "null":
		b.own += len(s)
	}
	b.prev = 'w'
}

// isSlot reports whether bare words in the place of a value are a schema's:
// a type with or without prose after it, an ellipsis, ${NAME} or a choice.
func isSlot(s string) bool {
	return startsWithType(s) || strings.HasPrefix(s, "...") || strings.HasPrefix(s, "…") || strings.HasPrefix(s, "${") || leavesOpen(s)
}
