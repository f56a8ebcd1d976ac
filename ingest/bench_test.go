package ingest

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/consensusd/consensusd/store"
)

// documentSizes are those that agents' run documents have.
var documentSizes = map[string]int{"4KB": 1000, "40KB": 10_000, "120KB": 30_000}

var benchWords = strings.Fields(`the cart checkout order payment must retry \"once\" when a token expires, and\n
	should not split the queue before its worker has read what the schema migration says: plan, tests, steps`)

// benchDocument is a run document with four answers of so many bytes.
func benchDocument(n, size int) []byte {
	random := rand.New(rand.NewPCG(uint64(n), 1))
	var b strings.Builder
	fmt.Fprintf(&b, `{"run_id":"bench-%09d","spec_id":"SPEC-BENCH-%d","stage":"plan","timestamp":%d,"agents":[`, n, n%100, 1772323200+n)
	for i, agent := range []string{"claude", "gemini", "gpt_pro", "qwen"} {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"agent":%q,"content":"`, agent)
		for end := b.Len() + size; b.Len() < end; {
			b.WriteString(benchWords[random.IntN(len(benchWords))] + " ")
		}
		b.WriteString(`"}`)
	}
	b.WriteString(`],"synthesis":{"content":"they agree","verdict":"unanimous"}}`)
	return []byte(b.String())
}

func BenchmarkRead(b *testing.B) {
	for name, size := range documentSizes {
		b.Run(name, func(b *testing.B) {
			text, origin := benchDocument(1, size), originOf("run.json", "run.json", noon, noon)
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				if _, r := readDocument(text, origin); r != nil {
					b.Fatal(r)
				}
			}
		})
	}
}

func BenchmarkJudge(b *testing.B) {
	for name, size := range documentSizes {
		b.Run(name, func(b *testing.B) {
			text := benchDocument(1, size)
			d, r := readDocument(text, originOf("run.json", "run.json", noon, noon))
			if r != nil {
				b.Fatal(r)
			}
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				evidenceOf([]*document{d}, noon).judge(nil).record()
			}
		})
	}
}

// BenchmarkDrain records one document an operation, from an inbox that holds them all.
func BenchmarkDrain(b *testing.B) {
	for name, size := range documentSizes {
		b.Run(name, func(b *testing.B) {
			home := Home(b.TempDir())
			if err := home.Create(); err != nil {
				b.Fatal(err)
			}
			for n := range b.N {
				text := benchDocument(n, size)
				b.SetBytes(int64(len(text)))
				if err := os.WriteFile(filepath.Join(home.Inbox(), fmt.Sprintf("run-%09d.json", n)), text, 0o644); err != nil {
					b.Fatal(err)
				}
			}
			s, err := store.Open(b.Context(), home.Database())
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			in := New(home, s, Options{})
			syscall.Sync()
			b.ReportAllocs()
			b.ResetTimer()
			begin := time.Now()
			if err := in.Ingest(b.Context()); err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(b.N)/time.Since(begin).Seconds(), "runs/s")
			if in.Counts().Recorded != b.N {
				b.Fatalf("%+v of %d", in.Counts(), b.N)
			}
		})
	}
}
