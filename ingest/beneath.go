package ingest

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// A root is a folder in which others may put what they like. It may itself be
// reached through links; below it none is followed, not even one that takes the
// place of a folder between two looks: a path that leads through one is no path.
type root struct {
	dir  *os.File
	path string
}

func openRoot(path string) (*root, error) {
	dir, err := openDir(path)
	if err != nil {
		return nil, err
	}
	return &root{dir, path}, nil
}

// openDir opens a folder, and waits for no pipe that stands in its place.
func openDir(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NONBLOCK, 0)
}

func (r *root) close() error { return r.dir.Close() }

// roots are kept open for as long as a look at them takes. Many may use them;
// they are closed when nobody does, and opened anew after that.
type roots struct {
	sync.Mutex
	byPath map[string]*root
}

func (all *roots) open(path string) (*root, error) {
	all.Lock()
	defer all.Unlock()
	if r, ok := all.byPath[path]; ok {
		return r, nil
	}
	r, err := openRoot(path)
	if err != nil {
		return nil, err
	}
	if all.byPath == nil {
		all.byPath = map[string]*root{}
	}
	all.byPath[path] = r
	return r, nil
}

func (all *roots) close() {
	all.Lock()
	defer all.Unlock()
	for _, r := range all.byPath {
		r.close()
	}
	clear(all.byPath)
}

// open opens the file at rel for reading, without waiting for a pipe. A link at
// rel itself is [unix.ELOOP]; one in the place of a folder above it is [fs.ErrNotExist],
// as is anything else there that is no folder.
func (r *root) open(rel string) (*os.File, error) {
	f, err := r.openAt(rel, unix.O_RDONLY|unix.O_NONBLOCK)
	if dir := filepath.Dir(rel); dir != "." && isNoFolder(err) {
		d, aboveErr := r.folder(dir)
		if aboveErr != nil {
			return nil, aboveErr
		}
		d.Close()
	}
	return f, err
}

// folder opens the folder at rel. The error is [fs.ErrNotExist] when it is not
// there, or is no folder, or is only to be reached through a link.
func (r *root) folder(rel string) (*os.File, error) {
	f, err := r.openAt(rel, unix.O_RDONLY|unix.O_DIRECTORY)
	if isNoFolder(err) {
		err = &fs.PathError{Op: "open folder", Path: filepath.Join(r.path, rel), Err: errLinked}
	}
	return f, err
}

// errLinked is [fs.ErrNotExist] for who only asks whether it is there.
var errLinked error = linkedError{}

type linkedError struct{}

func (linkedError) Error() string        { return "a link or a file stands in the place of a folder" }
func (linkedError) Is(target error) bool { return target == fs.ErrNotExist }

// isNoFolder reports whether a path failed at something that is no folder.
func isNoFolder(err error) bool {
	return errors.Is(err, unix.ELOOP) || errors.Is(err, unix.ENOTDIR)
}

// openAt opens rel and follows no link, neither on the way nor at its end.
func (r *root) openAt(rel string, flags int) (*os.File, error) {
	path := filepath.Join(r.path, rel)
	fd, err := openBeneath(int(r.dir.Fd()), rel, flags|unix.O_CLOEXEC|unix.O_NOFOLLOW)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	return os.NewFile(uintptr(fd), path), nil
}

// walkBeneath is openBeneath, folder by folder, for systems that cannot do it
// in one step.
func walkBeneath(dir int, rel string, flags int) (fd int, err error) {
	names := strings.Split(rel, string(filepath.Separator))
	if slices.Contains(names, "..") || filepath.IsAbs(rel) {
		return -1, unix.EXDEV
	}
	at := dir
	for _, name := range names[:len(names)-1] {
		next, err := openat(at, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		if at != dir {
			unix.Close(at)
		}
		if err != nil {
			return -1, err
		}
		at = next
	}
	fd, err = openat(at, names[len(names)-1], flags, 0)
	if at != dir {
		unix.Close(at)
	}
	return fd, err
}

// openat is [unix.Openat], again when a signal interrupts it.
func openat(dir int, name string, flags int, mode uint32) (fd int, err error) {
	for {
		fd, err = unix.Openat(dir, name, flags, mode)
		if err != unix.EINTR {
			return fd, err
		}
	}
}
