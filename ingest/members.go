package ingest

import (
	"cmp"
	"slices"

	"github.com/go-json-experiment/json/jsontext"
)

// members are the members of a JSON object that is being put together. Of
// several of one name the last counts.
type members []member

func (m *members) set(name string, value jsontext.Value) { *m = append(*m, member{name, value}) }

func (m *members) setText(name, text string) { m.set(name, jsontext.Value(jsonText(text))) }

// merge sets all members of an object that are not null; what is no object is
// left out.
func (m *members) merge(v jsontext.Value) {
	if v.Kind() != '{' {
		return
	}
	for _, e := range objectOf(v, "").members {
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

// object returns the members as JSON text, sorted by name, so that the same
// members always make the same text.
func (m members) object() jsontext.Value {
	m = slices.Clone(m)
	slices.SortStableFunc(m, func(a, b member) int { return cmp.Compare(a.name, b.name) })
	text := []byte{'{'}
	for i, e := range m {
		if i+1 < len(m) && m[i+1].name == e.name {
			continue
		}
		if len(text) > 1 {
			text = append(text, ',')
		}
		text = append(text, jsonText(e.name)...)
		text = append(text, ':')
		text = append(text, e.value...)
	}
	return append(text, '}')
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
