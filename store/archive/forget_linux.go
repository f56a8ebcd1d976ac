package archive

import (
	"os"

	"golang.org/x/sys/unix"
)

// forget drops what the system remembers of a synced file, so that reading it
// reads the disk. Where it does not, reading is all the same.
func forget(file *os.File) { unix.Fadvise(int(file.Fd()), 0, 0, unix.FADV_DONTNEED) }
