package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"github.com/consensusd/consensusd/dbgen/sqlite"
)

// An Outcome is what recording did.
type Outcome string

// The outcomes.
const (
	Recorded  Outcome = "recorded"  // the run is new
	Amended   Outcome = "amended"   // the run was there, and has more to it now
	Duplicate Outcome = "duplicate" // nothing new was said
	Refused   Outcome = "refused"   // see Result.Err
	Stale     Outcome = "stale"     // some of the documents are recorded elsewhere: read the others again without them
)

// An Entry is one run to record.
type Entry struct {
	Record
	// Merge returns what the run shows when the documents of this entry are
	// added to what is stored. It is called within the transaction, and only
	// when the run is there already and this entry has a document that is not,
	// or none at all. Its result must not depend on the order in which
	// documents came, and keeps the run's id, spec, stage and syntheses. An
	// error refuses the entry: one that is no [*RefusedError] says that what is
	// stored cannot be read. Without Merge, a run that is there and differs
	// is a contradiction.
	Merge func(stored Record) (Record, error)
}

// A Result tells what became of an [Entry].
type Result struct {
	Outcome Outcome
	RunID   string        // the run it is part of; for a duplicate, the one recorded before
	Err     *RefusedError // when Refused
}

// Record records one run whole, in one transaction, and reports whether it was
// new. The same run again is a [Duplicate]; the same run_id with other content
// is a [*RefusedError] of code [CodeContradiction]. Ids of artifacts and
// syntheses need not be given: they are made as [ArtifactID] says.
func (s *Store) Record(ctx context.Context, r Record) (Outcome, error) {
	results, err := s.RecordAll(ctx, []Entry{{Record: withIDs(r)}})
	if err != nil {
		return "", err
	}
	if results[0].Err != nil {
		return Refused, results[0].Err
	}
	return results[0].Outcome, nil
}

// RecordAll records many runs in one transaction: the more, the cheaper. Each
// is recorded whole or not at all; one that is refused does not disturb the
// others. When the error is not nil nothing at all was recorded, and the cause
// lies with the database, not with a run.
func (s *Store) RecordAll(ctx context.Context, entries []Entry) ([]Result, error) {
	results, err := s.recordAll(ctx, entries, s.recordPlainly)
	if errors.Is(err, errUndo) {
		results, err = s.recordAll(ctx, entries, s.recordOrUndo)
	}
	return results, s.explain("record", err)
}

// recording records one entry within a transaction.
type recording func(ctx context.Context, tx *sql.Tx, q sqlite.Querier, e Entry) (Result, error)

func (s *Store) recordAll(ctx context.Context, entries []Entry, recordOne recording) ([]Result, error) {
	results := make([]Result, len(entries))
	order := inOrder(entries, compareEntries)
	large := areLarge(entries)
	err := s.update(ctx, func(ctx context.Context, tx *sql.Tx, q sqlite.Querier) error {
		if large {
			q = s.engine.read(tx)
		}
		for _, i := range order {
			r, err := recordOne(ctx, tx, q, entries[i])
			if err != nil {
				return fmt.Errorf("run %s: %w", entries[i].Run.RunID, err)
			}
			results[i] = r
		}
		if !slices.ContainsFunc(results, func(r Result) bool { return r.Outcome == Recorded || r.Outcome == Amended }) {
			return s.engine.persist(ctx, tx) // a duplicate is one when the other is safe
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return results, nil
}

// errUndo reports an entry that turned out to be known or refused when there was
// no savepoint to go back to.
var errUndo = errors.New("an entry must be undone")

// recordPlainly records e in the hope, mostly fulfilled, that it is new: a
// savepoint costs two round trips to a server.
func (s *Store) recordPlainly(ctx context.Context, _ *sql.Tx, q sqlite.Querier, e Entry) (Result, error) {
	r, err := record(ctx, q, e)
	var refused *RefusedError
	switch {
	case errors.As(err, &refused), isDamage(err), err != nil && s.engine.refusal(err):
		return Result{}, errUndo
	case err == nil && r.Outcome != Recorded && r.Outcome != Amended:
		return Result{}, errUndo
	}
	return r, err
}

// recordOrUndo records e under a savepoint, which it undoes when e turns out to
// be known or refused.
func (s *Store) recordOrUndo(ctx context.Context, tx *sql.Tx, q sqlite.Querier, e Entry) (Result, error) {
	if _, err := tx.ExecContext(ctx, "SAVEPOINT entry"); err != nil {
		return Result{}, err
	}
	result, err := record(ctx, q, e)
	if err != nil {
		var refused *RefusedError
		switch {
		case errors.As(err, &refused):
		case isDamage(err):
			refused = unreadable(e.Run.RunID, err)
		case s.engine.refusal(err):
			refused = &RefusedError{Code: CodeRefused, RunID: e.Run.RunID, Message: err.Error()}
		default:
			return Result{}, err
		}
		result = Result{Refused, e.Run.RunID, refused}
	}
	if result.Outcome != Recorded && result.Outcome != Amended {
		if _, err := tx.ExecContext(ctx, "ROLLBACK TO entry"); err != nil {
			return Result{}, err
		}
	}
	_, err = tx.ExecContext(ctx, "RELEASE entry")
	return result, err
}

func record(ctx context.Context, q sqlite.Querier, e Entry) (Result, error) {
	if e.Run.RunID == "" || e.Run.SpecID == "" || e.Run.Stage == "" {
		return Result{}, refuse(e.Run.RunID, "run_id, spec_id and stage must not be empty")
	}
	if what := unstorable(e.Record); what != "" {
		return Result{}, refuse(e.Run.RunID, what+" holds a NUL character or is no UTF-8")
	}
	isNew, err := q.InsertRun(ctx, sqlite.InsertRunParams(e.Run))
	if err != nil {
		return Result{}, err
	}
	outcome := Recorded
	var stored Record
	if isNew == 0 {
		outcome = Amended
		run, err := lockRun(ctx, q, e.Run.RunID)
		if err != nil {
			return Result{}, err
		}
		if runID, known, err := knownAs(ctx, q, e.Receipts); known || err != nil {
			return Result{Outcome: Duplicate, RunID: runID}, err
		}
		if stored, err = withBelongings(ctx, q, run); err != nil { // before this entry's receipts are among its own
			return Result{}, err
		}
	}
	known, runID, err := insertReceipts(ctx, q, e.Record, outcome)
	switch {
	case err != nil:
		return Result{}, err
	case known > 0 && known == len(e.Receipts):
		return Result{Outcome: Duplicate, RunID: runID}, nil
	case known > 0:
		return Result{Outcome: Stale, RunID: e.Run.RunID}, nil
	case outcome == Recorded:
		if err := notArchived(ctx, q, e.Run.RunID); err != nil {
			return Result{}, err
		}
		return Result{Outcome: Recorded, RunID: e.Run.RunID}, insertBelongings(ctx, q, e.Record)
	}
	changed, err := amend(ctx, q, e, stored)
	if err != nil {
		return Result{}, err
	}
	if !changed && len(e.Receipts) == 0 {
		outcome = Duplicate
	}
	return Result{Outcome: outcome, RunID: e.Run.RunID}, nil
}

// insertReceipts returns how many of the receipts of rec were there before, and
// the run that the last of those belongs to.
func insertReceipts(ctx context.Context, q sqlite.Querier, rec Record, state Outcome) (known int, runID string, err error) {
	for _, i := range inOrder(rec.Receipts, compareReceipts) {
		r := rec.Receipts[i]
		r.State, r.RunID = string(state), rec.Run.RunID
		n, err := q.InsertReceipt(ctx, sqlite.InsertReceiptParams(r))
		if err != nil {
			return 0, "", err
		}
		if n == 1 {
			continue
		}
		known++
		old, err := q.GetReceipt(ctx, sqlite.GetReceiptParams{SHA256: r.SHA256, Identity: r.Identity})
		if err != nil {
			return 0, "", err
		}
		runID = old.RunID
	}
	return known, runID, nil
}

// insertBelongings inserts what belongs to a run and is not there yet.
func insertBelongings(ctx context.Context, q sqlite.Querier, r Record) error {
	for _, a := range r.Artifacts {
		n, err := q.InsertArtifact(ctx, sqlite.InsertArtifactParams(a))
		if err != nil {
			return fmt.Errorf("artifact of %s: %w", a.Agent, err)
		}
		if n == 0 || a.ArtifactID == "" {
			return refuse(a.RunID, fmt.Sprintf("artifact id %q of %s is empty or taken", a.ArtifactID, a.Agent))
		}
	}
	for _, y := range r.Syntheses {
		n, err := q.InsertSynthesis(ctx, sqlite.InsertSynthesisParams(y))
		if err != nil {
			return fmt.Errorf("synthesis: %w", err)
		}
		if n == 0 || y.SynthesisID == "" {
			return refuse(y.RunID, fmt.Sprintf("synthesis id %q is empty or taken", y.SynthesisID))
		}
	}
	for _, f := range r.Findings {
		if _, err := q.InsertFinding(ctx, sqlite.InsertFindingParams(f)); err != nil {
			return fmt.Errorf("finding %s: %w", f.Code, err)
		}
	}
	return nil
}

func refuse(runID, why string) *RefusedError {
	return &RefusedError{Code: CodeRefused, RunID: runID, Message: why}
}

// withIDs completes what a caller of Record may leave out. An answer that is
// there twice counts once.
func withIDs(r Record) Record {
	at := Time(r.Run.Timestamp)
	r.Artifacts = each(r.Artifacts, func(a *Artifact) string {
		a.RunID, a.CreatedAt = r.Run.RunID, cmp.Or(a.CreatedAt, r.Run.Timestamp)
		a.ArtifactID = ArtifactID(at, a.RunID, a.Agent, a.Content)
		return a.ArtifactID
	})
	r.Syntheses = each(r.Syntheses, func(y *Synthesis) string {
		y.RunID, y.CreatedAt = r.Run.RunID, cmp.Or(y.CreatedAt, r.Run.Timestamp)
		y.SynthesisID, y.ConsensusVerdict = SynthesisID(at, y.RunID, y.SynthesizedContent), Verdict(r.Run)
		return y.SynthesisID
	})
	r.Findings = each(r.Findings, func(f *Finding) Finding {
		f.RunID = r.Run.RunID
		return *f
	})
	return r
}

// each returns a copy of rows that complete has completed, the first of every
// key that it returns.
func each[Row any, Key comparable](rows []Row, complete func(*Row) Key) []Row {
	var done []Row
	seen := map[Key]bool{}
	for _, row := range rows {
		if key := complete(&row); !seen[key] {
			seen[key] = true
			done = append(done, row)
		}
	}
	return done
}
