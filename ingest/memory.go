package ingest

import (
	"context"
	"os"
	"runtime"

	"golang.org/x/sync/semaphore"
)

// readAhead is how many bytes of files are read before they are committed.
const readAhead = 32 << 20

// memory bounds the bytes of files that are held at a time. A file larger than
// all of it takes all of it.
type memory struct {
	free *semaphore.Weighted
	size int64
}

func newMemory(size int64) *memory { return &memory{semaphore.NewWeighted(size), size} }

// acquire waits until there is room for f and returns what to release, nothing
// when ctx is done.
func (m *memory) acquire(ctx context.Context, f file) int64 {
	info, err := os.Lstat(f.path)
	if err != nil {
		return 0
	}
	n := min(info.Size(), m.size)
	if m.free.Acquire(ctx, n) != nil {
		return 0
	}
	makeRoom(info.Size())
	return n
}

func (m *memory) release(n int64) { m.free.Release(n) }

// largeFile is the size from which on a file is worth a collection, which
// takes some milliseconds.
const largeFile = 8 << 20

// makeRoom collects what is left of earlier files before a large one is read:
// else two of them would be in memory, one of which nobody needs.
func makeRoom(size int64) {
	if size >= largeFile {
		runtime.GC()
	}
}
