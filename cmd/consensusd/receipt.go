package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/consensusd/consensusd/ingest"
	"github.com/consensusd/consensusd/serve"
	"github.com/consensusd/consensusd/store"
)

// A receiptReader looks for receipts in a database that may come to be while
// it is waited for.
type receiptReader struct {
	cli   *cli
	store *store.Store // nil until there is a database
}

// receipt returns what became of a document, or [store.ErrNotFound],
// [store.ErrNoDatabase] included.
func (r *receiptReader) receipt(ctx context.Context, doc ingest.Checked) (store.Receipt, error) {
	if r.store == nil {
		s, err := r.cli.open(ctx)
		if errors.Is(err, store.ErrNoDatabase) {
			return store.Receipt{}, store.ErrNotFound
		}
		if err != nil {
			return store.Receipt{}, err
		}
		r.store = s
	}
	return r.store.Receipt(ctx, doc.SHA256, doc.Identity)
}

// settle notes the run that a receipt names, and its verdict.
func (r *receiptReader) settle(ctx context.Context, d *dropping, receipt store.Receipt) error {
	d.RunID = receipt.RunID
	run, err := r.store.Run(ctx, receipt.RunID)
	switch {
	case errors.Is(err, store.ErrNotFound): // a receipt outlives its run
		return nil
	case err != nil:
		return err
	}
	d.Verdict = store.Verdict(run)
	return nil
}

func (r *receiptReader) close() {
	if r.store != nil {
		r.store.Close()
	}
}

// Bounds of the pause between two looks for a receipt.
const minPoll, maxPoll = 20 * time.Millisecond, 100 * time.Millisecond

// await waits for the receipts of what was dropped.
func (c *cli) await(ctx context.Context, timeout time.Duration, all []*dropping, reader *receiptReader) error {
	deadline := time.Now().Add(timeout)
	for _, d := range all {
		for pause := minPoll; d.Outcome == "dropped"; pause = min(2*pause, maxPoll) {
			if err := reader.look(ctx, d); err != nil {
				return err
			}
			if d.Outcome != "dropped" {
				break
			}
			if _, recording := c.Home().Holder(); !recording {
				return c.nobodyRecords()
			}
			if time.Now().Add(pause).After(deadline) {
				return c.tooLate(d, timeout)
			}
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(pause):
			}
		}
	}
	return nil
}

// look asks once what has become of a document.
func (r *receiptReader) look(ctx context.Context, d *dropping) error {
	receipt, err := r.receipt(ctx, d.doc)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil
	case err != nil:
		return err
	case receipt.State != store.Rejected:
		d.Outcome = receipt.State
		return r.settle(ctx, d, receipt)
	case receipt.Attempts > d.attempts:
		d.Outcome, d.Reason = store.Rejected, receipt.Reason
		line, hint := d.File+": "+receipt.Reason, "see "+r.cli.command("failed", "list")
		r.cli.complain(line, hint, serve.Error{Code: store.Rejected, Message: line, Hint: hint})
	}
	return nil
}

func (c *cli) tooLate(d *dropping, timeout time.Duration) *failure {
	d2 := duration(timeout)
	f := &failure{
		exit: exitFailed, code: "timeout",
		text: fmt.Sprintf("%s: not recorded within %s; it waits in the inbox", d.File, d2.String()),
		hint: "it is recorded with the rest of its run: " + c.command("status") + " shows whom that waits for",
	}
	if d.Kind == "run" {
		f.hint = c.command("status") + " shows what the daemon is doing"
	}
	return f
}
