package archive

import (
	"os"

	"golang.org/x/sys/unix"
)

// Flush has the system write a part of a file to the disk, and waits for that. It
// makes nothing durable, but a later sync short: who syncs anything else
// meanwhile waits for that one. Where it does not, all is the same but slower.
func Flush(file *os.File, from, bytes int64) {
	unix.SyncFileRange(int(file.Fd()), from, bytes, unix.SYNC_FILE_RANGE_WAIT_BEFORE|unix.SYNC_FILE_RANGE_WRITE|unix.SYNC_FILE_RANGE_WAIT_AFTER)
}
