package torture

import (
	words "encoding/binary"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A worldClock is what a daemon's clock shows more than the machine's.
type worldClock struct {
	file    string // in which the program has it
	program string
}

// clockSource is a file of package time in the program, whose time.Now adds what
// another process writes into the memory that they share.
const clockSource = `package time

import (
	"syscall"
	"unsafe"
)

var clockAhead = func() *int64 {
	fd, err := syscall.Open(clockFile, syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		panic(err)
	}
	page, err := syscall.Mmap(fd, 0, 8, syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		panic(err)
	}
	return (*int64)(unsafe.Pointer(&page[0]))
}()

var clockFile, _ = syscall.Getenv("CLOCK_FILE")
`

// newWorldClock builds a consensusd whose clock can be set while it runs, as an
// administrator sets that of a machine: what measures how long something takes
// goes on.
func newWorldClock(h *worldHome) *worldClock {
	h.t.Helper()
	c := &worldClock{filepath.Join(h.base, "clock"), filepath.Join(h.base, "clocked")}
	h.must(os.WriteFile(c.file, make([]byte, 8), 0o644))
	root, err := exec.Command("go", "env", "GOROOT").Output()
	h.must(err)
	timeGo := filepath.Join(strings.TrimSpace(string(root)), "src", "time", "time.go")
	source, err := os.ReadFile(timeGo)
	h.must(err)
	const reads = "\tsec, nsec, mono := runtimeNow()\n"
	now, changed := filepath.Join(h.base, "time.go"), strings.Replace(string(source), reads, reads+"\tsec += *clockAhead\n", 1)
	if changed == string(source) {
		h.t.Fatalf("%s reads the clock in another way than this test knows", timeGo)
	}
	h.must(os.WriteFile(now, []byte(changed), 0o644))
	ahead := filepath.Join(h.base, "ahead.go")
	h.must(os.WriteFile(ahead, []byte(clockSource), 0o644))
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{timeGo: now, filepath.Join(filepath.Dir(timeGo), "ahead.go"): ahead}})
	h.must(err)
	h.must(os.WriteFile(filepath.Join(h.base, "overlay.json"), overlay, 0o644))
	if out, err := exec.Command("go", "build", "-overlay", filepath.Join(h.base, "overlay.json"), "-o", c.program, "../consensusd").CombinedOutput(); err != nil {
		h.t.Fatalf("build: %v\n%s", err, out)
	}
	return c
}

// set sets the clock.
func (c *worldClock) set(h *worldHome, ahead time.Duration) {
	h.t.Helper()
	f, err := os.OpenFile(c.file, os.O_WRONLY, 0)
	h.must(err)
	defer f.Close()
	_, err = f.WriteAt(words.NativeEndian.AppendUint64(nil, uint64(ahead/time.Second)), 0)
	h.must(err)
}

// watch starts a daemon with this clock.
func (c *worldClock) watch(h *worldHome) *worldDaemon {
	h.t.Helper()
	return h.startAs(exec.Command("sh", "-c", `program=$0 CLOCK_FILE=$1; export CLOCK_FILE; shift 2; exec "$program" "$@"`, c.program, c.file))
}

// measures reports whether /metrics has a line.
func (d *worldDaemon) measures(line string) bool {
	answer, err := http.Get("http://" + d.addr + "/metrics")
	if err != nil {
		return false
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	return err == nil && strings.Contains(string(text), "\n"+line+"\n")
}

// A clock that was wrong by two days is set back under the daemon, which then is
// killed, and set on again. Nothing waits for these days to be over: not a run for
// its parts, nor an unfinished document, nor what came to done/ unseen meanwhile.
func TestAClockSetBackUnderTheDaemonHoldsNothingUp(t *testing.T) {
	t.Parallel()
	const twoDays = 48 * time.Hour
	h := newWorldHome(t)
	c := newWorldClock(h)
	c.set(h, twoDays)
	h.flags = []string{"--settle", "10s", "--assemble-timeout", "10s"}
	d := c.watch(h)
	drop := func(name, text string) { // by a producer with the same clock
		d.drop(filepath.Join("elsewhere", name), text)
		future := time.Now().Add(twoDays)
		h.must(os.Chtimes(h.in("elsewhere", name), future, future))
		h.must(os.Rename(h.in("elsewhere", name), h.in("inbox", name)))
	}
	drop("before.json", worldRun("before"))
	d.awaitRun("before")
	drop("part.json", `{"run_id": "part", "spec_id": "SPEC-1", "stage": "plan", "agent": "claude", "content": "yes", "expected_agents": ["claude", "gemini"]}`)
	drop("bad.json", worldRun("bad")[:100])
	d.await("both wait", func() bool {
		return d.measures("consensusd_open_runs 1") && d.measures("consensusd_unfinished_files 1")
	})

	c.set(h, 0)
	d.drop("inbox/during.json", worldRun("during"))
	d.awaitRun("during")
	d.awaitRun("part")
	d.await("the unfinished document is given up", func() bool { return len(d.files("failed")) == 2 })
	d.awaitReady()
	h.must(d.cmd.Process.Kill())
	<-d.ended
	h.drop(filepath.Join("done", time.Now().UTC().Format(time.DateOnly), "unseen.json"), worldRun("unseen"))

	c.set(h, twoDays)
	d = c.watch(h)
	d.await("the unseen document is recorded", func() bool { return d.has("unseen") })
	d.awaitReady()
	d.stop()
	h.account("before", "during", "part", "unseen")
}
