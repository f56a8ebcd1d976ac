package ingest

import (
	"bytes"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// An object is a JSON object whose values have been checked but not decoded:
// each is a slice of the document's own bytes.
type object struct {
	source  jsontext.Value // the whole of it
	members []member
	pointer string // of the object itself in its document
	bad     *Rejection
}

type member struct {
	name  string
	value jsontext.Value
}

// get returns the first of the named members that is there and not null, with
// its name.
func (o *object) get(names ...string) (jsontext.Value, string) {
	for _, n := range names {
		i := slices.IndexFunc(o.members, func(m member) bool { return m.name == n })
		if i >= 0 && o.members[i].value.Kind() != 'n' {
			return o.members[i].value, n
		}
	}
	return nil, ""
}

func (o *object) has(names ...string) bool {
	v, _ := o.get(names...)
	return v != nil
}

// isKind reports whether the member is there and begins a value of kind k.
func (o *object) isKind(k jsontext.Kind, names ...string) bool {
	v, _ := o.get(names...)
	return v != nil && v.Kind() == k
}

// wrong notes the first member whose value is of the wrong type.
func (o *object) wrong(name, want string) {
	if o.bad == nil {
		o.bad = &Rejection{
			Code: CodeBadValue, Pointer: shorten(o.pointer+"/"+string(jsontext.Pointer("").AppendToken(name)[1:]), maxPointer),
			Message: name + " must be " + want, Hint: "consensusd schema describes the document",
		}
	}
}

// overlong notes a list that is longer than any run needs.
func (o *object) overlong(name string) {
	if o.bad == nil {
		o.wrong(name, "a list of at most 10,000")
		o.bad.Code, o.bad.Hint = CodeTooMany, hintTooMany
	}
}

// adopt takes over what was found wrong with a part of the object.
func (o *object) adopt(part *object) {
	if o.bad == nil {
		o.bad = part.bad
	}
}

// text returns the first of the named members as a string; a number or
// boolean counts as its literal. "" when there is none.
func (o *object) text(names ...string) string {
	v, name := o.get(names...)
	switch {
	case v == nil:
		return ""
	case v.Kind() == '"':
		return unquoted(v)
	case v.Kind() == '{' || v.Kind() == '[':
		o.wrong(name, "a string")
		return ""
	}
	return string(v)
}

// truth returns the first of the named members as a boolean, nil when there is
// none. The words "true" and "false" count as what they mean.
func (o *object) truth(names ...string) *bool {
	v, name := o.get(names...)
	var b bool
	switch {
	case v == nil:
		return nil
	case v.Kind() == 't' || v.Kind() == '"' && strings.EqualFold(unquoted(v), "true"):
		b = true
	case v.Kind() == 'f' || v.Kind() == '"' && strings.EqualFold(unquoted(v), "false"):
	default:
		o.wrong(name, "true or false")
		return nil
	}
	return &b
}

// agents returns the first of the named members as a list of agents in normal
// form, each once. A single string is a list of one.
func (o *object) agents(names ...string) []string {
	v, name := o.get(names...)
	if v == nil {
		return nil
	}
	all := elements(v)
	if len(all) > maxList {
		o.overlong(name)
		return nil
	}
	list := []string{}
	for _, e := range all {
		if e.Kind() != '"' {
			o.wrong(name, "a list of agents")
			return nil
		}
		if a := agentName(unquoted(e)); a != "" {
			list = append(list, a)
		}
	}
	return union([]string{}, list)
}

// object returns the named member as an object, nil when it is none.
func (o *object) object(name string) *object {
	v, _ := o.get(name)
	if v == nil || v.Kind() != '{' {
		return nil
	}
	return objectOf(v, o.pointer+"/"+name)
}

// objectOf opens a value that has been checked and is an object.
func objectOf(v jsontext.Value, pointer string) *object {
	o := &object{source: v, pointer: pointer}
	for name, value := range membersIn(v) {
		if len(o.members) == maxList {
			return &object{pointer: pointer, bad: &Rejection{Code: CodeTooMany, Pointer: shorten(pointer, maxPointer), Message: errTooMany.Error(), Hint: hintTooMany}}
		}
		o.members = append(o.members, member{name, value})
	}
	return o
}

// maxList bounds what one document may list: answers, agents, conflicts and the members of
// an object. It is far beyond any run, and keeps a small file from becoming
// millions of rows.
const maxList = 10_000

// tooMany reports whether a value that has been checked is a list of more than maxList elements.
func tooMany(v jsontext.Value) bool { return len(elements(v)) > maxList }

// elements returns the elements of a list that has been checked, or the value
// itself where it is no list: one more than maxList at most.
func elements(v jsontext.Value) (list []jsontext.Value) {
	for e := range elementsOf(v) {
		if list = append(list, e); len(list) > maxList {
			break
		}
	}
	return list
}

// unquoted returns the text of a JSON string that has been checked.
func unquoted(v jsontext.Value) string {
	if bytes.IndexByte(v, '\\') < 0 {
		return string(v[1 : len(v)-1])
	}
	b, err := jsontext.AppendUnquote(make([]byte, 0, len(v)), v)
	if err != nil {
		return ""
	}
	return textOf(b)
}

// jsonText returns any value as JSON text; what is given is known to marshal.
func jsonText(v any) string {
	b, err := json.Marshal(v, json.Deterministic(true))
	if err != nil {
		panic(err)
	}
	return string(b)
}
