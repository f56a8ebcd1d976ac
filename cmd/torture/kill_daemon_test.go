package torture

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// A killHome is a home whose daemons are killed.
type killHome struct {
	t      *testing.T
	dir    string
	rng    *rand.Rand
	kills  map[string]int // by moment
	ledger *killLedger
	full   atomic.Bool // the inbox: producers wait
}

// A killDaemon is a consensusd watch as a process of its own.
type killDaemon struct {
	home  *killHome
	cmd   *exec.Cmd
	ended chan struct{} // closed when it has
}

// killFlags make a daemon decide within seconds.
var killFlags = []string{"--settle", killSettle.String(), "--assemble-timeout", "1s"}

// watch starts a daemon that dies at a step, "" at none.
func (h *killHome) watch(dieAt string) *killDaemon {
	h.t.Helper()
	args := append([]string{"watch", "--home", h.dir, "--http", "off", "--rescan", "200ms"}, killFlags...)
	d := &killDaemon{home: h, cmd: exec.Command(binary, args...), ended: make(chan struct{})}
	d.cmd.Env = append(os.Environ(), "CONSENSUSD_DIE_AT="+dieAt)
	log, err := os.OpenFile(h.log(), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		h.t.Fatal(err)
	}
	defer log.Close()
	d.cmd.Stderr = log
	if err := d.cmd.Start(); err != nil {
		h.t.Fatal(err)
	}
	go func() {
		defer close(d.ended)
		d.cmd.Wait()
	}()
	h.t.Cleanup(func() {
		d.cmd.Process.Kill()
		<-d.ended
	})
	return d
}

// log is what the last process said.
func (h *killHome) log() string { return filepath.Join(filepath.Dir(h.dir), "log") }

// fatal ends the test, with what the last daemon said.
func (h *killHome) fatal(format string, args ...any) {
	h.t.Helper()
	said, _ := os.ReadFile(h.log())
	h.t.Fatalf("%s\nthe daemon said, at the end: %s", fmt.Sprintf(format, args...), said[max(0, len(said)-4000):])
}

// dies waits for the daemon to kill itself, or kills it after so long. It
// reports which.
func (d *killDaemon) dies(after time.Duration) (itself bool) {
	d.home.t.Helper()
	select {
	case <-d.ended:
		itself = true
	case <-time.After(after):
		d.cmd.Process.Kill()
		<-d.ended
	}
	status := d.cmd.ProcessState.Sys().(syscall.WaitStatus)
	if !status.Signaled() || status.Signal() != syscall.SIGKILL {
		d.home.fatal("the daemon ended by itself: %v", d.cmd.ProcessState)
	}
	return itself
}

// drain records what is left, when nothing comes any more: a daemon first, when
// it is to, and in any case an ingest, which records every run as it is.
func (h *killHome) drain(watch bool) {
	h.t.Helper()
	if watch {
		d := h.watch("")
		late := time.After(killPatience)
		for tick := time.Tick(20 * time.Millisecond); len(h.files("inbox")) > 0; {
			select {
			case <-tick:
			case <-d.ended:
				h.fatal("the daemon ended by itself: %v", d.cmd.ProcessState)
			case <-late:
				h.fatal("%d files are still in the inbox, as %v", len(h.files("inbox")), h.files("inbox")[0])
			}
		}
		d.cmd.Process.Signal(syscall.SIGTERM)
		<-d.ended
		if code := d.cmd.ProcessState.ExitCode(); code != 0 {
			h.fatal("the daemon stopped with %d", code)
		}
	}
	var exit *exec.ExitError
	_, err := h.run(append([]string{"ingest"}, killFlags...)...)
	if rejected := errors.As(err, &exit) && exit.ExitCode() == 3; err != nil && !rejected {
		h.t.Fatalf("ingest: %v", err)
	}
}

// run runs a command on the home and returns what it printed.
func (h *killHome) run(args ...string) ([]byte, error) {
	cmd := exec.Command(binary, append(args, "--home", h.dir, "--json")...)
	out, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		err = fmt.Errorf("%w: %s%s", err, out[:min(len(out), 4000)], exit.Stderr[:min(len(exit.Stderr), 4000)])
	}
	return out, err
}

// verify runs consensusd verify, which must find nothing.
func (h *killHome) verify() {
	h.t.Helper()
	out, err := h.run("verify")
	var answer struct {
		Data struct {
			OK       bool
			Problems []any
		}
	}
	if err == nil {
		err = json.Unmarshal(out, &answer)
	}
	if err != nil || !answer.Data.OK || len(answer.Data.Problems) > 0 {
		h.t.Errorf("verify: %v, %+v", err, answer)
	}
}

// files lists the files below a folder of the home, hidden ones too.
func (h *killHome) files(folder string) (paths []string) {
	h.t.Helper()
	err := filepath.WalkDir(filepath.Join(h.dir, folder), func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			paths = append(paths, path)
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil // moved away, or a folder removed, meanwhile
		}
		return err
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return paths
}
