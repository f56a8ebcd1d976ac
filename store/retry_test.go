package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/consensusd/consensusd/dbgen/sqlite"
	"github.com/consensusd/consensusd/store/postgrestest"
)

func TestAGroupWhoseSessionIsEndedIsRecordedAgainWhole(t *testing.T) {
	t.Parallel()
	server := postgrestest.Start(t)
	s := open(t, server.Database(t))
	admin := plainPostgres(t, server.As(postgrestest.Superuser, s.target))
	mustRecord(t, s, stubbed())
	e, want := late()
	calls := 0
	e.Merge = func(stored Record) (Record, error) {
		if calls++; calls == 1 {
			endTransactions(t, admin)
		}
		if diff := cmp.Diff(stubbed(), stored); diff != "" {
			t.Errorf("what Merge was given (-want +got):\n%s", diff)
		}
		return want, nil
	}
	got := mustRecordAll(t, s, Entry{Record: sample(2)}, e, Entry{Record: sample(0)})
	if diff := cmp.Diff([]Outcome{Recorded, Amended, Recorded}, outcomes(got)); diff != "" || calls != 2 {
		t.Errorf("outcomes after %d calls of Merge, want 2 (-want +got):\n%s", calls, diff)
	}
	for _, want := range []Record{sample(0), want, sample(2)} {
		if diff := cmp.Diff(want, mustWhole(t, s, want.Run.RunID)); diff != "" {
			t.Errorf("run (-want +got):\n%s", diff)
		}
	}
	mustBeWell(t, s)
}

// endTransactions ends the sessions that are in one, and returns when they have.
func endTransactions(t *testing.T, admin *sql.DB) {
	t.Helper()
	if ended := number(t, admin, `SELECT COUNT(*) FILTER (WHERE pg_terminate_backend(pid, 20000)) FROM pg_stat_activity
		WHERE datname = current_database() AND state = 'idle in transaction'`); ended != 1 {
		t.Errorf("ended %d sessions, want one", ended)
	}
}

// A program that was frozen finds its transaction ended.
func TestATransactionThatStoodIdleTooLongIsRepeated(t *testing.T) {
	t.Parallel()
	server := postgrestest.Start(t)
	s := open(t, server.Database(t))
	admin := plainPostgres(t, server.As(postgrestest.Superuser, s.target))
	calls := 0
	err := s.update(t.Context(), func(ctx context.Context, tx *sql.Tx, q sqlite.Querier) error {
		if calls++; calls == 1 {
			if _, err := tx.ExecContext(ctx, "SET LOCAL idle_in_transaction_session_timeout = '10ms'"); err != nil {
				return err
			}
			eventually(t, "the server ends it", func() bool {
				return number(t, admin, "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND xact_start IS NOT NULL") == 1
			})
		}
		_, err := record(ctx, q, Entry{Record: sample(1)})
		return err
	})
	if err != nil || calls != 2 {
		t.Errorf("update = %v after %d calls, want success after 2", err, calls)
	}
	mustBeWell(t, s)
}

func TestGroupsInOppositeOrdersDoNotDeadlock(t *testing.T) {
	t.Parallel()
	server := postgrestest.Start(t)
	db := server.Database(t)
	stores := []*Store{open(t, db), open(t, db)}
	const rounds, runs = 12, 30
	for round := range rounds {
		var entries []Entry
		var bad []Receipt
		for n := range runs {
			entries = append(entries, Entry{Record: sample(round*runs + n)})
			bad = append(bad, document(Run{}, fmt.Sprint("bad ", n), "malformed"))
		}
		var results [2][]Result
		var wg sync.WaitGroup
		for i, s := range stores {
			mine, rejected := slices.Clone(entries), slices.Clone(bad)
			if i == 1 {
				slices.Reverse(mine)
				slices.Reverse(rejected)
			}
			wg.Go(func() {
				if _, err := s.Reject(t.Context(), rejected...); err != nil {
					t.Error(err)
				}
				var err error
				if results[i], err = s.RecordAll(t.Context(), mine); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		slices.Reverse(results[1])
		for n := range results[0] {
			got := []Outcome{results[0][n].Outcome, results[1][n].Outcome}
			if slices.Sort(got); !slices.Equal(got, []Outcome{Duplicate, Recorded}) {
				t.Errorf("run %d of round %d is %s, want recorded once", n, round, got)
			}
		}
	}
	mustBeWell(t, stores[0])
	if n := deadlocks(t, server, stores...); n != 0 {
		t.Errorf("%d deadlocks", n)
	}
}

// Each of two groups holds the document of the other's last run when it comes to
// its own last.
func TestADeadlockIsNobodysError(t *testing.T) {
	t.Parallel()
	server := postgrestest.Start(t)
	db := server.Database(t)
	plainPostgres(t, server.As(postgrestest.Superuser, db),
		`DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET deadlock_timeout = ''20ms''', current_database()); END $$`)
	stores := []*Store{open(t, db), open(t, db)}
	mustRecord(t, stores[0], Record{Run: sample(2).Run}, Record{Run: sample(5).Run})
	var both sync.WaitGroup
	both.Add(len(stores))
	var results [2][]Result
	var wg sync.WaitGroup
	for i, s := range stores {
		first, middle, last := sample(1+3*i), sample(2+3*i), sample(3+3*i)
		first.Receipts, last.Receipts = sample(10+i).Receipts, sample(11-i).Receipts
		meet := sync.OnceFunc(func() { both.Done(); both.Wait() })
		e := counting(middle.Run, i)
		merge := e.Merge
		e.Merge = func(stored Record) (Record, error) { meet(); return merge(stored) }
		wg.Go(func() {
			var err error
			if results[i], err = s.RecordAll(t.Context(), []Entry{{Record: first}, e, {Record: last}}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	got := [][]Outcome{outcomes(results[0]), outcomes(results[1])}
	slices.SortFunc(got, slices.Compare)
	if diff := cmp.Diff([][]Outcome{{Duplicate, Amended, Duplicate}, {Recorded, Amended, Recorded}}, got); diff != "" {
		t.Errorf("outcomes (-want +got):\n%s", diff)
	}
	mustBeWell(t, stores[0])
	if n := deadlocks(t, server, stores...); n == 0 {
		t.Error("the groups were not in each other's way")
	}
}

// deadlocks closes the stores of a database, and returns how many its server
// has found: a session tells of its own when it ends, at the latest.
func deadlocks(t *testing.T, server *postgrestest.Server, stores ...*Store) int64 {
	t.Helper()
	for _, s := range stores {
		closeStore(t, s)
	}
	admin := plainPostgres(t, server.As(postgrestest.Superuser, stores[0].target))
	eventually(t, "the sessions have ended", func() bool {
		return number(t, admin, `SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND usename = 'owner'`) == 0
	})
	return number(t, admin, `SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()`)
}

func TestAServerThatIsAwayIsToldOfAndFoundAgain(t *testing.T) {
	t.Parallel()
	server := postgrestest.StartOwn(t)
	s := open(t, server.Database(t))
	mustRecord(t, s, sample(1))
	server.Kill(t)
	begin := time.Now()
	results, err := s.RecordAll(t.Context(), []Entry{{Record: sample(2)}})
	if took := time.Since(begin); took > maxTrying+attemptTimeout {
		t.Errorf("gave up after %s", took)
	}
	told := regexp.MustCompile(`^record: .*(cannot connect|server).*(\d times in|after \d attempts in) \d`)
	var refused *RefusedError
	if err == nil || results != nil || errors.As(err, &refused) || !told.MatchString(err.Error()) {
		t.Errorf("RecordAll = %v, %v, want what is wrong, and how often it was tried", results, err)
	}
	impatient, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	begin = time.Now()
	if _, err := s.Record(impatient, sample(2)); err == nil || time.Since(begin) > attemptTimeout/2 {
		t.Errorf("Record = %v after %s, though nobody waits for it any more", err, time.Since(begin))
	}
	server.Restart(t)
	mustRecord(t, s, sample(2))
	for n := 1; n <= 2; n++ {
		if diff := cmp.Diff(sample(n), mustWhole(t, s, sample(n).Run.RunID)); diff != "" {
			t.Errorf("run %d (-want +got):\n%s", n, diff)
		}
	}
	mustBeWell(t, s)
}

func TestACommitWhoseOutcomeIsUnknownIsRepeated(t *testing.T) {
	for name, accident := range map[string]int32{"commit lost": commitLost, "answer lost": answerLost} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			proxy, through := newProxy(t, postgrestest.Start(t).Database(t))
			s := open(t, through)
			mustRecord(t, s, stubbed())
			proxy.next.Store(accident)
			if got, err := s.Record(t.Context(), sample(2)); err != nil || got != Recorded && got != Duplicate {
				t.Errorf("Record = %v, %v, want recorded or duplicate", got, err)
			}
			e, want := late()
			proxy.next.Store(accident)
			if got := mustRecordAll(t, s, e)[0].Outcome; got != Amended && got != Duplicate {
				t.Errorf("RecordAll is %s, want amended or duplicate", got)
			}
			if proxy.next.Load() != none {
				t.Error("nothing happened to a commit")
			}
			for _, want := range []Record{want, sample(2)} {
				if diff := cmp.Diff(want, mustWhole(t, s, want.Run.RunID)); diff != "" {
					t.Errorf("run (-want +got):\n%s", diff)
				}
			}
			mustBeWell(t, s)
		})
	}
}

func outcomes(results []Result) (list []Outcome) {
	for _, r := range results {
		list = append(list, r.Outcome)
	}
	return list
}

// waiting reports whether a session of the database waits for something of a type.
func waiting(t *testing.T, db *sql.DB, what string) bool {
	t.Helper()
	return number(t, db, `SELECT COUNT(*) FROM pg_stat_activity
		WHERE datname = current_database() AND '`+what+`' IN (wait_event_type, wait_event)`) > 0
}
