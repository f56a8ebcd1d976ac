package torture

import (
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// needStrace ends the test where no process can be traced, and fails it in CI.
func needStrace(t *testing.T) {
	t.Helper()
	out, err := exec.Command("strace", "-f", "-o", "/dev/null", "true").CombinedOutput()
	switch {
	case err == nil:
	case os.Getenv("CI") != "":
		t.Fatalf("no power was cut: strace: %v: apt-get install strace, and allow ptrace\n%s", err, out)
	default:
		t.Skipf("no power was cut: strace: %v: apt-get install strace, and allow ptrace\n%s", err, out)
	}
}

// tracePower runs a command under strace, and returns what it and its children
// did to the files below root.
func tracePower(t *testing.T, dir, root string, env []string, command ...string) []powerOp {
	t.Helper()
	log := filepath.Join(dir, "trace")
	args := []string{"-f", "--seccomp-bpf", "-y", "-xx", "-s", "16777216", "-e", "signal=none", "-e", "trace=" + powerCalls, "-o", log}
	cmd := exec.Command("strace", append(args, command...)...)
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || exit.ExitCode() != 3) { // 3: some were rejected
		t.Fatalf("%s: %v\n%s", strings.Join(command, " "), err, out)
	}
	f, err := os.Open(log)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	ops, err := readPowerTrace(f, root, filepath.Join(dir, "marks"))
	if err != nil {
		t.Fatal(err)
	}
	return ops
}

// powerSession is the whole life of a home, as its disk saw it.
func powerSession(t *testing.T) []powerOp {
	t.Helper()
	needStrace(t)
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	root := filepath.Join(dir, "disk")
	if err := os.Mkdir(root, 0o755); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ops := tracePower(t, dir, root, []string{"POWER_SESSION=" + dir, "POWER_BINARY=" + binary}, self)
	d := newPowerDisk()
	for _, op := range ops {
		if err := d.apply(op); err != nil {
			t.Fatal(err)
		}
	}
	mustHaveSeenAll(t, root, d)
	return ops
}

// mustHaveSeenAll compares the model's disk, nothing lost, with the real one.
func mustHaveSeenAll(t *testing.T, root string, d *powerDisk) {
	t.Helper()
	model := map[string]string{}
	for path, b := range d.image(powerKeeps(nil, 0)[1]) {
		if !strings.HasSuffix(path, "/") {
			model[path] = string(b)
		}
	}
	real := map[string]string{}
	err := filepath.Walk(root, func(path string, info os.FileInfo, err error) error {
		if err != nil || info.IsDir() || strings.HasSuffix(path, "-shm") {
			return err
		}
		b, err := os.ReadFile(path)
		real[strings.TrimPrefix(path, root+"/")] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(real, model); diff != "" {
		t.Fatalf("the trace has missed something (-disk +model):\n%.2000s", diff)
	}
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

// A process that is killed leaves to the next one what it wrote and did not
// sync. Whoever takes that for recorded moves documents away, which are lost
// when the power goes before the kernel writes it by itself.
func TestWhatAKilledProcessHadNotSyncedIsNotTakenForRecorded(t *testing.T) {
	ops := powerSession(t)
	var commits, others []int
	for i, op := range ops {
		switch {
		case op.Kind != "sync" || i < 100: // later the home is there
		case strings.HasSuffix(op.Path, "-wal"):
			commits = append(commits, i)
		default:
			others = append(others, i)
		}
	}
	random := rand.New(rand.NewPCG(3, 3))
	pick := func(from []int, n int) (picked []int) {
		for _, i := range random.Perm(len(from))[:min(n, len(from))] {
			picked = append(picked, from[i])
		}
		return picked
	}
	kills := append(pick(commits, 5), pick(others, 3)...)
	if long {
		kills = append(pick(commits, 60), pick(others, 60)...)
	}
	var sum powerCounts
	var unsynced int
	for _, i := range kills {
		c, only := powerKilledBefore(t, ops, i)
		sum.add(c)
		unsynced += only
	}
	tell(t, "%d kills, %d documents committed and not synced; %s", len(kills), unsynced, sum)
	if unsynced == 0 {
		t.Error("no process was killed between a commit and its sync")
	}
}

// powerKilledBefore kills everything before an operation, lets another process
// record what is there, and cuts the power wherever that one is. It also returns
// how many documents were recorded in what the dead one had not synced.
func powerKilledBefore(t *testing.T, ops []powerOp, kill int) (c powerCounts, unsynced int) {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	r := newPowerReplay(t, uint64(kill))
	for _, op := range ops[:kill] {
		r.apply(op)
	}
	keeps := powerKeeps(r.random, 0)
	count := func(name string, keep powerKeep) int {
		home := filepath.Join(dir, name, "new", "home")
		if err := writePowerImage(filepath.Join(dir, name), r.disk.image(keep)); err != nil {
			t.Fatal(err)
		}
		return len(readPowerHome(t, powerImage{home: home, after: "killed"}).receipts)
	}
	unsynced = count("all kept", keeps[1]) - count("all dropped", keeps[0])

	root := filepath.Join(dir, "disk")
	if err := writePowerImage(root, r.disk.image(keeps[1])); err != nil {
		t.Fatal(err)
	}
	r.run(tracePower(t, dir, root, nil, binary, "ingest", "--quiet", "--settle", "0s", "--home", filepath.Join(root, "new", "home")))
	c = r.wait()
	mustHaveSeenAll(t, root, r.disk)
	return c, max(unsynced, 0)
}
