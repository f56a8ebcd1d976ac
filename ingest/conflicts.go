package ingest

import (
	"bytes"
	"cmp"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// conflictList returns the open conflicts that a member conflicts lists: each
// once, in order, without blanks, placeholders and words for none. An object
// counts with the text that says what it is about, else as compact JSON. The
// member may also be a single conflict, or no valid JSON, which lists nothing.
func conflictList(v jsontext.Value) []string {
	var list []string
	dec := jsontext.NewDecoder(bytes.NewBuffer(v), lenient...)
	if dec.PeekKind() == '[' {
		dec.ReadToken()
	}
	for {
		item, err := dec.ReadValue()
		if err != nil || len(list) == maxList {
			return eachOnce(list)
		}
		list = append(list, conflictText(item))
	}
}

// conflictText returns one conflict, or "" for what is none.
func conflictText(v jsontext.Value) string {
	var w weight
	var s string
	switch v.Kind() {
	case '"':
		w.add(v[1:len(v)-1], false)
		s = strings.TrimSpace(unquote(v))
	case '{':
		s = conflictTopic(v)
		fallthrough
	default:
		w.values(jsontext.NewDecoder(bytes.NewBuffer(v), lenient...), 0)
		if s == "" {
			v = v.Clone()
			v.Compact(lenient...)
			s = string(v)
		}
	}
	if w.own == 0 && w.slots+w.soft > 0 {
		return ""
	}
	switch strings.ToLower(strings.TrimRight(s, ".")) {
	case "none", "n/a", "no conflicts", "null", "false", "0", "[]", "{}":
		return ""
	}
	return s
}

// conflictTopic returns the member that says what a conflict is about, or "".
func conflictTopic(v jsontext.Value) string {
	names := []string{`"issue"`, `"conflict"`, `"description"`, `"topic"`, `"summary"`}
	topics := make([]string, len(names))
	dec := jsontext.NewDecoder(bytes.NewBuffer(v), lenient...)
	dec.ReadToken()
	for dec.PeekKind() == '"' {
		name, _ := dec.ReadValue()
		i := slices.Index(names, string(name))
		member, err := dec.ReadValue()
		if err == nil && i >= 0 && member.Kind() == '"' && !leavesOpen(member[1:len(member)-1]) {
			topics[i] = strings.TrimSpace(unquote(member))
		}
	}
	return cmp.Or(topics...)
}

// eachOnce returns list without blanks and repetitions, nil if that leaves none.
func eachOnce(list []string) []string {
	seen := make(map[string]bool, len(list))
	list = slices.DeleteFunc(list, func(s string) bool {
		again := s == "" || seen[s]
		seen[s] = true
		return again
	})
	if len(list) == 0 {
		return nil
	}
	return list
}
