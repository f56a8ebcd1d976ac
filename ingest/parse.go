package ingest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// maxPointer is how much of a JSON pointer is worth reading.
const maxPointer = 200

// parseObject reads data as exactly one JSON object, strictly: UTF-8, no
// duplicate names, nothing after it, no deeper than 10,000 levels (jsontext's
// own limit). A strict prefix of an object, as of a file half written, is an
// unfinished rejection; whatever cannot become an object by growing is not.
func parseObject(data []byte) (*object, *Rejection) {
	text := bytes.TrimPrefix(data, []byte("\uFEFF")) // a byte order mark is harmless
	first := bytes.TrimLeft(text, " \t\r\n")
	if len(first) == 0 {
		return nil, &Rejection{Code: CodeEmpty, Message: "the file is empty", Hint: "write the whole document, then rename it into the inbox", unfinished: true}
	}
	if r := checkUTF8(data); r != nil {
		return nil, r
	}
	if first[0] != '{' && jsontext.Value(first[:1]).Kind() != 0 {
		r := &Rejection{Code: CodeNotObject, Message: "the document is no JSON object", Hint: "a document begins with { ; consensusd schema describes it"}
		return nil, r.at(data, len(data)-len(first))
	}
	o, err := readObject(text, maxList)
	if err != nil {
		return nil, syntaxRejection(data, len(data)-len(text), err)
	}
	return o, nil
}

// readObject reads text as one object of at most so many members.
func readObject(text []byte, most int) (*object, error) {
	dec := jsontext.NewDecoder(bytes.NewBuffer(text))
	o, err := objectFrom(dec, text, most)
	if err != nil {
		return nil, err
	}
	end := dec.InputOffset()
	if rest := bytes.TrimLeft(text[end:], " \t\r\n"); len(rest) > 0 {
		return nil, &trailingError{len(text) - len(rest)}
	}
	return o, nil
}

type trailingError struct{ offset int }

func (e *trailingError) Error() string { return "something follows the JSON object" }

// objectFrom reads one object; its values are slices of text.
func objectFrom(dec *jsontext.Decoder, text []byte, most int) (*object, error) {
	if _, err := dec.ReadToken(); err != nil { // {
		return nil, noEOF(err)
	}
	start := int(dec.InputOffset()) - 1
	o := &object{}
	for {
		name, err := dec.ReadToken()
		if err != nil {
			return nil, noEOF(err)
		}
		if name.Kind() == '}' {
			o.source = jsontext.Value(text[start:dec.InputOffset()])
			return o, nil
		}
		key := name.String()
		value, err := dec.ReadValue()
		if err != nil {
			return nil, noEOF(err)
		}
		if len(o.members) == most {
			return nil, errTooMany
		}
		end := int(dec.InputOffset())
		o.members = append(o.members, member{key, jsontext.Value(text[end-len(value) : end])})
	}
}

var errTooMany = errors.New("an object of more than 10,000 members")

const hintTooMany = "put large structures into content as text"

// noEOF says that an end within an object is not the end of the input.
func noEOF(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// checkUTF8 finds the first byte that is no UTF-8. A character cut off at the
// very end is what a half-written file ends with.
func checkUTF8(data []byte) *Rejection {
	if utf8.Valid(data) {
		return nil
	}
	for i := 0; i < len(data); {
		c, size := utf8.DecodeRune(data[i:])
		if c == utf8.RuneError && size == 1 {
			r := &Rejection{Code: CodeInvalidUTF8, Message: fmt.Sprintf("byte 0x%02x is no UTF-8", data[i]), Hint: "write the document as UTF-8"}
			r.unfinished = !utf8.FullRune(data[i:])
			return r.at(data, i)
		}
		i += size
	}
	return nil
}

// syntaxRejection explains an error of the JSON decoder, whose offsets begin
// skipped bytes into data.
func syntaxRejection(data []byte, skipped int, err error) *Rejection {
	var trailing *trailingError
	if errors.As(err, &trailing) {
		r := &Rejection{Code: CodeTrailing, Message: trailing.Error(), Hint: "one file holds one document"}
		return r.at(data, skipped+trailing.offset)
	}
	if errors.Is(err, errTooMany) {
		return &Rejection{Code: CodeTooMany, Message: err.Error(), Hint: hintTooMany}
	}
	r := &Rejection{Code: CodeSyntax, Message: err.Error(), Hint: "write the document with a JSON library, not by pasting strings together"}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		r.Code, r.Message, r.unfinished = CodeTruncated, "the document ends in the middle", true
		r.Hint = "write the whole document, then rename it into the inbox"
		return r.at(data, len(data))
	}
	var syntax *jsontext.SyntacticError
	if !errors.As(err, &syntax) {
		return r
	}
	r.Pointer = shorten(string(syntax.JSONPointer), maxPointer)
	switch {
	case errors.Is(err, jsontext.ErrDuplicateName):
		r.Code, r.Message = CodeDuplicateName, "the name "+quote(syntax.JSONPointer.LastToken())+" stands twice in one object"
		r.Hint = "give every member a name of its own: of two, no reader knows which counts"
	case strings.Count(string(syntax.JSONPointer), "/") >= 9_999: // the last level has no pointer of its own
		r.Code, r.Message, r.Hint = CodeTooDeep, "nested deeper than 10,000 levels", "put deep structures into content as text"
	case syntax.Err != nil:
		r.Message = syntax.Err.Error()
	}
	offset := skipped + int(syntax.ByteOffset)
	if start, word := bareWord(data, offset); word != "" {
		offset, r.Message = start, "the bare word "+quote(word)+" is no JSON"
	}
	return r.at(data, offset)
}

// bareWord returns the word around offset and where it begins, "" when there
// is none: the decoder stops in the middle of a word that is no literal.
func bareWord(data []byte, offset int) (start int, word string) {
	isLetter := func(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' || c == '_' }
	if offset <= 0 || offset >= len(data) || !isLetter(data[offset]) || !isLetter(data[offset-1]) {
		return 0, ""
	}
	for start = offset; start > 0 && isLetter(data[start-1]) && offset-start < len("false"); start-- {
	}
	end := offset
	for end < len(data) && isLetter(data[end]) && end-start < 40 {
		end++
	}
	return start, string(data[start:end])
}
