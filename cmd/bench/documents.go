package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/consensusd/consensusd/ingest"
)

var words = strings.Fields(`the a of to and in for with cart checkout order payment user session token
	request response cache queue worker schema migration index table row test case edge error retry timeout
	limit step plan first then after before because should must may will returns stores reads writes checks
	validates splits merges small large empty missing known unknown plain simple safe durable once`)

// text returns size bytes that look like what somebody wrote, for SQL too:
// letters, blanks and full stops.
func text(random *rand.Rand, size int) string {
	var b strings.Builder
	for b.Len() < size {
		b.WriteString(words[random.IntN(len(words))])
		if random.IntN(12) == 0 {
			b.WriteByte('.')
		}
		b.WriteByte(' ')
	}
	return b.String()[:size-1] + "."
}

// newRandom returns the same numbers for the same seed.
func newRandom(seed int) *rand.Rand { return rand.New(rand.NewPCG(uint64(seed), 1)) }

// object is a JSON object.
type object = map[string]any

// agents answer in every document.
var agents = []string{"claude", "gemini", "gpt_pro", "qwen"}

// document returns the nth run document, with four contents of size bytes.
func document(n, size int) ([]byte, error) {
	random := newRandom(n)
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC).Add(time.Duration(n) * time.Second)
	var answers []object
	for _, agent := range agents {
		answers = append(answers, object{"agent": agent, "content": text(random, size)})
	}
	return json.Marshal(object{
		"run_id": fmt.Sprintf("bench-%012d", n), "spec_id": fmt.Sprintf("SPEC-BENCH-%d", n%1000), "stage": "plan",
		"timestamp": at, "expected_agents": agents, "agents": answers,
		"synthesis": object{"content": text(random, synthesisSize), "verdict": "unanimous"},
	})
}

// fill makes a home whose inbox holds documents from the first on.
func fill(home ingest.Home, first, documents, size int) error {
	if err := home.Create(); err != nil {
		return err
	}
	for n := first; n < first+documents; n++ {
		text, err := document(n, size)
		if err != nil {
			return err
		}
		path := filepath.Join(home.Inbox(), fmt.Sprintf("run-%07d.json", n))
		if err := os.WriteFile(path, text, 0o644); err != nil {
			return err
		}
	}
	return nil
}
