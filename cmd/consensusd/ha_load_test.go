//go:build ha && linux

package main_test

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// runsPerSecond is what two processors bear beside a cluster and its faults.
const runsPerSecond = 30

// A dropped run is what must be recorded of it.
type dropped struct {
	id        string
	answers   map[string]string // by agent
	synthesis string
	documents map[string]bool // their SHA-256
}

func documents(runs []dropped) (n int) {
	for _, r := range runs {
		n += len(r.documents)
	}
	return n
}

// object is a JSON object.
type object = map[string]any

// produce drops runs until stop is called, which returns them. By turns a run
// is one document, the same document in two homes, or three parts in three homes.
func (h *trial) produce() (stop func() []dropped) {
	quit, all := make(chan bool), make(chan []dropped)
	go func() {
		var runs []dropped
		tick := time.NewTicker(time.Second / runsPerSecond)
		defer tick.Stop()
		for n := 0; ; n++ {
			select {
			case <-quit:
				all <- runs
				return
			case <-tick.C:
				runs = append(runs, h.drop(n))
			}
		}
	}()
	stop = sync.OnceValue(func() []dropped { quit <- true; return <-all })
	h.t.Cleanup(func() { stop() })
	return stop
}

func (h *trial) drop(n int) dropped {
	r := dropped{id: fmt.Sprintf("run %06d", n), answers: map[string]string{}, documents: map[string]bool{}}
	for _, agent := range []string{"claude", "gemini"} {
		r.answers[agent] = text(agent, n)
	}
	r.synthesis = text("all", n)
	at := n / 3
	switch n % 3 {
	case 0:
		h.put(&r, "run", r.whole(n), at)
	case 1:
		h.put(&r, "run", r.whole(n), at, at+1)
	case 2:
		h.put(&r, "synthesis", r.part(n, object{"synthesis": r.concluded()}), at)
		for i, a := range r.agents() {
			h.put(&r, a["agent"].(string), r.part(n, a), at+1+i)
		}
	}
	return r
}

// text is what nobody else says, of a page at most.
func text(who string, n int) string {
	return fmt.Sprintf("%s says of »%d«:\n%s", who, n, strings.Repeat(who+" agrees. ", n%200))
}

func (r *dropped) agents() []object {
	return []object{{"agent": "claude", "content": r.answers["claude"]}, {"agent": "gemini", "content": r.answers["gemini"]}}
}

func (r *dropped) concluded() object { return object{"content": r.synthesis, "verdict": "unanimous"} }

func (r *dropped) whole(n int) object {
	return r.part(n, object{"agents": r.agents(), "synthesis": r.concluded(), "timestamp": time.Now().Unix()})
}

// part adds to a part what says to which run it belongs.
func (r *dropped) part(n int, rest object) object {
	part := object{"run_id": r.id, "spec_id": fmt.Sprintf("SPEC-%03d", n%100), "stage": "plan", "expected_agents": []string{"claude", "gemini"}}
	for name, value := range rest {
		part[name] = value
	}
	return part
}

// put drops a document into homes, as the producers of README.md do.
func (h *trial) put(r *dropped, what string, document object, homes ...int) {
	bytes, err := json.Marshal(document)
	if err != nil {
		panic(err)
	}
	r.documents[fmt.Sprintf("%x", sha256.Sum256(bytes))] = true
	for _, i := range homes {
		home, name := h.daemons[i%daemons].home, r.id+" "+what+".json"
		staged := filepath.Join(home, "staging", name)
		if err := os.WriteFile(staged, bytes, 0o644); err != nil {
			h.t.Error(err)
		}
		if err := os.Rename(staged, filepath.Join(home, "inbox", name)); err != nil {
			h.t.Error(err)
		}
	}
}
