package store

import (
	"errors"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// benchStore is an empty store on disk, as a daemon has it.
func benchStore(b *testing.B) *Store {
	b.Helper()
	s, err := Open(b.Context(), filepath.Join(b.TempDir(), "consensus.db"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { s.Close() })
	return s
}

// benchEntries are new runs of one answer of 4 KB each, of a hundred specs.
func benchEntries(first, runs int) []Entry {
	entries := make([]Entry, runs)
	for i := range entries {
		n := first + i
		r := small(n, "SPEC-"+strconv.Itoa(n%100), "plan", "claude")
		r.Artifacts[0].Content = strings.Repeat("what was answered ", 4096/18) + strconv.Itoa(n)
		entries[i] = Entry{Record: withIDs(r)}
	}
	return entries
}

// A durable transaction, of one run and of as many as a daemon puts together.
func BenchmarkRecordAll(b *testing.B) {
	for _, runs := range []int{1, 64} {
		b.Run(strconv.Itoa(runs), func(b *testing.B) {
			s := benchStore(b)
			n := 0
			for b.Loop() {
				b.StopTimer()
				entries := benchEntries(n, runs)
				n += runs
				b.StartTimer()
				if _, err := s.RecordAll(b.Context(), entries); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "runs/s")
		})
	}
}

// What is asked most, among 10,000 runs.
func BenchmarkAsk(b *testing.B) {
	s := benchStore(b)
	for n := 0; n < 10_000; n += 500 {
		if _, err := s.RecordAll(b.Context(), benchEntries(n, 500)); err != nil {
			b.Fatal(err)
		}
	}
	of := StageFilter{SpecID: "SPEC-7", Stage: "plan", Limit: 100}
	for name, ask := range map[string]func() error{
		"newest run": func() error {
			_, err := s.LatestRun(b.Context(), of.SpecID, of.Stage)
			return err
		},
		"last 10 runs": func() error {
			page, err := s.Runs(b.Context(), Filter{Limit: 10})
			if len(page.Runs) != 10 {
				err = errors.Join(err, errors.New("there are fewer"))
			}
			return err
		},
		"all artifacts": func() error {
			runs, _, err := s.Archive("").StageRuns(b.Context(), of)
			if len(runs) != 100 {
				err = errors.Join(err, errors.New("there are not a hundred"))
			}
			return err
		},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if err := ask(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
