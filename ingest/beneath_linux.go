package ingest

import (
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// walks is set on a machine whose kernel or sandbox has no openat2.
var walks atomic.Bool

// openBeneath opens rel below the folder dir, follows no link and never leaves
// the folder.
func openBeneath(dir int, rel string, flags int) (fd int, err error) {
	how := unix.OpenHow{
		Flags:   uint64(flags),
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS,
	}
	for !walks.Load() {
		fd, err = unix.Openat2(dir, rel, &how)
		switch err {
		case unix.EINTR, unix.EAGAIN: // a rename came in between
		case unix.ENOSYS, unix.EPERM:
			// EPERM is also what a sandbox says that does not know the call. Where it
			// is the file's own, opening it the other way says so too.
			if fd, err = walkBeneath(dir, rel, flags); err != unix.EPERM {
				walks.Store(true)
			}
			return fd, err
		default:
			return fd, err
		}
	}
	return walkBeneath(dir, rel, flags)
}
