package main

import (
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
)

// The priority is the whole process's, and cannot be taken back: so it is lowered
// in one of its own.
func TestWorkThatCanWaitYieldsOnEveryThread(t *testing.T) {
	if os.Getenv("YIELD_TO_OTHERS") == "" {
		again := exec.Command("/proc/self/exe", "-test.run=^"+t.Name()+"$")
		again.Env = append(os.Environ(), "YIELD_TO_OTHERS=1")
		if out, err := again.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	before, err := unix.Getpriority(unix.PRIO_PROCESS, 0) // 20 less the niceness
	if err != nil {
		t.Fatal(err)
	}
	yieldToOthers()
	begun := make(chan bool)
	for range 4 {
		go func() {
			runtime.LockOSThread() // and so other goroutines get new threads
			begun <- true
			select {}
		}()
		<-begun
	}
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Fatal(err)
	}
	for _, thread := range threads {
		id, err := strconv.Atoi(thread.Name())
		if err != nil {
			t.Fatal(err)
		}
		if is, err := unix.Getpriority(unix.PRIO_PROCESS, id); err != nil || is != min(before, 20-politeness) {
			t.Errorf("thread %d of %d: priority %d, %v", id, len(threads), is, err)
		}
	}
}
