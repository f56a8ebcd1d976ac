package ingest

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// folders are those of a home that files are moved between, each opened once,
// as [root] does: what has been looked at cannot be exchanged for another folder
// before it is used. One goroutine uses them, for one group of files.
type folders struct {
	home    Home
	open    map[string]*os.File // by path
	changed []string            // those that a folder was made in, which is not durable yet
}

func (h Home) folders() *folders { return &folders{home: h, open: map[string]*os.File{}} }

func (f *folders) close() {
	for _, dir := range f.open {
		dir.Close()
	}
}

// dir returns the folder at path, which is closed with all others. The error is
// [fs.ErrNotExist] when there is none.
func (f *folders) dir(path string) (*os.File, error) {
	if d, ok := f.open[path]; ok {
		return d, nil
	}
	top := f.home.rootOf(path)
	if top == "" {
		return nil, &fs.PathError{Op: "use folder", Path: path, Err: errors.New("it is none of the home's")}
	}
	r, err := openRoot(top)
	if err != nil {
		return nil, err
	}
	d := r.dir
	if path != top {
		d, err = r.folder(strings.TrimPrefix(path, top+string(filepath.Separator)))
		r.close()
	}
	if err != nil {
		return nil, err
	}
	f.open[path] = d
	return d, nil
}

// make makes the folder at path, and those above it that are not there, be it
// done/ or failed/ itself, which somebody has deleted. The
// error is [syscall.ENOTDIR] when something else is in the place of one.
func (f *folders) make(path string) error {
	_, err := f.dir(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if path == f.home.rootOf(path) {
		if err := os.Mkdir(path, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		f.changed = append(f.changed, filepath.Dir(path))
		_, err := f.dir(path)
		return err
	}
	if err := f.make(filepath.Dir(path)); err != nil {
		return err
	}
	above, err := f.dir(filepath.Dir(path))
	if err != nil {
		return err
	}
	if err := unix.Mkdirat(int(above.Fd()), filepath.Base(path), 0o755); err != nil && err != unix.EEXIST {
		return &fs.PathError{Op: "mkdir", Path: path, Err: err}
	}
	f.changed = append(f.changed, filepath.Dir(path))
	_, err = f.dir(path)
	if errors.Is(err, errLinked) {
		err = &fs.PathError{Op: "mkdir", Path: path, Err: syscall.ENOTDIR}
	}
	return err
}

// syncChanged makes the folders durable that were made.
func (f *folders) syncChanged() error {
	changed := unique(f.changed)
	f.changed = nil
	return syncDirs(changed...)
}

// at returns the folder that holds path, and the file's name in it.
func (f *folders) at(path string) (dir int, name string, err error) {
	d, err := f.dir(filepath.Dir(path))
	if err != nil {
		return -1, "", err
	}
	return int(d.Fd()), filepath.Base(path), nil
}

// rename renames from to to unless to is taken: the error is then [fs.ErrExist].
func (f *folders) rename(from, to string) error {
	fromDir, was, err := f.at(from)
	if err != nil {
		return err
	}
	toDir, is, err := f.at(to)
	if err == nil {
		otherwise := renameFree
		if f.home.rootOf(to) == f.home.Inbox() {
			otherwise = linkFree // from is in staging/ or failed/, or was moved by us
		}
		err = renameNew(fromDir, was, toDir, is, otherwise)
	}
	if err != nil {
		return &fs.PathError{Op: "rename to " + to + " from", Path: from, Err: err}
	}
	return nil
}

// remove deletes the file at path.
func (f *folders) remove(path string) error {
	dir, name, err := f.at(path)
	if err == nil {
		err = unix.Unlinkat(dir, name, 0)
	}
	if err != nil {
		return &fs.PathError{Op: "remove", Path: path, Err: err}
	}
	return nil
}

// write puts a file at path, whole or not at all, in place of one that is there.
func (f *folders) write(path string, data []byte) error {
	dir, name, err := f.at(path)
	if err != nil {
		return err
	}
	random := make([]byte, 8)
	rand.Read(random)
	temporary := "." + hex.EncodeToString(random) + ".tmp"
	fd, err := openat(dir, temporary, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o644)
	if err != nil {
		return &fs.PathError{Op: "create", Path: path, Err: err}
	}
	file := os.NewFile(uintptr(fd), path)
	_, err = file.Write(data)
	err = errors.Join(err, file.Sync(), file.Close())
	if err == nil {
		err = unix.Renameat(dir, temporary, dir, name)
	}
	if err != nil {
		unix.Unlinkat(dir, temporary, 0)
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}
