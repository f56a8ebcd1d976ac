package background

import (
	"runtime"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

func priority(t *testing.T) int { // 20 less the niceness
	t.Helper()
	p, err := unix.Getpriority(unix.PRIO_PROCESS, unix.Gettid())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestWorkThatCanWaitHasALowPriorityAndNothingElse(t *testing.T) {
	before := priority(t)
	var during int
	for range 50 { // threads are used again, this one must not be
		Do(func() { during = priority(t) })
		if want := min(before, 20-politeness); during != want {
			t.Fatalf("priority %d, want %d", during, want)
		}
		after := make(chan int)
		for range 4 {
			go func() { after <- priority(t) }()
		}
		for range 4 {
			if p := <-after; p != before {
				t.Fatalf("afterwards it is %d somewhere, before it was %d", p, before)
			}
		}
	}
}

func TestWorkThatCanWaitTakesNobodysProcessor(t *testing.T) {
	before := runtime.GOMAXPROCS(0)
	const works = 8
	var begun, all sync.WaitGroup
	begun.Add(works)
	most := make(chan int, works)
	for range works {
		all.Go(func() {
			Do(func() {
				begun.Done()
				begun.Wait() // for all, so that they are at it at once
				most <- runtime.GOMAXPROCS(0)
			})
		})
	}
	if got := <-most; got <= before {
		t.Errorf("%d processors while it lasts, %d before", got, before)
	}
	all.Wait()
	if got := runtime.GOMAXPROCS(0); got != before {
		t.Errorf("%d processors afterwards, %d before", got, before)
	}
}
