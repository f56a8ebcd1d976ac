//go:build ha && linux

package main_test

import (
	"cmp"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/consensusd/consensusd/store/postgrestest/cluster"
)

// TestHighAvailability lets four daemons record into one cluster of three
// PostgreSQL while producers drop documents and everything fails in turn: nodes
// are killed, frozen, cut off and filled up, a daemon is killed. In the end every
// document must be recorded, once and whole. make test-ha runs it.
func TestHighAvailability(t *testing.T) {
	h := newTrial(t)
	stop := h.produce()
	h.untilAllRecord()
	begin := time.Now()
	for _, f := range h.faults() {
		h.suffer(f)
	}
	took := time.Since(begin)
	dropped := stop()
	h.drain()
	for _, d := range h.daemons {
		d.terminate()
	}
	found := h.compare(dropped)
	for _, d := range h.daemons {
		d.verify()
	}
	t.Logf("high availability: %d documents, %d runs, %d daemons, %d faults in %.0f s\n%s\n%s",
		documents(dropped), len(dropped), len(h.daemons), len(h.suffered), took.Seconds(), found, h.summary())
	for _, complaint := range found.complaints() {
		t.Error(complaint)
	}
}

const (
	daemons  = 4
	patience = 3 * time.Minute // for what takes seconds to half a minute
)

// A trial is the cluster, the daemons that record into it, and how they do.
type trial struct {
	t       *testing.T
	cluster *cluster.Cluster
	daemons []*daemon
	pulse   *pulse

	suffered []suffered
}

// A suffered fault is how long a fault was felt.
type suffered struct {
	what string
	gap  time.Duration // the longest time in which nobody recorded anything
	well time.Duration // until the cluster was whole and every daemon recorded
}

func newTrial(t *testing.T) *trial {
	dir := t.TempDir()
	program := filepath.Join(dir, "consensusd")
	if out, err := exec.Command("go", "build", "-buildvcs=false", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	h := &trial{t: t, cluster: cluster.Start(t), pulse: &pulse{}}
	for i := range daemons {
		h.daemons = append(h.daemons, newDaemon(t, program, filepath.Join(dir, fmt.Sprintf("home %d", i+1)), h.cluster.DSN(), h.pulse))
	}
	t.Cleanup(func() {
		if !t.Failed() {
			return
		}
		for _, d := range h.daemons {
			t.Logf("%s\n%s", d.home, d.tail(30))
		}
		t.Log(h.cluster.Tails(50))
	})
	for _, d := range h.daemons {
		d.start()
	}
	return h
}

// A fault happens, and is over when happen returns.
type fault struct {
	what   string
	happen func()
}

// faults end as soon as the cluster has found its way around them: what was cut
// off or frozen comes back when others have long recorded in its place.
func (h *trial) faults() []fault {
	replaced := func(leader *cluster.Node) {
		h.until("another node leads", func() bool { return h.cluster.Leader() != leader })
		h.untilAllRecord()
	}
	return []fault{
		{"leader killed", func() {
			leader := h.cluster.Leader()
			leader.Kill()
			replaced(leader)
			leader.Start()
		}},
		{"switchover", h.cluster.Switchover},
		{"daemon killed", func() {
			h.daemons[0].kill()
			h.daemons[0].start()
		}},
		{"leader frozen", func() {
			leader := h.cluster.Leader()
			leader.Freeze()
			replaced(leader)
			leader.Thaw()
		}},
		{"leader restarted", func() { h.cluster.Leader().Restart() }},
		{"standby frozen", func() {
			standby := h.cluster.Standby()
			standby.Freeze()
			h.untilAllRecord()
			standby.Thaw()
		}},
		{"leader cut off", func() {
			leader := h.cluster.Leader()
			leader.Cut()
			replaced(leader)
			leader.Heal()
		}},
		{"leader muted, killed", func() {
			leader := h.cluster.Leader()
			leader.Mute()
			// Long enough that daemons give up a commit and find its rows when they
			// try again. These are on the leader alone, and die with it.
			h.until("nobody records", func() bool { return h.pulse.rests() > 13*time.Second })
			leader.Kill()
			leader.Unmute()
			replaced(leader)
			leader.Start()
		}},
		{"leader's disk full", func() {
			leader := h.cluster.Leader()
			leader.FillDisk()
			h.until("nobody records", func() bool { return h.pulse.rests() > 10*time.Second })
			leader.FreeDisk()
		}},
	}
}

// suffer lets a fault happen and waits until all is well again.
func (h *trial) suffer(f fault) {
	h.t.Log(f.what)
	h.pulse.gap()
	begin := time.Now()
	f.happen()
	h.cluster.WaitHealthy()
	h.untilAllRecord()
	h.suffered = append(h.suffered, suffered{f.what, h.pulse.gap(), time.Since(begin)})
}

func (h *trial) summary() string {
	worst := slices.MaxFunc(h.suffered, func(a, b suffered) int { return cmp.Compare(a.gap, b.gap) })
	all := fmt.Sprintf("longest time without recording: %.1f s (%s)", worst.gap.Seconds(), worst.what)
	for _, s := range h.suffered {
		all += fmt.Sprintf("\n  %-20s %5.1f s without recording, all well after %5.1f s", s.what, s.gap.Seconds(), s.well.Seconds())
	}
	return all
}

// untilAllRecord waits until every daemon has recorded something new.
func (h *trial) untilAllRecord() {
	h.t.Helper()
	since := time.Now()
	for _, d := range h.daemons {
		h.until(d.home+" records", func() bool { return d.last().After(since) })
	}
}

// drain waits until everything that was dropped has been recorded.
func (h *trial) drain() {
	h.t.Helper()
	for _, d := range h.daemons {
		h.until(d.home+" has nothing to do", func() bool { return d.waiting() == 0 })
	}
}

func (h *trial) until(what string, so func() bool) {
	h.t.Helper()
	for deadline := time.Now().Add(patience); !so(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			h.t.Fatalf("not within %v: %s", patience, what)
		}
		for _, d := range h.daemons {
			if !d.runs() {
				h.t.Fatalf("%s ended while waited for: %s: %v", d.home, what, d.err)
			}
		}
	}
}
