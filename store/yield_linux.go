package store

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// politeness is the niceness of work that can wait.
const politeness = 10

// yielding does some work on a thread of its own whose priority is low: it can wait,
// and the commits beside it should not. What it starts in other goroutines has the
// usual priority.
func yielding(work func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()                                         // for good: the thread ends with this goroutine, since nobody may raise its priority again
		unix.Setpriority(unix.PRIO_PROCESS, unix.Gettid(), politeness) // to Linux a thread's; where it may not be lowered, all is done as ever
		work()
	}()
	<-done
}
