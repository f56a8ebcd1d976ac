package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/consensusd/consensusd/dbgen/sqlite"
)

// A restored counts what restoring runs did.
type restored struct {
	recorded, amended int64
	problems          []Problem // runs that the database refuses
}

// restoreEach restores runs in one transaction, or each by itself when one of
// them is refused.
func (s *Store) restoreEach(ctx context.Context, records []Record) (all restored, err error) {
	outcomes, err := s.restore(ctx, records)
	var refused *RefusedError
	switch {
	case errors.As(err, &refused) && len(records) == 1:
		all.problems = []Problem{{"run", records[0].Run.RunID, refused.Message}}
		return all, nil
	case errors.As(err, &refused):
		for _, r := range records {
			one, err := s.restoreEach(ctx, []Record{r})
			if err != nil {
				return all, err
			}
			all.recorded += one.recorded
			all.amended += one.amended
			all.problems = append(all.problems, one.problems...)
		}
		return all, nil
	case err != nil:
		return all, err
	}
	for _, o := range outcomes {
		switch o {
		case Recorded:
			all.recorded++
		case Amended:
			all.amended++
		}
	}
	return all, nil
}

// restore records runs as another database has them, in one transaction: with
// their ids and receipts as they are. A run that is there, made from fewer of
// these documents, is brought to what the record says; one that has others too
// stays. When the database refuses one, none is recorded.
func (s *Store) restore(ctx context.Context, records []Record) ([]Outcome, error) {
	outcomes := make([]Outcome, len(records))
	err := s.update(ctx, func(ctx context.Context, _ *sql.Tx, q sqlite.Querier) error {
		for _, i := range inOrder(records, func(a, b Record) int { return compareEntries(Entry{Record: a}, Entry{Record: b}) }) {
			outcome, err := restoreOne(ctx, q, records[i])
			if err != nil && s.engine.refusal(err) {
				err = refuse(records[i].Run.RunID, err.Error())
			}
			if err != nil {
				return fmt.Errorf("run %s: %w", records[i].Run.RunID, err)
			}
			outcomes[i] = outcome
		}
		return nil
	})
	return outcomes, s.explain("restore", err)
}

func restoreOne(ctx context.Context, q sqlite.Querier, r Record) (Outcome, error) {
	if what := unstorable(r); what != "" {
		return "", refuse(r.Run.RunID, what+" holds a NUL character or is no UTF-8")
	}
	isNew, err := q.InsertRun(ctx, sqlite.InsertRunParams(r.Run))
	if err != nil {
		return "", err
	}
	if isNew == 1 {
		if err := restoreReceipts(ctx, q, r, nil); err != nil {
			return "", err
		}
		return Recorded, insertBelongings(ctx, q, r)
	}
	stored, err := locked(ctx, q, r.Run.RunID)
	if err != nil {
		return "", err
	}
	if !hasDocuments(r, stored) {
		return Duplicate, nil // it was amended since it was compared
	}
	if err := restoreReceipts(ctx, q, r, stored.Receipts); err != nil {
		return "", err
	}
	_, err = amend(ctx, q, Entry{Record: r, Merge: func(Record) (Record, error) { return r, nil }}, stored)
	return Amended, err
}

// restoreReceipts inserts the receipts of a run that are not among those stored.
// A document that is part of another run is a reason to refuse this one.
func restoreReceipts(ctx context.Context, q sqlite.Querier, r Record, stored []Receipt) error {
	have := make(map[DocumentKey]bool, len(stored))
	for _, c := range stored {
		have[DocumentKey{c.SHA256, c.Identity}] = true
	}
	for _, i := range inOrder(r.Receipts, compareReceipts) {
		c := r.Receipts[i]
		if have[DocumentKey{c.SHA256, c.Identity}] {
			continue
		}
		n, err := q.InsertReceipt(ctx, sqlite.InsertReceiptParams(c))
		if err != nil {
			return err
		}
		if n == 0 {
			return refuse(r.Run.RunID, fmt.Sprintf("its document %s (sha256 %s) is part of another run there", c.Path, shortHash(c.SHA256)))
		}
	}
	return nil
}
