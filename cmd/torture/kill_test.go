package torture

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// The steps at which a daemon is told to die ([store.Step]), and the moments at
// which it is killed: any in its first instants, or when it has worked for a
// while, and mostly has moved its mark in daemon.lock.
var killSteps = []string{"begun", "written", "committed", "read", "moved", "quarantined", "settled"}

const (
	killAnywhere = "random"
	killLate     = "random late"
	killLateAge  = 2 * time.Second
)

// killSettle is how long the daemon waits for a document that is cut off.
const killSettle = 5 * time.Second

// killBacklog is how many files may wait before the producers do: daemons that
// live for an instant hardly get on with them.
const killBacklog = 1000

// killPatience is how long a step may take to be reached, on whatever machine.
const killPatience = 60 * time.Second

// TestADaemonKilledAnywhereLosesNothing kills the daemon again and again while
// producers of all manners feed it, and then looks for every document that they
// left. CONSENSUSD_TORTURE_SEED repeats a sequence of kills.
func TestADaemonKilledAnywhereLosesNothing(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("CONSENSUSD_TORTURE_SEED"); s != "" {
		var err error
		if seed, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("CONSENSUSD_TORTURE_SEED=%d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	homes, each, anywhere, late := 2, 1, 6, 1
	if long {
		homes, each, anywhere, late = 10, 4, 24, 4
	}
	kills := map[string]int{}
	sum := killReport{documents: map[string]int{}}
	for n := 0; n < homes && !t.Failed(); n++ {
		h := &killHome{t: t, dir: filepath.Join(t.TempDir(), "a home"), rng: rng, kills: kills, ledger: newKillLedger()}
		stop := h.feed(seed)
		for _, moment := range killPlan(rng, each, anywhere, late) {
			h.kill(moment)
		}
		stop()
		if t.Failed() {
			h.fatal("a producer failed")
		}
		h.drain(n%2 == 0)
		sum.add(h.compare())
	}
	all := 0
	for _, n := range kills {
		all += n
	}
	var steps, producers []string
	for _, moment := range append(slices.Clone(killSteps), killAnywhere, killLate) {
		steps = append(steps, fmt.Sprintf("%s %d", moment, kills[moment]))
	}
	for _, name := range slices.Sorted(maps.Keys(killProducers)) {
		producers = append(producers, fmt.Sprintf("%s %d", name, sum.documents[name]))
		if sum.documents[name] == 0 {
			t.Errorf("producer %s has dropped nothing", name)
		}
	}
	if sum.tardy > sum.all()/20 {
		t.Errorf("of %d documents %d were written more slowly than the daemon waits: too many that nothing can be said of", sum.all(), sum.tardy)
	}
	tell(t, "%d kills (%s), %d documents (%s), %d of them rejected, %d written too slowly, %d runs; lost %d, doubled %d, partial %d",
		all, strings.Join(steps, ", "), sum.all(), strings.Join(producers, ", "), sum.rejected, sum.tardy, sum.runs, sum.lost, sum.doubled, sum.partial)
}

// killPlan is the moments of a home's kills, in any order.
func killPlan(rng *rand.Rand, each, anywhere, late int) []string {
	var plan []string
	for _, step := range killSteps {
		plan = append(plan, slices.Repeat([]string{step}, each)...)
	}
	plan = append(plan, slices.Repeat([]string{killAnywhere}, anywhere)...)
	plan = append(plan, slices.Repeat([]string{killLate}, late)...)
	rng.Shuffle(len(plan), func(i, j int) { plan[i], plan[j] = plan[j], plan[i] })
	return plan
}

// feed starts the producers. stop returns when they have finished what they were
// at.
func (h *killHome) feed(seed uint64) (stop func()) {
	if err := killCreateHome(h.dir); err != nil {
		h.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(h.t.Context())
	var producers sync.WaitGroup
	for name, work := range killProducers {
		rng := rand.New(rand.NewPCG(seed, uint64(len(name))+uint64(name[0])<<8))
		p := &killProducer{t: h.t, ctx: ctx, home: h.dir, name: name, rng: rng, ledger: h.ledger, full: &h.full}
		producers.Go(func() { work(p) })
	}
	producers.Go(func() {
		for tick := time.Tick(100 * time.Millisecond); ctx.Err() == nil; <-tick {
			waiting, err := os.ReadDir(filepath.Join(h.dir, "inbox"))
			if err != nil {
				h.t.Errorf("look into the inbox: %v", err)
			}
			h.full.Store(len(waiting) > killBacklog)
		}
	})
	return func() {
		cancel()
		producers.Wait()
	}
}

// kill starts a daemon and has it die at a step, or kills it at a moment. A step
// that is not reached in time counts as a moment, and is tried again.
func (h *killHome) kill(moment string) {
	var dieAt string
	var after time.Duration
	pass := 1 + h.rng.IntN(6)
	switch moment {
	case killAnywhere:
		after = time.Duration(h.rng.IntN(400)) * time.Millisecond
	case killLate:
		after = killLateAge + time.Duration(h.rng.IntN(5000))*time.Millisecond
	default:
		dieAt, after = fmt.Sprintf("%s:%d", moment, pass), killPatience
	}
	for range 3 {
		d := h.watch(dieAt)
		if died := d.dies(after); died == (dieAt != "") {
			h.kills[moment]++
			return
		} else if died {
			h.fatal("the daemon was killed by somebody else")
		}
		h.kills[killAnywhere]++
	}
	h.fatal("in three daemons' lives, step %s was not passed", dieAt)
}
