package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/consensusd/consensusd/dbgen/sqlite"
)

// restoreEach restores runs in one transaction, or each by itself when one of
// them is refused; those that are it returns.
func (s *Store) restoreEach(ctx context.Context, records []Record) (problems []Problem, err error) {
	err = s.restore(ctx, records)
	var refused *RefusedError
	switch {
	case !errors.As(err, &refused):
		return nil, err
	case len(records) == 1:
		return []Problem{{"run_refused", "run", records[0].Run.RunID, refused.Message}}, nil
	}
	for _, r := range records {
		one, err := s.restoreEach(ctx, []Record{r})
		if err != nil {
			return problems, err
		}
		problems = append(problems, one...)
	}
	return problems, nil
}

// restore records runs as another database has them, in one transaction: with
// their ids and receipts as they are. A run that is there, made from fewer of
// these documents, is brought to what the record says; any other stays. When the
// database refuses one, none is recorded.
func (s *Store) restore(ctx context.Context, records []Record) error {
	order := inOrder(records, func(a, b Record) int { return cmp.Compare(a.Run.RunID, b.Run.RunID) })
	err := s.update(ctx, func(ctx context.Context, _ *sql.Tx, q sqlite.Querier) error {
		for _, i := range order {
			err := restoreOne(ctx, q, records[i])
			if err != nil && s.engine.refusal(err) {
				err = refuse(records[i].Run.RunID, err.Error())
			}
			if err != nil {
				return fmt.Errorf("run %s: %w", records[i].Run.RunID, err)
			}
		}
		return nil
	})
	return s.explain("restore", err)
}

func restoreOne(ctx context.Context, q sqlite.Querier, r Record) error {
	if what := unstorable(r); what != "" {
		return refuse(r.Run.RunID, what+" holds a NUL character or is no UTF-8")
	}
	isNew, err := q.InsertRun(ctx, sqlite.InsertRunParams(r.Run))
	if err != nil {
		return err
	}
	if isNew == 1 {
		if err := notArchived(ctx, q, r.Run.RunID); err != nil {
			return err
		}
		if err := restoreReceipts(ctx, q, r, nil); err != nil {
			return err
		}
		return insertBelongings(ctx, q, r)
	}
	stored, err := locked(ctx, q, r.Run.RunID)
	if err != nil || !hasMore(r, stored) {
		return err // it may have been amended since it was compared
	}
	if err := restoreReceipts(ctx, q, r, stored.Receipts); err != nil {
		return err
	}
	_, err = amend(ctx, q, Entry{Record: r, Merge: func(Record) (Record, error) { return r, nil }}, stored)
	return err
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
