package torture

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// worldPatience is how long anything may take, on whatever machine.
const worldPatience = 90 * time.Second

// A worldHome is a home in a world that misbehaves: perhaps among mounts of its
// own, perhaps of a user who may not do everything.
type worldHome struct {
	t     *testing.T
	base  string // the folder that everything lies in, as the daemon sees it
	dir   string // the home
	db    string
	space *worldSpace // nil when it is the test's own
	user  uint32      // who runs the daemon when the test is root's; 0 is root
	by    []string    // the program that runs it in turn, with its arguments
	flags []string
}

func newWorldHome(t *testing.T) *worldHome {
	base, err := os.MkdirTemp("", "world ")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		filepath.WalkDir(base, func(path string, e fs.DirEntry, err error) error {
			if e != nil && e.IsDir() {
				os.Chmod(path, 0o755)
			}
			return nil
		})
		os.RemoveAll(base)
	})
	if err := os.Chmod(base, 0o755); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(base, "a home")
	return &worldHome{t: t, base: base, dir: dir, db: filepath.Join(dir, "consensus.db")}
}

// must ends the test on an error of its own doing.
func (h *worldHome) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

// mkdir creates folders below base for whoever runs the daemon.
func (h *worldHome) mkdir(paths ...string) {
	h.t.Helper()
	for _, path := range paths {
		h.must(os.MkdirAll(h.see(path), 0o755))
		if h.user != 0 {
			h.must(os.Chown(h.see(path), int(h.user), int(h.user)))
		}
	}
}

// see is a path of the daemon's as the test can use it.
func (h *worldHome) see(path string) string {
	if h.space == nil {
		return path
	}
	return h.space.root + path
}

// in is a path in the home as the test can use it.
func (h *worldHome) in(elem ...string) string {
	return h.see(filepath.Join(append([]string{h.dir}, elem...)...))
}

// command is consensusd on this home, run as the daemon is.
func (h *worldHome) command(name string, args ...string) *exec.Cmd {
	args = slices.Concat([]string{name, "--home", h.dir, "--db", h.db, "--json"}, args)
	if h.space != nil {
		return h.space.command(binary, args...)
	}
	line := append(append(slices.Clone(h.by), binary), args...)
	cmd := exec.Command(line[0], line[1:]...)
	if h.user != 0 {
		cmd.Path = worldProgram(h.t, h.base)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: h.user, Gid: h.user}}
		cmd.Dir = "/"
	}
	return cmd
}

// worldProgram puts the program where every user can run it.
func worldProgram(t *testing.T, base string) string {
	t.Helper()
	path := filepath.Join(base, "consensusd")
	if err := os.Link(binary, path); err != nil && !errors.Is(err, fs.ErrExist) {
		t.Fatal(err)
	}
	return path
}

// run runs consensusd and returns what it printed and its exit status.
func (h *worldHome) run(name string, args ...string) (stdout, stderr string, code int) {
	h.t.Helper()
	var out, errs strings.Builder
	cmd := h.command(name, args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	h.must(cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case <-ended:
	case <-time.After(worldPatience):
		cmd.Process.Kill()
		<-ended
		h.t.Fatalf("consensusd %s does not end: %s%s", name, out.String(), errs.String())
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// drop puts a file into the inbox, or another folder of the home.
func (h *worldHome) drop(path, text string) {
	h.t.Helper()
	dir, name := filepath.Split(path)
	hidden := h.in(dir, "."+name)
	h.mkdir(filepath.Join(h.dir, dir))
	h.must(os.WriteFile(hidden, []byte(text), 0o644))
	h.must(os.Rename(hidden, h.in(path)))
}

func worldRun(id string) string {
	return fmt.Sprintf(`{"run_id": %q, "spec_id": "SPEC-1", "stage": "plan", "agents": [{"agent": "claude", "content": "%s of %s"}], "consensus_ok": true}`, id, strings.Repeat("words ", 40_000), id)
}

// files lists the files below a folder of the home, but for hidden ones.
func (h *worldHome) files(folder string) (paths []string) {
	filepath.WalkDir(h.in(folder), func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() && !strings.HasPrefix(e.Name(), ".") {
			paths = append(paths, path)
		}
		return nil
	})
	return paths
}

// runs lists the runs that are recorded.
func (h *worldHome) runs() (ids []string) {
	h.t.Helper()
	out, errs, code := h.run("runs", "-n", "1000")
	var answer struct {
		Data []struct {
			ID string `json:"run_id"`
		}
	}
	if err := json.Unmarshal([]byte(out), &answer); err != nil || code != 0 {
		h.t.Fatalf("runs: %d, %v, %s%s", code, err, out, errs)
	}
	for _, r := range answer.Data {
		ids = append(ids, r.ID)
	}
	slices.Sort(ids)
	return ids
}

// has reports whether a run is recorded, false also when that cannot be told now.
func (h *worldHome) has(id string) bool {
	_, _, code := h.run("show", id)
	return code == 0
}

// verify runs consensusd verify, which must find nothing.
func (h *worldHome) verify() {
	h.t.Helper()
	if out, errs, code := h.run("verify"); code != 0 {
		h.t.Errorf("verify: exit status %d: %s%s", code, out, errs)
	}
}

// account looks, when all is over, for what was dropped: each run once, its file
// once in done/, and nothing rejected but what deserves it.
func (h *worldHome) account(ids ...string) (lost, doubled int) {
	h.t.Helper()
	h.verify()
	count := map[string]int{}
	for _, path := range h.files("done") {
		count[filepath.Base(path)]++
	}
	runs := h.runs()
	for _, id := range ids {
		if !slices.Contains(runs, id) || count[id+".json"] == 0 {
			lost++
		}
		if count[id+".json"] > 1 {
			doubled++
		}
	}
	var failed []string
	for _, path := range h.files("failed") {
		failed = append(failed, filepath.Base(path))
	}
	slices.Sort(failed)
	if lost+doubled > 0 || len(runs) != len(ids) || len(h.files("inbox")) > 0 || len(failed) > 0 && !slices.Equal(failed, []string{"bad.json", "bad.json.reason.json"}) {
		h.t.Errorf("runs %v, want %v; inbox %v, done %v, failed %v; lost %d, doubled %d\n%s", runs, ids, h.files("inbox"), h.files("done"), failed, lost, doubled, h.said())
	}
	return lost, doubled
}
