package store

import (
	"context"
	"database/sql"
	"errors"

	"github.com/consensusd/consensusd/dbgen/sqlite"
)

// locked returns a stored run, which nobody else amends until the transaction
// ends.
func locked(ctx context.Context, q sqlite.Querier, runID string) (Record, error) {
	run, err := lockRun(ctx, q, runID)
	if err != nil {
		return Record{}, err
	}
	return withBelongings(ctx, q, run)
}

func lockRun(ctx context.Context, q sqlite.Querier, runID string) (Run, error) {
	run, err := q.LockRun(ctx, runID)
	if errors.Is(err, sql.ErrNoRows) {
		err = errVanished
	}
	return run, err
}

// knownAs reports whether there are receipts and all of their documents are
// recorded, and the run that the last of them belongs to. A copy of a large run is
// told by that, before what is stored is read.
func knownAs(ctx context.Context, q sqlite.Querier, receipts []Receipt) (runID string, known bool, err error) {
	for _, i := range inOrder(receipts, compareReceipts) {
		r, err := q.GetReceipt(ctx, sqlite.GetReceiptParams{SHA256: receipts[i].SHA256, Identity: receipts[i].Identity})
		if errors.Is(err, sql.ErrNoRows) || err == nil && r.State == Rejected {
			return "", false, nil
		}
		if err != nil {
			return "", false, err
		}
		runID = r.RunID
	}
	return runID, len(receipts) > 0, nil
}

// largeEntries is how many bytes of contents are worth preparing statements for
// them alone: a statement that stays prepared keeps what was last bound to it, in
// SQLite's memory, until it is used again.
const largeEntries = 4 << 20

// areLarge reports whether entries hold more than largeEntries bytes.
func areLarge(entries []Entry) bool {
	var bytes int
	for _, e := range entries {
		for _, a := range e.Artifacts {
			bytes += len(a.Content) + len(a.Metadata)
		}
		for _, y := range e.Syntheses {
			bytes += len(y.SynthesizedContent) + len(y.Metadata)
		}
	}
	return bytes > largeEntries
}
