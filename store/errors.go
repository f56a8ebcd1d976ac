package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/consensusd/consensusd/dbgen/sqlite"
)

// A RefusedError reports a run that cannot be recorded for a reason of its
// own, so that others are not concerned; nor will trying again help, but with
// [CodeDamaged].
type RefusedError struct {
	Code    string // one of those below
	RunID   string
	Message string
	Hint    string
}

// Codes of a [RefusedError].
const (
	CodeContradiction = "contradiction" // the run is recorded with other content
	CodeRefused       = "refused"       // the database does not take these values
	CodeArchived      = "archived"      // the run is in the archive
	CodeDeleted       = "deleted"       // the run was deleted by retention
	CodeDamaged       = "damaged"       // what is recorded of the run cannot be read: no fault of what was to be added
)

// ErrDamaged reports rows that hold what their columns are not for, such as a
// list that is no JSON: what is asked for is there, and cannot be read.
var ErrDamaged = errors.New("what is recorded cannot be read")

const damagedRemedy = "consensusd verify tells what is damaged, consensusd restore brings back a backup"

// isDamage reports whether rows were found and could not be read. [database/sql]
// has no type for that.
func isDamage(err error) bool {
	return errors.Is(err, ErrDamaged) || err != nil && strings.Contains(err.Error(), "sql: Scan error on column")
}

func unreadable(runID string, err error) *RefusedError {
	return &RefusedError{Code: CodeDamaged, RunID: runID, Message: err.Error(), Hint: damagedRemedy}
}

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

// notArchived refuses what comes for a run that retention took away: beginning it
// anew would record half of it.
func notArchived(ctx context.Context, q sqlite.Querier, runID string) error {
	r, err := q.GetArchivedRun(ctx, runID)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil
	case err != nil:
		return err
	case r.State == Deleted:
		return &RefusedError{CodeDeleted, runID, "it was recorded, archived and then deleted by retention", "give a new run a run_id of its own"}
	}
	return &RefusedError{CodeArchived, runID, "it is in the archive", "bring it back with consensusd archive restore, then consensusd failed retry"}
}
