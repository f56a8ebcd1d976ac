package serve

import (
	"io"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// SchemaVersion is the version of the JSON of answers. Members may be added
// under the same version; none is renamed or dropped.
const SchemaVersion = 1

// An Answer is the one object that every answer is.
type Answer struct {
	SchemaVersion int      `json:"schema_version"`
	Data          any      `json:"data"`
	Page          *Page    `json:"page,omitzero"` // of lists only
	Warnings      []string `json:"warnings"`
}

// A Page says how much of a list an answer holds.
type Page struct {
	Returned int    `json:"returned"`
	Next     string `json:"next"` // the cursor of the page after this one; "" when this is the last
}

// A Failure is what is answered instead of an [Answer].
type Failure struct {
	Error Error `json:"error"`
}

// An Error says what failed, on which thing and why, and what to do about it.
type Error struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	Hint    string `json:"hint"` // "" when there is nothing to do
}

// Write writes v as one line of JSON. Lists are never null; texts that are no
// UTF-8 are repaired.
func Write(w io.Writer, v any, options ...json.Options) error {
	options = append(options, jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true), json.Deterministic(true))
	if err := json.MarshalWrite(w, v, options...); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}
