//go:build ha && linux

package main_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// A pulse beats whenever anything is recorded.
type pulse struct {
	beating sync.Mutex
	last    time.Time
	longest time.Duration // between two beats since gap was called
}

func (p *pulse) beat(at time.Time) {
	p.beating.Lock()
	defer p.beating.Unlock()
	if at.After(p.last) {
		p.longest, p.last = max(p.longest, at.Sub(p.last)), at
	}
}

// rests returns for how long nothing has been recorded.
func (p *pulse) rests() time.Duration {
	p.beating.Lock()
	defer p.beating.Unlock()
	return time.Since(p.last)
}

// gap returns the longest time without a beat since it was last called.
func (p *pulse) gap() time.Duration {
	p.beating.Lock()
	defer p.beating.Unlock()
	longest := max(p.longest, time.Since(p.last))
	p.longest = 0
	return longest
}

// A daemon is consensusd watch over one home.
type daemon struct {
	t        *testing.T
	program  string
	home     string
	database string
	pulse    *pulse
	recorded atomic.Int64 // when it last did, in Unix nanoseconds
	process  *os.Process
	ended    chan struct{} // closed when it has ended
	err      error         // how, then
}

func newDaemon(t *testing.T, program, home, database string, p *pulse) *daemon {
	for _, dir := range []string{"inbox", "staging"} {
		if err := os.MkdirAll(filepath.Join(home, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return &daemon{t: t, program: program, home: home, database: database, pulse: p}
}

// start starts the daemon, which ends with the test.
func (d *daemon) start() {
	d.t.Helper()
	cmd := exec.Command(d.program, "watch", "--home", d.home, "--db", d.database, "--http", "off", "--assemble-timeout", "5s", "--json")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.StderrPipe()
	if err != nil {
		d.t.Fatal(err)
	}
	log, err := os.OpenFile(d.log(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		d.t.Fatal(err)
	}
	started, ended := make(chan error), make(chan struct{})
	go func() {
		runtime.LockOSThread() // with this thread the process ends
		defer log.Close()
		err := cmd.Start()
		started <- err
		if err != nil {
			return
		}
		for lines := bufio.NewScanner(out); lines.Scan(); {
			fmt.Fprintln(log, lines.Text())
			d.hear(lines.Bytes())
		}
		d.err = cmd.Wait()
		close(ended)
	}()
	if err := <-started; err != nil {
		d.t.Fatal(err)
	}
	d.process, d.ended = cmd.Process, ended
	d.t.Cleanup(func() {
		cmd.Process.Kill() // unless it has ended
		<-ended
	})
}

// hear learns from a line of the log when something was recorded.
func (d *daemon) hear(line []byte) {
	var said struct {
		Time time.Time `json:"time"`
		What string    `json:"msg"`
	}
	if err := json.Unmarshal(line, &said); err != nil {
		d.t.Errorf("%s: %v: %s", d.home, err, line)
		return
	}
	if said.What == "recorded" || said.What == "amended" {
		d.recorded.Store(said.Time.UnixNano())
		d.pulse.beat(said.Time)
	}
}

func (d *daemon) last() time.Time { return time.Unix(0, d.recorded.Load()) }

// kill ends the daemon as a loss of power would.
func (d *daemon) kill() {
	d.t.Helper()
	if err := d.process.Kill(); err != nil {
		d.t.Fatal(err)
	}
	<-d.ended
}

// terminate asks the daemon to end, which it must do in good order.
func (d *daemon) terminate() {
	d.t.Helper()
	if err := d.process.Signal(syscall.SIGTERM); err != nil {
		d.t.Fatal(err)
	}
	select {
	case <-d.ended:
		if d.err != nil {
			d.t.Errorf("%s: %v", d.home, d.err)
		}
	case <-time.After(patience):
		d.t.Fatalf("%s does not stop", d.home)
	}
}

// runs reports whether the daemon has not ended.
func (d *daemon) runs() bool {
	select {
	case <-d.ended:
		return false
	default:
		return true
	}
}

// verify lets consensusd verify examine database and files.
func (d *daemon) verify() {
	d.t.Helper()
	if out, err := exec.Command(d.program, "verify", "--home", d.home, "--db", d.database).CombinedOutput(); err != nil {
		d.t.Errorf("verify %s: %v\n%s", d.home, err, out)
	}
	for _, path := range d.files("failed") {
		d.t.Errorf("%s was rejected", path)
	}
}

// waiting returns how many documents are not recorded yet.
func (d *daemon) waiting() int { return len(d.files("inbox")) }

// files lists the files in a folder of the home.
func (d *daemon) files(folder string) (paths []string) {
	err := filepath.WalkDir(filepath.Join(d.home, folder), func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			paths = append(paths, path)
		}
		return err
	})
	if err != nil {
		d.t.Fatal(err)
	}
	return paths
}

func (d *daemon) log() string { return d.home + ".log" }

// tail returns the last lines of the log that are not about what was recorded.
func (d *daemon) tail(lines int) string {
	text, err := os.ReadFile(d.log())
	if err != nil {
		return err.Error()
	}
	var rest []string
	for line := range strings.Lines(string(text)) {
		if !strings.Contains(line, `"level":"INFO"`) {
			rest = append(rest, line)
		}
	}
	return strings.Join(rest[max(0, len(rest)-lines):], "")
}
