package main

import (
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// politeness is the niceness of work that can wait.
const politeness = 10

// yieldToOthers lowers the priority of the whole process: what it does can wait,
// and a daemon's commits beside it should not. Where it may not, it works as
// before.
func yieldToOthers() {
	threads, err := os.ReadDir("/proc/self/task") // to Linux each has a priority of its own, and new ones inherit it
	if err != nil {
		return
	}
	for _, t := range threads {
		if id, err := strconv.Atoi(t.Name()); err == nil {
			unix.Setpriority(unix.PRIO_PROCESS, id, politeness)
		}
	}
}
