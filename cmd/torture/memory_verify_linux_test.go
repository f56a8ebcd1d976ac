package torture

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// verifyPeak is how much memory verify may take, in MiB, whatever it looks at:
// about 40 that it takes, and as much of what the collector has not got to.
const verifyPeak = 80

func TestVerifyNeedsLittleMemoryHoweverMuchThereIs(t *testing.T) {
	files := 12_000
	if long {
		files = 60_000
	}
	home := filepath.Join(t.TempDir(), "a home")
	verifyDrop(t, home, files)
	if out, err := exec.Command(binary, "ingest", "--quiet", "--home", home).CombinedOutput(); err != nil {
		t.Fatalf("ingest: %v\n%s", err, out)
	}
	var out bytes.Buffer
	cmd := exec.Command(binary, "verify", "--json", "--home", home)
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	peak, looks := peakUntil(t, cmd.Process.Pid, ended)
	var answer struct {
		Data struct {
			OK                     bool
			Runs, Documents, Files int
		}
	}
	err := json.Unmarshal(out.Bytes(), &answer)
	if d := answer.Data; err != nil || !d.OK || d.Runs != files || d.Documents != files || d.Files != files {
		t.Fatalf("verify: %v\n%s", err, &out)
	}
	info, err := os.Stat(filepath.Join(home, "consensus.db"))
	if err != nil || info.Size() < int64(files)*5000 {
		t.Fatalf("a database of %d bytes proves nothing; %v", info.Size(), err)
	}
	if peak > verifyPeak || looks < 10 {
		t.Errorf("verify took %d MiB, more than %d; it was looked at %d times", peak, verifyPeak, looks)
	}
	tell(t, "verify of %d files and a database of %d MiB: peak %d MiB", files, info.Size()>>20, peak)
}

// verifyDrop fills an inbox with runs of some kilobytes each.
func verifyDrop(t *testing.T, home string, files int) {
	t.Helper()
	for i := range files {
		folder := filepath.Join(home, "inbox", fmt.Sprintf("SPEC-%03d", i%300))
		if i < 300 {
			must(t, os.MkdirAll(folder, 0o755))
		}
		text := fmt.Sprintf(`{"run_id": "run-%d", "spec_id": "SPEC-%03d", "stage": "plan", "timestamp": "2026-03-01T10:00:00Z", "agents": [{"agent": "claude", "content": %q}, {"agent": "gemini", "content": "So say I, %d."}], "consensus_ok": true}`,
			i, i%300, strings.Repeat(fmt.Sprintf("Step %d of many. ", i), 250), i)
		must(t, os.WriteFile(filepath.Join(folder, fmt.Sprintf("%d.json", i)), []byte(text), 0o644))
	}
}

// peakUntil asks a process again and again, until it has ended, how much memory
// it has had resident at most, in MiB.
func peakUntil(t *testing.T, pid int, ended <-chan error) (peak, looks int) {
	t.Helper()
	for tick := time.Tick(2 * time.Millisecond); ; {
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("it ended with %v", err)
			}
			return peak, looks
		case <-tick:
			f, err := os.Open(fmt.Sprintf("/proc/%d/status", pid))
			if err != nil {
				continue // it has just ended
			}
			for lines := bufio.NewScanner(f); lines.Scan(); {
				if value, ok := strings.CutPrefix(lines.Text(), "VmHWM:"); ok {
					kib, err := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(value), " kB"))
					must(t, err)
					peak = kib >> 10
					looks++
				}
			}
			f.Close()
		}
	}
}
