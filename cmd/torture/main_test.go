package torture

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// long asks for the whole of every test, as make torture does.
var long = os.Getenv("CONSENSUSD_TORTURE") != ""

// binary is the path of a consensusd that can be told at which step to die
// ([store.Step]).
var binary string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "torture ")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "consensusd")
	build := exec.Command("go", "build", "-tags", "faults", "-o", binary, "../consensusd")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build consensusd: %v\n%s", err, out)
		return 1
	}
	code := m.Run()
	if long {
		for _, line := range told.lines {
			fmt.Println(line)
		}
	}
	return code
}

// told is what the tests have to say at the end of make torture.
var told struct {
	mu    sync.Mutex
	lines []string
}

// tell adds a line to the summary: what was done, and what was lost, doubled or
// partial.
func tell(t *testing.T, format string, args ...any) {
	line := fmt.Sprintf(format, args...)
	t.Log(line)
	told.mu.Lock()
	defer told.mu.Unlock()
	told.lines = append(told.lines, t.Name()+": "+line)
}
