package torture

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// syncCall is the beginning of a call that has a part of a file, or all of it,
// written to the disk.
var syncCall = regexp.MustCompile(`(?m)^\d+ +(sync_file_range|fsync|fdatasync)\(\d+<([^>]*)>(?:, (\d+), (\d+))?`)

// A sync that has a whole backup to write holds up every commit of a daemon beside
// it. How often a part was written before is the disk's affair.
func TestABackupIsWrittenToTheDiskWhileItIsMade(t *testing.T) {
	needStrace(t)
	const runs = 32 // of a mebibyte each
	l := newLife(t)
	for n := range runs {
		l.drop(fmt.Sprintf("run-%d", n), "SPEC", "2199-01-01", strings.Repeat(fmt.Sprintf("Cart %06d. ", n), 1<<20/12))
	}
	l.run("ingest")
	log := filepath.Join(t.TempDir(), "trace")
	l.by = []string{"strace", "-f", "--seccomp-bpf", "-y", "-e", "signal=none", "-e", "trace=sync_file_range,fsync,fdatasync", "-o", log}
	l.run("backup")
	l.by = nil
	text, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	var parts []int64 // where they begin, until the copy is synced
	for _, m := range syncCall.FindAllStringSubmatch(string(text), -1) {
		if call, path := m[1], m[2]; !strings.Contains(path, "/backups/") || filepath.Base(path) != "consensus.db" {
			continue
		} else if call != "sync_file_range" {
			break
		}
		from, _ := strconv.ParseInt(m[3], 10, 64)
		bytes, _ := strconv.ParseInt(m[4], 10, 64)
		if from != int64(len(parts))*bytes {
			t.Errorf("%d bytes from %d are written after the parts at %d", bytes, from, parts)
		}
		parts = append(parts, from)
	}
	if len(parts) == 0 {
		t.Errorf("no part of the copy is written before it is synced:\n%s", text)
	}
	l.run("verify")
}
