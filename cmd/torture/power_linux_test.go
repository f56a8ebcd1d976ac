package torture

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// needStrace ends the test where no process can be traced, and fails it in CI and
// in make torture, which leave nothing out.
func needStrace(t *testing.T) {
	t.Helper()
	out, err := exec.Command("strace", "-f", "-o", "/dev/null", "true").CombinedOutput()
	switch {
	case err == nil:
	case os.Getenv("CI") != "" || long:
		t.Fatalf("no process can be traced: strace: %v: apt-get install strace, and allow ptrace\n%s", err, out)
	default:
		t.Skipf("no process can be traced: strace: %v: apt-get install strace, and allow ptrace\n%s", err, out)
	}
}

// tracePower runs a command under strace, and returns what it and its children
// did to the files below root.
func tracePower(dir, root string, env []string, command ...string) ([]powerOp, error) {
	log := filepath.Join(dir, "trace")
	args := []string{"-f", "--seccomp-bpf", "-y", "-xx", "-s", "16777216", "-e", "signal=none", "-e", "trace=" + powerCalls, "-o", log}
	cmd := exec.Command("strace", append(args, command...)...)
	cmd.Env = append(append(os.Environ(), "CONSENSUSD_REUSE_AFTER=300"), env...) // the log begins anew within a session
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || exit.ExitCode() != 3) { // 3: some were rejected
		return nil, fmt.Errorf("%s: %w\n%s", strings.Join(command, " "), err, out)
	}
	f, err := os.Open(log)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readPowerTrace(f, root, filepath.Join(dir, "marks"))
}

// powerSession returns the whole life of a home, as its disk saw it.
func powerSession(t *testing.T) []powerOp {
	t.Helper()
	needStrace(t)
	ops, err := powerLife()
	if err != nil {
		t.Fatal(err)
	}
	return ops
}

var powerLife = sync.OnceValues(func() ([]powerOp, error) {
	dir, err := os.MkdirTemp("", "power ")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		return nil, err
	}
	root := filepath.Join(dir, "disk")
	if err := os.Mkdir(root, 0o755); err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	ops, err := tracePower(dir, root, []string{"POWER_SESSION=" + dir, "POWER_BINARY=" + binary}, self)
	if err != nil {
		return nil, err
	}
	d := newPowerDisk()
	for _, op := range ops {
		if err := d.apply(op); err != nil {
			return nil, err
		}
	}
	return ops, sameAsDisk(root, d)
})

// sameAsDisk compares the model, nothing lost, with the real files: whether the
// trace missed anything.
func sameAsDisk(root string, d *powerDisk) error {
	model := map[string]string{}
	for path, b := range d.image(powerKeeps(nil, 0)[1]) {
		if !strings.HasSuffix(path, "/") {
			model[path] = string(b)
		}
	}
	disk := map[string]string{}
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || strings.HasSuffix(path, "-shm") {
			return err
		}
		b, err := os.ReadFile(path)
		disk[strings.TrimPrefix(path, root+"/")] = string(b)
		return err
	})
	if diff := cmp.Diff(disk, model); err == nil && diff != "" {
		err = fmt.Errorf("the trace has missed something (-disk +model):\n%.2000s", diff)
	}
	return err
}

func TestWhatIsSettledIsRecordedWhereverPowerIsLost(t *testing.T) {
	ops := powerSession(t)
	r := newPowerReplay(t, 1)
	r.run(ops)
	c := r.wait()
	tell(t, "%s", c)
	if c.prefixes < 300 || c.databases < c.prefixes || c.again < 20 {
		t.Errorf("%d prefixes, %d databases, %d recorded again: too few to tell anything", c.prefixes, c.databases, c.again)
	}
	if c.torn == 0 {
		t.Error("no file in done/ has lost what was never synced: the last daemon did not stop in good order")
	}
	if long && c.prefixes != c.operations {
		t.Errorf("the power was cut after %d of %d operations, and not after each", c.prefixes, c.operations)
	}
	mustHaveCheckpointed(t, ops)
}

// mustHaveCheckpointed: what is in the log came into the database beside
// commits, and the log began anew.
func mustHaveCheckpointed(t *testing.T, ops []powerOp) {
	t.Helper()
	var checkpointed, anew bool
	length := map[string]int64{}
	for _, op := range ops {
		switch {
		case op.Kind == "remove":
			length[op.Path] = 0
		case op.Kind == "write" && strings.HasSuffix(op.Path, "-wal"):
			anew = anew || op.Offset == 0 && checkpointed && length[op.Path] > 32
			length[op.Path] = max(length[op.Path], op.Offset+int64(len(op.Data)))
		case op.Kind == "write" && strings.HasSuffix(op.Path, ".db"):
			checkpointed = checkpointed || length[op.Path+"-wal"] > 32
		}
	}
	if !checkpointed || !anew {
		t.Errorf("checkpointed beside commits: %t, log begun anew: %t; the session must show both", checkpointed, anew)
	}
}
