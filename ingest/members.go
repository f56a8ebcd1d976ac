package ingest

import (
	"bytes"
	"cmp"
	"math"
	"slices"

	"github.com/go-json-experiment/json/jsontext"
)

// members are the members of a JSON object that is being put together. Of
// several of one name the last counts.
type members []member

func (m *members) set(name string, value jsontext.Value) { *m = append(*m, member{name, value}) }

func (m *members) setText(name, text string) { m.set(name, jsontext.Value(jsonText(text))) }

// membersOf returns the members of an object that we wrote ourselves: what several
// documents said may be more than one may say.
func membersOf(text []byte) members {
	o, err := readObject(text, math.MaxInt)
	if err != nil {
		return nil
	}
	return o.members
}

// take sets all members of o that are not null.
func (m *members) take(o *object) {
	for _, e := range o.members {
		if e.value.Kind() != 'n' {
			m.set(e.name, e.value)
		}
	}
}

// get returns the text of a member that is a string, else "".
func (m members) get(name string) string {
	for _, e := range slices.Backward(m) {
		if e.name == name && e.value.Kind() == '"' {
			return unquoted(e.value)
		}
	}
	return ""
}

// failure returns what the member error says, "" when there was no error.
func (m members) failure() string {
	for _, e := range slices.Backward(m) {
		if e.name == "error" {
			return failureText(e.value)
		}
	}
	return ""
}

// object returns the members as JSON text, sorted by name, so that the same
// members always make the same text.
func (m members) object() jsontext.Value {
	each := m.each()
	size := len("{}")
	for _, e := range each {
		size += 2*len(e.name) + len(e.value) + len(`"":,`)
	}
	text := append(make([]byte, 0, size), '{')
	for _, e := range each {
		if len(text) > 1 {
			text = append(text, ',')
		}
		text = append(text, jsonText(e.name)...)
		text = append(text, ':')
		text = append(text, e.value...)
	}
	return append(text, '}')
}

// without returns the members of all other names.
func (m members) without(name string) members {
	return slices.DeleteFunc(slices.Clone(m), func(e member) bool { return e.name == name })
}

// each returns the members that count, sorted by name.
func (m members) each() (each members) {
	m = slices.Clone(m)
	slices.SortStableFunc(m, func(a, b member) int { return cmp.Compare(a.name, b.name) })
	for i, e := range m {
		if i+1 == len(m) || m[i+1].name != e.name {
			each = append(each, e)
		}
	}
	return each
}

// join returns the members of both. Of two of one name the lesser value
// counts, whichever of them comes first.
func (m members) join(other members) members {
	all := slices.Concat(m.each(), other.each())
	slices.SortFunc(all, func(a, b member) int { return cmp.Or(cmp.Compare(a.name, b.name), bytes.Compare(b.value, a.value)) })
	return all.each()
}

// union adds to a what it has not yet of b, each once.
func union(a, b []string) []string {
	seen := make(map[string]bool, len(a)+len(b))
	for _, s := range a {
		seen[s] = true
	}
	for _, s := range b {
		if !seen[s] {
			seen[s] = true
			a = append(a, s)
		}
	}
	return a
}
