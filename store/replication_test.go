package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/consensusd/consensusd/store/postgrestest"
)

func TestWhatNoStandbyHasIsNotSaidToBeRecorded(t *testing.T) {
	t.Parallel()
	server := postgrestest.StartOwn(t)
	target := server.Database(t)
	admin := plainPostgres(t, server.As(postgrestest.Superuser, target))
	proxy, through := newProxy(t, target)
	s := open(t, through)

	for name, accident := range map[string]int32{"warning first": none, "warning with success": answerAtOnce} {
		t.Run("a commit that gave up, "+name, func(t *testing.T) {
			want := sample(int(accident))
			demandStandby(t, admin)
			proxy.next.Store(accident)
			recorded := begin(func() error {
				outcome, err := s.Record(t.Context(), want)
				if outcome != Recorded && outcome != Duplicate {
					err = errors.Join(err, fmt.Errorf("outcome %q", outcome))
				}
				return err
			})
			first := mustWait(t, admin, recorded)
			giveUp(t, admin)
			second := mustWait(t, admin, recorded, first...)
			giveUp(t, admin)
			mustWait(t, admin, recorded, append(first, second...)...)
			releaseCommits(t, admin)
			mustSucceed(t, recorded)
			if diff := cmp.Diff(want, mustWhole(t, s, want.Run.RunID)); diff != "" {
				t.Errorf("run (-want +got):\n%s", diff)
			}
		})
	}

	// A server that has crashed while it waited shows the transaction as well.
	t.Run("a run that was seen before its standby had it", func(t *testing.T) {
		r := sample(5)
		c := r.Receipts[0]
		believer := open(t, target)
		demandStandby(t, admin)
		inserted := begin(func() error {
			tx, err := believer.writer.BeginTx(t.Context(), nil)
			if err != nil {
				return err
			}
			_, err = record(t.Context(), believer.stmts.in(tx), Entry{Record: r})
			return errors.Join(err, tx.Commit())
		})
		mustWait(t, admin, inserted)
		giveUp(t, admin)
		mustSucceed(t, inserted) // as the server says
		if runID, ok, err := s.IsRecorded(t.Context(), c.SHA256, c.Identity); runID != r.Run.RunID || !ok || err != nil {
			t.Errorf("IsRecorded = %q, %v, %v, want %q at once", runID, ok, err, r.Run.RunID)
		}
		confirmed := begin(func() error {
			runs, err := s.Confirm(t.Context(), DocumentKey{c.SHA256, c.Identity})
			if !slices.Equal(runs, []string{r.Run.RunID}) {
				err = errors.Join(err, fmt.Errorf("runs %q", runs))
			}
			return err
		})
		first := mustWait(t, admin, confirmed)
		giveUp(t, admin)
		mustWait(t, admin, confirmed, first...)
		releaseCommits(t, admin)
		mustSucceed(t, confirmed)
	})

	t.Run("what was recorded before", func(t *testing.T) {
		bare := sample(11)
		bare.Receipts = nil
		mustRecord(t, s, sample(10), bare, sample(12), sample(13), stubbed())
		elsewhere := sample(20)
		elsewhere.Receipts = sample(12).Receipts
		amendment, _ := late()
		questions := []func() error{
			func() error { return mustBe(Duplicate)(s.Record(t.Context(), sample(10))) },
			func() error { return mustBe(Duplicate)(s.Record(t.Context(), bare)) },
			func() error { return mustBe(Duplicate)(s.Record(t.Context(), elsewhere)) },
			func() error { _, err := s.Reject(t.Context(), sample(13).Receipts...); return err },
			func() error { _, err := s.RecordAll(t.Context(), []Entry{amendment}); return err },
		}
		demandStandby(t, admin)
		var all []<-chan error
		for _, ask := range questions {
			all = append(all, begin(ask))
		}
		eventually(t, "all of them wait", func() bool { return len(waitingCommits(t, admin)) == len(questions) })
		for n, asked := range all {
			mustNotBeDone(t, fmt.Sprint("question ", n), asked)
		}
		releaseCommits(t, admin)
		for _, asked := range all {
			mustSucceed(t, asked)
		}
	})
	mustBeWell(t, s)
}

func mustBe(want Outcome) func(Outcome, error) error {
	return func(got Outcome, err error) error {
		if got != want {
			err = errors.Join(err, fmt.Errorf("%s, want %s", got, want))
		}
		return err
	}
}

// begin calls a function that will have to wait.
func begin(do func() error) <-chan error {
	done := make(chan error, 1)
	go func() { done <- do() }()
	return done
}

func mustNotBeDone(t *testing.T, what string, done <-chan error) {
	t.Helper()
	select {
	case err := <-done:
		t.Errorf("%s: returned %v, want that it waits for the standby", what, err)
	default:
	}
}

func mustSucceed(t *testing.T, done <-chan error) {
	t.Helper()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// waitingCommits returns the transactions that wait for a standby.
func waitingCommits(t *testing.T, admin *sql.DB) []string {
	t.Helper()
	return rows(t.Context(), t, admin, "SELECT pid || ' ' || xact_start AS x FROM pg_stat_activity WHERE wait_event = 'SyncRep' ORDER BY 1", "")
}

// mustWait waits until one does that is none of those before, and fails the test
// when what began it returns instead.
func mustWait(t *testing.T, admin *sql.DB, done <-chan error, before ...string) (now []string) {
	t.Helper()
	eventually(t, "the commit waits for the standby", func() bool {
		if len(done) > 0 {
			return true
		}
		now = slices.DeleteFunc(waitingCommits(t, admin), func(x string) bool { return slices.Contains(before, x) })
		return len(now) == 1
	})
	if len(done) > 0 {
		t.Fatalf("returned %v, want that it waits for the standby", <-done)
	}
	return now
}

// giveUp has the server give up waiting for the standby: it then warns of that,
// and reports success.
func giveUp(t *testing.T, admin *sql.DB) {
	t.Helper()
	const cancel = "SELECT COUNT(*) FILTER (WHERE pg_cancel_backend(pid)) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
	if n := number(t, admin, cancel); n != 1 {
		t.Errorf("cancelled %d waits, want one", n)
	}
}

// demandStandby has the commits of a server wait for a standby that is not there,
// from now on and until the test ends at the latest.
func demandStandby(t *testing.T, admin *sql.DB) {
	t.Helper()
	setStandby(t, admin, "nobody")
	t.Cleanup(func() { setStandby(t, admin, "") })
	// The setting is in force when the first commit waits.
	eventually(t, "the setting is in force", func() bool {
		committed := begin(func() error {
			_, err := admin.ExecContext(context.Background(), "SELECT pg_logical_emit_message(TRUE, 'test', '')")
			return err
		})
		var waits bool
		eventually(t, "a commit waits or is done", func() bool {
			waits = len(waitingCommits(t, admin)) == 1
			return waits || len(committed) > 0
		})
		if waits {
			giveUp(t, admin)
		}
		mustSucceed(t, committed)
		return waits
	})
}

func releaseCommits(t *testing.T, admin *sql.DB) {
	t.Helper()
	setStandby(t, admin, "")
	eventually(t, "no commit waits", func() bool { return len(waitingCommits(t, admin)) == 0 })
}

func setStandby(t *testing.T, admin *sql.DB, name string) {
	t.Helper()
	for _, text := range []string{"ALTER SYSTEM SET synchronous_standby_names = '" + name + "'", "SELECT pg_reload_conf()"} {
		if _, err := admin.ExecContext(context.Background(), text); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
}
