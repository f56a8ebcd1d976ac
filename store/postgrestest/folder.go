package postgrestest

import (
	"errors"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
)

// A folder keeps the files of servers. It goes when all processes have ended
// that were launched in it, and the test process too or called remove.
type folder struct {
	path    string
	owner   *account // nil for the user of the test process
	inUse   *os.File // the end of a pipe that those processes hold
	remover *exec.Cmd
}

// An account is a user without privileges.
type account struct{ uid, gid uint32 }

// newFolder makes a folder with a blank in its name.
func newFolder() (*folder, error) {
	owner, err := unprivileged()
	if err != nil {
		return nil, err
	}
	path, err := os.MkdirTemp(openTempDir(), "postgres test ")
	if err != nil {
		return nil, err
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, os.Remove(path))
	}
	defer r.Close()
	// A process of its own, for the test process may be killed.
	remover := exec.Command("sh", "-c", `trap "" HUP INT QUIT TERM; cat; rm -rf "$0"`, path)
	remover.Stdin = r
	if err := remover.Start(); err != nil {
		return nil, errors.Join(err, w.Close(), os.Remove(path))
	}
	f := &folder{path: path, owner: owner, inUse: w, remover: remover}
	if err := f.give(path, 0o755); err != nil {
		return nil, errors.Join(err, f.remove())
	}
	return f, nil
}

// unprivileged returns the user that servers run as: PostgreSQL refuses root.
func unprivileged() (*account, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		u, err = user.Lookup("nobody")
	}
	if err != nil {
		return nil, err
	}
	uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
	gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
	return &account{uint32(uid), uint32(gid)}, errors.Join(err1, err2)
}

// openTempDir returns a folder for temporary files that every user can reach.
func openTempDir() string {
	for dir := os.TempDir(); ; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		if err != nil || info.Mode()&0o001 == 0 {
			return "/tmp"
		}
		if dir == filepath.Dir(dir) {
			return os.TempDir()
		}
	}
}

// write makes a file of the folder's owner.
func (f *folder) write(name string, mode os.FileMode, text []byte) error {
	path := filepath.Join(f.path, name)
	if err := os.WriteFile(path, text, mode); err != nil {
		return err
	}
	return f.give(path, mode)
}

func (f *folder) give(path string, mode os.FileMode) error {
	if err := os.Chmod(path, mode); err != nil || f.owner == nil {
		return err
	}
	return os.Chown(path, int(f.owner.uid), int(f.owner.gid))
}

// remove waits until the folder is gone. Its processes must end before.
func (f *folder) remove() error {
	return errors.Join(f.inUse.Close(), f.remover.Wait())
}
