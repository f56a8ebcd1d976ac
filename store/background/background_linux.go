// Package background is for work that can wait, beside commits in the same process
// that should not.
package background

import (
	"runtime"
	"sync"

	"golang.org/x/sys/unix"
)

// politeness is the niceness of work that can wait.
const politeness = 10

// Do does some work on a thread that yields, and returns when it is done. As long as
// that lasts Go has a processor more: else the work would hold one of few while the
// system lets its thread wait, and goroutines that return from SQLite would wait for
// it to be taken away, which is up to 10 ms. Go no longer follows a limit on
// processors that changes from then on.
func Do(work func()) {
	processors(+1)
	defer processors(-1)
	done := make(chan struct{})
	go func() {
		defer close(done)
		Yield()
		work()
	}()
	<-done
}

// Yield gives the goroutine that calls it a thread of its own whose priority is low,
// until it ends: the thread ends with it, since nobody may raise its priority again.
// What the goroutine starts has the usual priority. Where it may not be lowered, all
// is done as ever.
func Yield() {
	runtime.LockOSThread()
	unix.Setpriority(unix.PRIO_PROCESS, unix.Gettid(), politeness) // to Linux a thread's
}

var changing sync.Mutex

func processors(more int) {
	changing.Lock()
	defer changing.Unlock()
	runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + more)
}
