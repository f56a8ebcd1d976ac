package store

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// vocabulary is what the texts of benchmarks are made of.
var vocabulary = strings.Fields(`the a of to and in for with cart checkout order payment user session token
request response cache queue worker schema migration index table row test case edge error retry timeout
limit step plan first then after before because should must may will returns stores reads writes checks
validates splits merges small large empty missing known unknown plain simple safe durable once`)

// prose is text of the given length.
func prose(r *rand.Rand, length int) string {
	var b strings.Builder
	for b.Len() < length {
		b.WriteString(vocabulary[r.IntN(len(vocabulary))])
		if r.IntN(12) == 0 {
			b.WriteByte('.')
		}
		b.WriteByte(' ')
	}
	return b.String()[:length]
}

// BenchmarkCleanup archives runs of 40 KB; bytes are those of their contents.
func BenchmarkCleanup(b *testing.B) {
	const runs, contents = 1000, 4
	now := time.Date(2026, 6, 15, 12, 0, 0, 0, time.UTC)
	for b.Loop() {
		b.StopTimer()
		s, err := Open(b.Context(), filepath.Join(b.TempDir(), "consensus.db"))
		if err != nil {
			b.Fatal(err)
		}
		r := rand.New(rand.NewPCG(1, 1))
		for page := range runs / 100 {
			var entries []Entry
			for i := range 100 {
				record := small(page*100+i, fmt.Sprintf("SPEC-%d", i), "plan", "claude")
				record.Artifacts = nil
				for a := range contents {
					record.Artifacts = append(record.Artifacts, answer(record.Run, fmt.Sprintf("agent-%d", a), prose(r, 10_000)))
				}
				entries = append(entries, Entry{Record: record})
			}
			if _, err := s.RecordAll(b.Context(), entries); err != nil {
				b.Fatal(err)
			}
		}
		a := s.Archive(filepath.Join(b.TempDir(), "archive"))
		b.StartTimer()
		_, c, err := a.Cleanup(b.Context(), keep, now, nil)
		if err != nil || c.Archived != runs {
			b.Fatal(c, err)
		}
		b.SetBytes(c.Content)
		b.ReportMetric(float64(c.Archive)/float64(c.Content), "archive/content")
		b.ReportMetric(float64(c.After)/float64(c.Before), "after/before")
		b.StopTimer()
		s.Close()
		b.StartTimer()
	}
}
