package torture

import (
	"bufio"
	"bytes"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	_ "github.com/mattn/go-sqlite3"
)

// A stormDaemon is a consensusd watch, a process of its own, on a home.
type stormDaemon struct {
	t    *testing.T
	home string
	cmd  *exec.Cmd
	log  *bytes.Buffer
	addr string // where it answers HTTP
	done chan error
}

// startStorm starts a daemon on home and waits until it has looked at all there
// was; before is a command to run it under, such as one that limits it.
func startStorm(t *testing.T, home string, before ...string) *stormDaemon {
	t.Helper()
	line := append(before, binary, "watch", "--home", home, "--http", "127.0.0.1:0", "--quiet")
	d := &stormDaemon{t: t, home: home, cmd: exec.Command(line[0], line[1:]...), log: &bytes.Buffer{}, done: make(chan error, 1)}
	d.cmd.Stderr = d.log
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { d.done <- d.cmd.Wait() }()
	t.Cleanup(func() { d.cmd.Process.Kill() })
	d.await("answers", stormPatience, func() bool {
		d.addr = d.address()
		return d.addr != ""
	})
	return d
}

// stormPatience is for what takes a moment on an idle machine.
const stormPatience = 2 * time.Minute

// await waits until fits is true; a daemon that has died does not make it so.
func (d *stormDaemon) await(what string, patience time.Duration, fits func() bool) {
	d.t.Helper()
	for late := time.Now().Add(patience); !fits(); time.Sleep(20 * time.Millisecond) {
		select {
		case err := <-d.done:
			d.t.Fatalf("the daemon ended before it %s: %v\n%s", what, err, d.log)
		default:
		}
		if time.Now().After(late) {
			d.t.Fatalf("the daemon never %s", what)
		}
	}
}

// address is where the daemon says that it answers, "" while it says nothing.
func (d *stormDaemon) address() string {
	var holder struct {
		PID  int    `json:"pid"`
		HTTP string `json:"http"`
	}
	b, err := os.ReadFile(filepath.Join(d.home, "daemon.lock"))
	if err != nil || json.Unmarshal(b, &holder) != nil || holder.PID != d.cmd.Process.Pid {
		return ""
	}
	return holder.HTTP
}

// metric is the sum of the samples at /metrics whose name is that pattern, with
// or without labels.
func (d *stormDaemon) metric(name string) float64 {
	d.t.Helper()
	client := http.Client{Timeout: 30 * time.Second}
	r, err := client.Get("http://" + d.addr + "/metrics")
	if err != nil {
		d.t.Fatalf("%v\n%s", err, d.log)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil || r.StatusCode != http.StatusOK {
		d.t.Fatalf("/metrics: %s, %v", r.Status, err)
	}
	samples := regexp.MustCompile(`(?m)^`+name+`(?:\{[^}]*\})? (\S+)$`).FindAllSubmatch(b, -1)
	if len(samples) == 0 {
		d.t.Fatalf("/metrics has no %s", name)
	}
	var sum float64
	for _, s := range samples {
		x, err := strconv.ParseFloat(string(s[1]), 64)
		if err != nil {
			d.t.Fatal(err)
		}
		sum += x
	}
	return sum
}

// drain waits until so many runs are recorded and the inbox is empty, as long as
// there is any progress.
func (d *stormDaemon) drain(runs int) {
	d.t.Helper()
	recorded := -1.0
	for recorded < float64(runs) || d.metric("consensusd_inbox_files") > 0 {
		d.await("recorded more than "+fmt.Sprint(recorded)+" runs", 2*stormPatience, func() bool {
			now := d.metric("consensusd_runs_total")
			progress := now > recorded || now >= float64(runs) && d.metric("consensusd_inbox_files") == 0
			recorded = max(recorded, now)
			return progress
		})
	}
}

// peak is the most memory that the process has had resident, in MiB.
func (d *stormDaemon) peak() int {
	d.t.Helper()
	kib, err := strconv.Atoi(strings.TrimSuffix(d.status("VmHWM"), " kB"))
	if err != nil {
		d.t.Fatal(err)
	}
	return kib >> 10
}

// status is a line of the process's /proc/PID/status.
func (d *stormDaemon) status(name string) string {
	d.t.Helper()
	f, err := os.Open(fmt.Sprintf("/proc/%d/status", d.cmd.Process.Pid))
	if err != nil {
		d.t.Fatal(err)
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if value, ok := strings.CutPrefix(lines.Text(), name+":"); ok {
			return strings.TrimSpace(value)
		}
	}
	d.t.Fatalf("/proc/PID/status has no %s", name)
	return ""
}

// stall stops the process as a debugger does: it reads no events any more.
func (d *stormDaemon) stall() {
	d.t.Helper()
	d.signal(syscall.SIGSTOP)
	d.await("stood still", stormPatience, func() bool { return strings.HasPrefix(d.status("State"), "T") })
}

func (d *stormDaemon) signal(s syscall.Signal) {
	d.t.Helper()
	if err := d.cmd.Process.Signal(s); err != nil {
		d.t.Fatal(err)
	}
}

// stop stops the daemon in good order.
func (d *stormDaemon) stop() {
	d.t.Helper()
	d.signal(syscall.SIGTERM)
	if err := <-d.done; err != nil {
		d.t.Fatalf("the daemon ended with %v\n%s", err, d.log)
	}
}

// kill ends the daemon as a crash does.
func (d *stormDaemon) kill() {
	d.t.Helper()
	d.signal(syscall.SIGKILL)
	var exit *exec.ExitError
	if err := <-d.done; !errors.As(err, &exit) {
		d.t.Fatal(err)
	}
}

// stormVerify is the last line of every test here.
func stormVerify(t *testing.T, home string) {
	t.Helper()
	if out, err := exec.Command(binary, "verify", "--home", home).CombinedOutput(); err != nil {
		t.Errorf("verify: %v\n%s", err, out)
	}
}

func stormDatabase(t *testing.T, home string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite3", "file:"+(strings.NewReplacer("?", "%3f", "#", "%23").Replace(filepath.Join(home, "consensus.db")))+"?mode=ro")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}
