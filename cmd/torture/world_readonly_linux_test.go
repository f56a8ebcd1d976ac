package torture

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
)

// readOnlyDatabase has everything that the daemon writes into its open database
// fail as on a disk that has turned read-only, which no mount can be made to do
// while the database is open, and then succeed again.
func readOnlyDatabase(h *worldHome) (end func()) {
	needStrace(h.t)
	args := []string{"-f", "-p", fmt.Sprint(h.holder()), "-o", "/dev/null", "-e", "inject=write,pwrite64,ftruncate,fsync,fdatasync:error=EROFS"}
	for _, suffix := range []string{"", "-wal", "-shm"} {
		args = append(args, "-P", h.db+suffix)
	}
	cmd := exec.Command("strace", args...)
	says, err := cmd.StderrPipe()
	h.must(err)
	h.must(cmd.Start())
	h.t.Cleanup(func() { cmd.Process.Kill() })
	lines := bufio.NewScanner(says)
	for lines.Scan() && !strings.Contains(lines.Text(), "attached") {
		h.t.Log(lines.Text())
	}
	go func() {
		for lines.Scan() { // threads that come and go
		}
	}()
	return func() {
		h.must(cmd.Process.Signal(syscall.SIGINT)) // it lets go, and all goes on
		cmd.Wait()
	}
}

// holder is the process that holds the home.
func (h *worldHome) holder() int {
	h.t.Helper()
	text, err := os.ReadFile(h.in("daemon.lock"))
	h.must(err)
	var holder struct{ PID int }
	h.must(json.Unmarshal(text, &holder))
	return holder.PID
}
