package store

import (
	"context"
	"database/sql"
	"errors"

	"github.com/consensusd/consensusd/dbgen/sqlite"
)

// Rejected is the state in the receipt of a document that was not recorded.
const Rejected = "rejected"

// Reject notes that documents could not be recorded, and why, so that it can
// be asked for. It returns the receipts as they are now: attempts counts how
// often the document was tried, and one that is recorded keeps that receipt.
func (s *Store) Reject(ctx context.Context, receipts ...Receipt) ([]Receipt, error) {
	now := make([]Receipt, len(receipts))
	order := inOrder(receipts, compareReceipts)
	err := s.update(ctx, func(ctx context.Context, tx *sql.Tx, q sqlite.Querier) error {
		var written int64
		for _, i := range order {
			r := receipts[i]
			r.State, r.RunID = Rejected, ""
			n, err := q.InsertReceipt(ctx, sqlite.InsertReceiptParams(r))
			if err != nil {
				return err
			}
			written += n
			now[i], err = q.GetReceipt(ctx, sqlite.GetReceiptParams{SHA256: r.SHA256, Identity: r.Identity})
			if err != nil {
				return err
			}
		}
		if written == 0 {
			return s.engine.persist(ctx, tx)
		}
		return nil
	})
	return now, s.explain("reject", err)
}

// Receipt returns what became of the document with these bytes and this
// identity, or [ErrNotFound] when it was never seen.
func (s *Store) Receipt(ctx context.Context, sha256, identity string) (Receipt, error) {
	r, err := s.read().GetReceipt(ctx, sqlite.GetReceiptParams{SHA256: sha256, Identity: identity})
	return r, s.explain("receipt "+shortHash(sha256), err)
}

// ReceiptsOf returns what became of files with these bytes, under all the
// names they had; none when they were never seen.
func (s *Store) ReceiptsOf(ctx context.Context, sha256 string) ([]Receipt, error) {
	r, err := s.read().ListReceiptsByHash(ctx, sha256)
	return r, s.explain("receipts of "+shortHash(sha256), err)
}

// A DocumentKey names a document: its bytes, and what name and folder add to
// them.
type DocumentKey struct{ SHA256, Identity string }

// Confirm returns for each document the run that it is part of, "" when it is
// part of none. Unlike [Store.IsRecorded] it returns only when that is on stable
// storage, a synchronous standby's included: who deletes or moves a document
// because it is recorded must ask here.
func (s *Store) Confirm(ctx context.Context, documents ...DocumentKey) ([]string, error) {
	runs := make([]string, len(documents))
	err := s.update(ctx, func(ctx context.Context, tx *sql.Tx, q sqlite.Querier) error {
		for _, i := range inOrder(documents, compareDocuments) {
			r, err := q.LockReceipt(ctx, sqlite.LockReceiptParams(documents[i]))
			switch {
			case errors.Is(err, sql.ErrNoRows):
				runs[i] = ""
			case err != nil:
				return err
			default:
				runs[i] = r.RunID
			}
		}
		return s.engine.persist(ctx, tx)
	})
	return runs, s.explain("confirm documents", err)
}

// IsRecorded reports whether the document is part of a run.
func (s *Store) IsRecorded(ctx context.Context, sha256, identity string) (runID string, ok bool, err error) {
	r, err := s.Receipt(ctx, sha256, identity)
	if errors.Is(err, ErrNotFound) {
		return "", false, nil
	}
	return r.RunID, err == nil && r.State != Rejected, err
}
