package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/consensusd/consensusd/ingest"
	"github.com/consensusd/consensusd/schema"
	"github.com/consensusd/consensusd/serve"
	"github.com/consensusd/consensusd/store"
)

// A receiptReader looks for receipts in a database that may come to be while
// it is waited for.
type receiptReader struct {
	cli   *cli
	store *store.Store // nil until there is a database
	err   error        // why it could not be opened when it was tried last
}

// receipt returns what became of a document, or [store.ErrNotFound], also
// while there is no database to ask.
func (r *receiptReader) receipt(ctx context.Context, doc ingest.Checked) (store.Receipt, error) {
	if r.store == nil {
		var newer *schema.NewerError
		if r.store, r.err = r.cli.open(ctx); errors.As(r.err, &newer) {
			return store.Receipt{}, r.err
		}
		if r.err != nil { // the daemon may be creating or migrating it
			return store.Receipt{}, store.ErrNotFound
		}
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

// await waits for the receipts of what was dropped, for timeout in all.
func (c *cli) await(ctx context.Context, timeout time.Duration, all []*dropping, reader *receiptReader) (errs []error) {
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, errTooLate)
	defer cancel()
	for _, d := range all {
		if d.Outcome != "dropped" {
			continue
		}
		if err := c.awaitOne(ctx, d, reader); err == errTooLate {
			errs = append(errs, c.tooLate(d, timeout, reader.err))
		} else if err != nil {
			return append(errs, err)
		}
	}
	return errs
}

var errTooLate = errors.New("not recorded in time")

// awaitOne looks for the receipt of one document, once at least.
func (c *cli) awaitOne(ctx context.Context, d *dropping, reader *receiptReader) error {
	for pause := minPoll; ; pause = min(2*pause, maxPoll) {
		_, recording := c.Home().Holder() // asked before, for it may stop after recording this
		if err := reader.look(context.WithoutCancel(ctx), d); err != nil || d.Outcome != "dropped" {
			return err
		}
		if !recording {
			return c.hasStopped(d)
		}
		select {
		case <-ctx.Done():
			if context.Cause(ctx) == errTooLate {
				return errTooLate
			}
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}

func (c *cli) hasStopped(d *dropping) *failure {
	return &failure{
		exit: exitFailed, code: "no_daemon", text: d.File + ": the daemon has stopped; it waits in the inbox",
		hint: "start " + c.command("watch") + " again, or run " + c.command("ingest"),
	}
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
		r.refused(d, receipt)
	}
	return nil
}

// reasonPatience is how long a reason may take to be written down after its
// receipt.
const reasonPatience = 5 * time.Second

// refused notes why the daemon has rejected a document: what its reason in failed/
// says, as soon as that is there, and else what its receipt says.
func (r *receiptReader) refused(d *dropping, receipt store.Receipt) {
	f, err := r.cli.Home().FailureOf(d.Name, receipt.SHA256, receipt.Attempts)
	hint := "see " + r.cli.command("failed", "list")
	switch {
	case err == nil:
		d.reject(&f.Rejection)
		hint = f.Hint + "; see " + r.cli.commandOn([]string{f.Name}, "failed", "show")
	case d.refused.IsZero():
		d.refused = time.Now()
		return
	case time.Since(d.refused) < reasonPatience:
		return
	default:
		d.reject(&ingest.Rejection{Code: store.Rejected, Message: receipt.Reason, Hint: hint})
	}
	line := d.File + ": " + d.Reason
	r.cli.complain(line, hint, serve.Error{Code: d.Code, Message: line, Hint: hint})
}

func (c *cli) tooLate(d *dropping, timeout time.Duration, cause error) *failure {
	waited := duration(timeout)
	f := &failure{
		exit: exitFailed, code: "timeout",
		text: fmt.Sprintf("%s: not recorded within %s; it waits in the inbox", d.File, waited.String()),
		hint: "it is recorded with the rest of its run: " + c.command("status") + " shows whom that waits for",
	}
	switch {
	case cause != nil:
		f.hint = cause.Error()
	case d.Kind == "run":
		f.hint = c.command("status") + " shows what the daemon is doing"
	}
	return f
}
