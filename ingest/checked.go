package ingest

import (
	"bytes"
	"iter"

	"github.com/go-json-experiment/json/jsontext"
)

// What a document holds is checked once, when it is parsed. The values in it
// are found afterwards by where they end, which takes a fraction of the time.

// elementsOf yields the elements of a list that has been checked, or the value
// itself where it is no list. Each is a slice of v.
func elementsOf(v jsontext.Value) iter.Seq[jsontext.Value] {
	return func(yield func(jsontext.Value) bool) {
		if v.Kind() != '[' {
			yield(v)
			return
		}
		for i := nextValue(v, 1); v[i] != ']'; {
			end := i + valueEnd(v[i:])
			if !yield(v[i:end]) {
				return
			}
			i = nextValue(v, end)
		}
	}
}

// membersIn yields the members of an object that has been checked, with their
// names. Each value is a slice of v.
func membersIn(v jsontext.Value) iter.Seq2[string, jsontext.Value] {
	return func(yield func(string, jsontext.Value) bool) {
		for i := nextValue(v, 1); v[i] != '}'; {
			end := i + stringEnd(v[i:])
			name := unquoted(v[i:end])
			i = nextValue(v, end)
			end = i + valueEnd(v[i:])
			if !yield(name, v[i:end]) {
				return
			}
			i = nextValue(v, end)
		}
	}
}

// nextValue returns where the next value begins at or after i, or the bracket
// that closes what it would be in.
func nextValue(v jsontext.Value, i int) int {
	for v[i] == ' ' || v[i] == '\t' || v[i] == '\n' || v[i] == '\r' || v[i] == ',' || v[i] == ':' {
		i++
	}
	return i
}

// valueEnd returns the length of the value that v begins with.
func valueEnd(v jsontext.Value) int {
	depth := 0
	for i := 0; i < len(v); {
		switch v[i] {
		case '"':
			i += stringEnd(v[i:])
			if depth == 0 {
				return i
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
		default:
			if depth == 0 {
				return literalEnd(v)
			}
		}
		i++
	}
	return len(v)
}

// literalEnd returns the length of the number or word that v begins with.
func literalEnd(v jsontext.Value) int {
	if end := bytes.IndexAny(v, ",]} \t\r\n"); end >= 0 {
		return end
	}
	return len(v)
}

// stringEnd returns the length of the string that v begins with.
func stringEnd(v jsontext.Value) int {
	for i := 1; ; i++ {
		switch v[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
}
