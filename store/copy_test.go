package store

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/consensusd/consensusd/store/postgrestest"
)

// eachPair runs test with empty stores to copy between, of every kind each.
func eachPair(t *testing.T, test func(t *testing.T, from, to *Store)) {
	t.Helper()
	t.Parallel()
	postgres := func(t *testing.T) string { return postgrestest.Start(t).Database(t) }
	for name, pair := range map[string][2]func(*testing.T) string{
		"sqlite to postgres": {newFile, postgres},
		"postgres to sqlite": {postgres, newFile},
		"sqlite to sqlite":   {newFile, newFile},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open(t, pair[0](t)), open(t, pair[1](t)))
		})
	}
}

func mustCopy(t *testing.T, from, to *Store) Copied {
	t.Helper()
	c, err := Copy(t.Context(), from, to, nil)
	if err != nil {
		t.Fatal(err)
	}
	if (c.SourceSHA256 == c.TargetSHA256) != (len(c.Problems) == 0) || len(c.SourceSHA256) != 64 {
		t.Errorf("digests are %s of the source, %s of the target, with %d problems", c.SourceSHA256, c.TargetSHA256, len(c.Problems))
	}
	return c
}

// mustHaveDone fails the test when a copy did anything else than these counts.
func mustHaveDone(t *testing.T, got, want Copied) {
	t.Helper()
	got.SourceSHA256, got.TargetSHA256 = "", ""
	if want.Problems == nil {
		want.Problems = []Problem{}
	}
	partOf := cmp.Comparer(func(a, b Problem) bool {
		return a.What == b.What && a.Which == b.Which && (strings.Contains(a.Why, b.Why) || strings.Contains(b.Why, a.Why))
	})
	sorted := cmpopts.SortSlices(func(a, b Problem) bool { return a.Which+a.Why < b.Which+b.Why })
	if diff := cmp.Diff(want, got, partOf, sorted); diff != "" {
		t.Errorf("copied (-want +got):\n%s", diff)
	}
}

// mustBeEqual fails the test unless both stores hold the same rows.
func mustBeEqual(t *testing.T, from, to *Store) {
	t.Helper()
	source, target := dump(t, from), dump(t, to)
	if !slices.Equal(source, target) {
		t.Errorf("rows (-source +target):\n%.10000s", cmp.Diff(source, target))
	}
	mustBeWell(t, to)
}

func TestACopyHasEverything(t *testing.T) {
	eachPair(t, func(t *testing.T, from, to *Store) {
		bare := sample(3)
		bare.Receipts = nil
		mustRecord(t, from, sample(0), stubbed(), sample(2), bare)
		amendment, amended := late()
		mustRecordAll(t, from, amendment)
		for _, name := range []string{"bad.json", "worse.json", "bad.json"} {
			if _, err := from.Reject(t.Context(), document(Run{}, name, "malformed")); err != nil {
				t.Fatal(err)
			}
		}
		first := mustCopy(t, from, to)
		mustHaveDone(t, first, Copied{Runs: 4, Copied: 4, Same: 4, Receipts: 2})
		mustBeEqual(t, from, to)
		if diff := cmp.Diff(amended, mustWhole(t, to, amended.Run.RunID)); diff != "" {
			t.Errorf("amended run (-want +got):\n%s", diff)
		}
		mustNotChange(t, to, func() {
			again := mustCopy(t, from, to)
			mustHaveDone(t, again, Copied{Runs: 4, Same: 4})
			if again.TargetSHA256 != first.TargetSHA256 {
				t.Error("the digest of the same runs is another one")
			}
		})
		mustHaveDone(t, mustCopy(t, to, from), Copied{Runs: 4, Same: 4})
		mustRecord(t, from, sample(9))
		if more := mustCopy(t, from, to); more.TargetSHA256 == first.TargetSHA256 {
			t.Error("the digest of more runs is the same")
		}
	})
}

func TestAnInterruptedCopyOfManyPagesIsResumed(t *testing.T) {
	eachPair(t, func(t *testing.T, from, to *Store) {
		const runs = 2*pageRuns + 30
		var all []Record
		for n := range runs {
			all = append(all, small(n, "S", "plan", "claude"))
		}
		huge := &all[300]
		huge.Artifacts = []Artifact{answer(huge.Run, "claude", strings.Repeat("too much for a page ", pageBytes/20+1))}
		mustRecord(t, from, all...)

		ctx, cancel := context.WithCancel(t.Context())
		_, err := Copy(ctx, from, to, func(done, all int64) {
			if done != pageRuns || all != runs {
				t.Errorf("progress %d of %d, want %d of %d, and no more", done, all, pageRuns, runs)
			}
			cancel()
		})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("Copy = %v, want %v", err, context.Canceled)
		}
		mustBeWell(t, to)
		if totals, err := to.Totals(t.Context()); err != nil || totals.Runs != pageRuns {
			t.Errorf("Totals = %+v, %v, want %d runs", totals, err, pageRuns)
		}
		var pages []int64
		c, err := Copy(t.Context(), from, to, func(done, _ int64) { pages = append(pages, done) })
		if err != nil {
			t.Fatal(err)
		}
		mustHaveDone(t, c, Copied{Runs: runs, Copied: runs - pageRuns, Same: runs})
		if want := []int64{200, 300, 301, runs}; !slices.Equal(pages, want) {
			t.Errorf("pages end after %d, want %d", pages, want)
		}
		mustBeEqual(t, from, to)
	})
}

func TestTheFullerVersionOfARunIsKept(t *testing.T) {
	eachPair(t, func(t *testing.T, from, to *Store) {
		for _, s := range []*Store{from, to} {
			mustRecord(t, s, sample(0), sample(1), sample(2), sample(3))
		}
		mustRecordAll(t, from, counting(sample(0).Run, 1), counting(sample(2).Run, 2))
		mustRecordAll(t, to, counting(sample(1).Run, 3), counting(sample(2).Run, 4), counting(sample(1).Run, 5))
		want := []Record{mustWhole(t, from, sample(0).Run.RunID), mustWhole(t, to, sample(1).Run.RunID), mustWhole(t, to, sample(2).Run.RunID), sample(3)}
		for _, amended := range []int64{1, 0} {
			mustHaveDone(t, mustCopy(t, from, to), Copied{
				Runs: 4, Amended: amended, Same: 2, Newer: 1, Problems: []Problem{{"run_differs", "run", sample(2).Run.RunID, "the databases disagree"}},
			})
			stale := mustWhole(t, from, sample(1).Run.RunID) // as if the target were told more just now
			if err := to.restore(t.Context(), []Record{stale}); err != nil {
				t.Errorf("restore: %v", err)
			}
			for _, r := range want {
				if diff := cmp.Diff(r, mustWhole(t, to, r.Run.RunID)); diff != "" {
					t.Errorf("run (-want +got):\n%s", diff)
				}
			}
		}
		mustBeWell(t, to)
	})
}

func TestWhatCannotBeCopiedIsToldAndTheRestIsCopied(t *testing.T) {
	eachPair(t, func(t *testing.T, from, to *Store) {
		bare, otherwise := sample(1), sample(1) // without documents there is no telling which is newer
		bare.Receipts, otherwise.Receipts = nil, nil
		otherwise.Run.Conflicts = []string{"they differ"}
		elsewhere := sample(9)
		elsewhere.Receipts[1] = sample(3).Receipts[1]
		rejected := sample(4).Receipts[0]
		for n := range 8 {
			if n != 1 {
				mustRecord(t, from, sample(n))
			}
		}
		mustRecord(t, from, bare)
		mustRecord(t, to, otherwise, elsewhere, sample(5))
		if _, err := to.Reject(t.Context(), rejected); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			c := mustCopy(t, from, to)
			c.Copied = 0
			mustHaveDone(t, c, Copied{Runs: 8, Same: 6, Problems: []Problem{
				{"run_differs", "run", bare.Run.RunID, "the databases disagree"},
				{"run_refused", "run", sample(3).Run.RunID, "its document " + sample(3).Receipts[1].Path},
			}})
		}
		for _, n := range []int{0, 2, 4, 5, 6, 7} {
			want, got := sample(n), mustWhole(t, to, sample(n).Run.RunID)
			if n == 4 {
				want.Receipts[0].Attempts++ // it was tried before
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("run %d (-want +got):\n%s", n, diff)
			}
		}
		for _, want := range []Record{otherwise, elsewhere} {
			if diff := cmp.Diff(want.Run, mustWhole(t, to, want.Run.RunID).Run); diff != "" {
				t.Errorf("run that was there (-want +got):\n%s", diff)
			}
		}
		if _, err := to.Run(t.Context(), sample(3).Run.RunID); !errors.Is(err, ErrNotFound) {
			t.Errorf("the run whose document is elsewhere: %v, want %v", err, ErrNotFound)
		}
		mustBeWell(t, to)
	})
}

func TestWhatIsRecordedWhileItIsCopiedIsNotTorn(t *testing.T) {
	eachPair(t, func(t *testing.T, from, to *Store) {
		const before, meanwhile = 50, 100
		for n := range before {
			mustRecord(t, from, sample(3*n))
		}
		run := sample(1).Run // the id is among those copied first
		mustRecord(t, from, Record{Run: run, Artifacts: []Artifact{answer(run, "first", "yes")}, Receipts: []Receipt{document(run, "first", "answer")}})
		var recorded atomic.Int64
		var wg sync.WaitGroup
		wg.Go(func() {
			defer recorded.Store(meanwhile)
			for n := range meanwhile {
				results, err := from.RecordAll(t.Context(), []Entry{{Record: sample(3*n + 2)}, counting(run, n)})
				if err != nil || results[0].Outcome != Recorded || results[1].Outcome != Amended {
					t.Errorf("RecordAll = %v, %v", results, err)
				}
				recorded.Add(1)
			}
		})
		c, err := Copy(t.Context(), from, to, func(int64, int64) {
			some := min(recorded.Load()+5, meanwhile)
			eventually(t, "more is recorded", func() bool { return recorded.Load() >= some })
		})
		if err != nil || len(c.Problems) > 0 || c.Copied < before+1 {
			t.Errorf("Copy = %+v, %v", c, err)
		}
		mustBeWell(t, to)
		wg.Wait()
		c = mustCopy(t, from, to)
		mustHaveDone(t, c, Copied{Runs: before + 1 + meanwhile, Copied: c.Copied, Amended: c.Amended, Same: before + 1 + meanwhile})
		mustBeEqual(t, from, to)
	})
}

func TestManyMayCopyIntoOneDatabaseAtOnce(t *testing.T) {
	t.Parallel()
	to := postgrestest.Start(t).Database(t)
	const sources, each = 4, 60
	var wg sync.WaitGroup
	for i := range sources {
		from, to := open(t, newFile(t)), open(t, to)
		for n := range each {
			mustRecord(t, from, sample(i*each/2+n)) // the next one has half of them too
		}
		wg.Go(func() {
			if c, err := Copy(t.Context(), from, to, nil); err != nil || c.Same != each || len(c.Problems) > 0 {
				t.Errorf("Copy of source %d = %+v, %v", i, c, err)
			}
		})
	}
	wg.Wait()
	s := open(t, to)
	const all = (sources + 1) * each / 2
	for n := range all {
		if diff := cmp.Diff(sample(n), mustWhole(t, s, sample(n).Run.RunID)); diff != "" {
			t.Errorf("run %d (-want +got):\n%s", n, diff)
		}
	}
	if got, err := s.Totals(t.Context()); err != nil || got.Runs != all {
		t.Errorf("Totals = %+v, %v, want %d runs", got, err, all)
	}
	mustBeWell(t, s)
}
