//go:build faults

package store

import (
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
)

// Step kills the process, as SIGKILL does, when it is the step that
// CONSENSUSD_DIE_AT names, as STEP:N, and it is passed for the Nth time.
func Step(name string) {
	if name == dieAt && passed.Add(1) == dieOn {
		syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {} // nothing more happens, however long the signal takes
	}
}

// reuseAfter is 4096 as in all builds, or what CONSENSUSD_REUSE_AFTER says, so that
// a short life sees its log begin anew.
var reuseAfter = func() int {
	if n, err := strconv.Atoi(os.Getenv("CONSENSUSD_REUSE_AFTER")); err == nil {
		return n
	}
	return 4096
}()

var (
	passed       atomic.Int64
	dieAt, dieOn = deadline()
)

func deadline() (step string, pass int64) {
	step, n, _ := strings.Cut(os.Getenv("CONSENSUSD_DIE_AT"), ":")
	pass, _ = strconv.ParseInt(n, 10, 64)
	return step, pass
}
