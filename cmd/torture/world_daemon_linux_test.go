package torture

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// A worldDaemon is a consensusd watch as a process of its own.
type worldDaemon struct {
	*worldHome
	cmd   *exec.Cmd
	addr  string
	ended chan struct{} // closed when it has
}

func (h *worldHome) watch() *worldDaemon {
	h.t.Helper()
	d := &worldDaemon{worldHome: h, ended: make(chan struct{})}
	d.cmd = h.command("watch", append([]string{"--http", "127.0.0.1:0", "--settle", "1s"}, h.flags...)...)
	log, err := os.OpenFile(h.log(), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	h.must(err)
	defer log.Close()
	d.cmd.Stderr = log
	h.must(d.cmd.Start())
	go func() {
		defer close(d.ended)
		d.cmd.Wait()
	}()
	h.t.Cleanup(func() {
		d.cmd.Process.Kill()
		<-d.ended
	})
	d.await("the daemon watches", func() bool {
		said, _ := os.ReadFile(h.log())
		for line := range strings.Lines(string(said)) {
			var l struct{ Msg, HTTP string }
			if json.Unmarshal([]byte(line), &l) == nil && l.Msg == "watching" {
				d.addr = l.HTTP
			}
		}
		return d.addr != ""
	})
	return d
}

// log is what the last daemon said.
func (h *worldHome) log() string { return filepath.Join(h.base, "log") }

func (h *worldHome) said() string {
	said, _ := os.ReadFile(h.log())
	return string(said)
}

// await polls until ok, as long as the daemon lives.
func (d *worldDaemon) await(what string, ok func() bool) {
	d.t.Helper()
	late := time.After(worldPatience)
	for tick := time.Tick(20 * time.Millisecond); !ok(); {
		select {
		case <-tick:
		case <-d.ended:
			d.t.Fatalf("%s: the daemon ended by itself: %v\n%s", what, d.cmd.ProcessState, d.said())
		case <-late:
			_, reason := d.ready()
			d.t.Fatalf("%s: not in time; readyz says %q, inbox %v, done %v, failed %v\n%s", what, reason, d.files("inbox"), d.files("done"), d.files("failed"), d.said())
		}
	}
}

// ready asks /readyz.
func (d *worldDaemon) ready() (ok bool, reason string) {
	d.t.Helper()
	client := http.Client{Timeout: worldPatience}
	answer, err := client.Get("http://" + d.addr + "/readyz")
	if err != nil {
		return false, err.Error()
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	var r struct {
		Ready  bool
		Reason string
	}
	if err == nil {
		err = json.Unmarshal(text, &r)
	}
	if err != nil || r.Ready != (answer.StatusCode == http.StatusOK) || r.Ready != (r.Reason == "") {
		d.t.Fatalf("readyz: %s %s, %v", answer.Status, text, err)
	}
	return r.Ready, r.Reason
}

func (d *worldDaemon) awaitReady() {
	d.t.Helper()
	d.await("ready", func() bool { ok, _ := d.ready(); return ok })
}

// awaitReason waits for readyz to say what is wrong.
func (d *worldDaemon) awaitReason(words string) {
	d.t.Helper()
	d.await("readyz says "+words, func() bool {
		_, reason := d.ready()
		return strings.Contains(reason, words)
	})
}

// awaitRun waits for a run to be recorded and for its file to be moved away.
func (d *worldDaemon) awaitRun(id string) {
	d.t.Helper()
	d.await("run "+id, func() bool {
		return !slices.ContainsFunc(d.files("inbox"), func(path string) bool { return filepath.Base(path) == id+".json" }) && d.has(id)
	})
}

// stop ends the daemon in good order.
func (d *worldDaemon) stop() {
	d.t.Helper()
	d.must(d.cmd.Process.Signal(syscall.SIGTERM))
	select {
	case <-d.ended:
	case <-time.After(worldPatience):
		d.t.Fatalf("the daemon does not stop\n%s", d.said())
	}
	if code := d.cmd.ProcessState.ExitCode(); code != 0 {
		d.t.Errorf("the daemon stopped with %d\n%s", code, d.said())
	}
}
