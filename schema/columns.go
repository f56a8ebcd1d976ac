package schema

import (
	"database/sql/driver"
	"fmt"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Strings is a column that holds a JSON array of strings, '[]' when there are
// none and never NULL when written. NULL reads as none.
type Strings []string

// Value implements [driver.Valuer].
func (s Strings) Value() (driver.Value, error) {
	if len(s) == 0 {
		return "[]", nil
	}
	b, err := json.Marshal([]string(s), jsontext.AllowInvalidUTF8(true))
	return string(b), err
}

// Scan implements [database/sql.Scanner]. The result is never nil.
func (s *Strings) Scan(src any) error {
	text, err := columnText(src)
	if err != nil {
		return err
	}
	*s = Strings{}
	if text == "" {
		return nil
	}
	if err := json.Unmarshal([]byte(text), (*[]string)(s)); err != nil {
		return fmt.Errorf("column is no JSON array of strings: %w", err)
	}
	if *s == nil {
		*s = Strings{}
	}
	return nil
}

// Object is a column that holds a JSON object as text, '{}' when empty.
type Object string

// Value implements [driver.Valuer].
func (o Object) Value() (driver.Value, error) {
	if o == "" {
		return "{}", nil
	}
	return string(o), nil
}

// Scan implements [database/sql.Scanner]; NULL reads as the empty object.
func (o *Object) Scan(src any) error {
	text, err := columnText(src)
	if err != nil {
		return err
	}
	if text == "" {
		text = "{}"
	}
	*o = Object(text)
	return nil
}

// MarshalJSON returns the object as it is, so that it nests in other JSON.
func (o Object) MarshalJSON() ([]byte, error) {
	if o == "" {
		return []byte("{}"), nil
	}
	return []byte(o), nil
}

// UnmarshalJSON keeps the text of any JSON object.
func (o *Object) UnmarshalJSON(b []byte) error {
	*o = Object(b)
	return nil
}

// A Verdict is what became of a run.
type Verdict string

// The verdicts, best first.
const (
	Unanimous Verdict = "unanimous" // consensus, with everyone expected
	Degraded  Verdict = "degraded"  // consensus, but somebody was missing
	Failed    Verdict = "failed"    // no consensus
)

// VerdictOf returns the verdict on a run: not ok is failed whatever else.
func VerdictOf(ok, degraded bool) Verdict {
	switch {
	case !ok:
		return Failed
	case degraded:
		return Degraded
	}
	return Unanimous
}

// Value implements [driver.Valuer].
func (v Verdict) Value() (driver.Value, error) { return string(v), nil }

// Scan implements [database/sql.Scanner].
func (v *Verdict) Scan(src any) error {
	text, err := columnText(src)
	*v = Verdict(text)
	return err
}

func columnText(src any) (string, error) {
	switch src := src.(type) {
	case nil:
		return "", nil
	case string:
		return src, nil
	case []byte:
		return string(src), nil
	}
	return "", fmt.Errorf("column holds a %T, not text", src)
}
