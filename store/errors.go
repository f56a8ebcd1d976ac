package store

import "fmt"

// A RefusedError reports a run that cannot be recorded for a reason of its
// own, so that trying again will not help and others are not concerned.
type RefusedError struct {
	Code    string // CodeContradiction or CodeRefused
	RunID   string
	Message string
	Hint    string
}

// Codes of a [RefusedError].
const (
	CodeContradiction = "contradiction" // the run is recorded with other content
	CodeRefused       = "refused"       // the database does not take these values
)

func (e *RefusedError) Error() string {
	return fmt.Sprintf("run %s: %s", e.RunID, e.Message)
}

// Contradiction returns the error for a run document that says other things
// about a run than the document recorded before.
func Contradiction(runID, recordedSHA256, refusedSHA256 string) *RefusedError {
	return &RefusedError{
		Code:    CodeContradiction,
		RunID:   runID,
		Message: fmt.Sprintf("a document of other content is recorded for this run: sha256 %s, this one is %s", shortHash(recordedSHA256), shortHash(refusedSHA256)),
		Hint:    "give the new run a run_id of its own, or compare the two with consensusd show",
	}
}
