package torture

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A worldSpace is a namespace with mounts of its own, which vanish with the
// process that holds it. Whoever is not root is root in there.
type worldSpace struct {
	t     *testing.T
	pid   string
	root  string // how the test sees what is mounted there
	enter []string
}

// newWorldSpace makes a namespace and runs a script in it, with sh.
func newWorldSpace(t *testing.T, script string, args ...string) *worldSpace {
	t.Helper()
	unshare, enter := []string{"--mount"}, []string{"--mount"}
	if os.Geteuid() != 0 {
		unshare = append(unshare, "--map-root-user")
		enter = append(enter, "--user", "--preserve-credentials")
	}
	script = "set -e\n" + script + "\necho ready\nexec cat\n" // which ends when the test does
	holder := exec.Command("unshare", append(append(unshare, "sh", "-c", script, "sh"), args...)...)
	hold, err := holder.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := holder.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var errs strings.Builder
	holder.Stderr = &errs
	if err := holder.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		hold.Close()
		io.Copy(io.Discard, out)
		holder.Wait()
	})
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "ready\n" {
		hold.Close()
		holder.Wait()
		t.Fatalf("no namespace for mounts, which takes root or user namespaces: %v %s%s", err, line, errs.String())
	}
	pid := fmt.Sprint(holder.Process.Pid)
	return &worldSpace{t, pid, filepath.Join("/proc", pid, "root"), append(enter, "--target", pid, "--")}
}

// command runs a program in the namespace.
func (s *worldSpace) command(program string, args ...string) *exec.Cmd {
	return exec.Command("nsenter", append(append(append([]string{}, s.enter...), program), args...)...)
}

// must runs a program in the namespace that succeeds.
func (s *worldSpace) must(program string, args ...string) {
	s.t.Helper()
	if out, err := s.command(program, args...).CombinedOutput(); err != nil {
		s.t.Fatalf("%s %s: %v\n%s", program, strings.Join(args, " "), err, out)
	}
}

// spaced gives a home a namespace with a tmpfs at a folder below its base.
func (h *worldHome) spaced(folder, options string) {
	h.t.Helper()
	h.mkdir(folder)
	h.space = newWorldSpace(h.t, `mount -t tmpfs -o "$2" tmpfs "$1"`, folder, options)
}

// fill writes files into a folder until there is no space for more, and returns
// what deletes them.
func (h *worldHome) fill(folder string, each int) (empty func()) {
	h.t.Helper()
	folder = h.see(filepath.Join(folder, "ballast"))
	h.must(os.MkdirAll(folder, 0o755))
	block := make([]byte, each)
	for n := 0; ; n++ {
		path := filepath.Join(folder, fmt.Sprint(n))
		if err := os.WriteFile(path, block, 0o644); err != nil {
			break // disk full
		}
		if n > 1<<14 {
			h.t.Fatal("the disk does not get full")
		}
	}
	return func() { h.must(os.RemoveAll(folder)) }
}
