//go:build linux

package cluster

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// diskSize holds the database of a test several times over, and is quickly full.
const diskSize = 384 << 20

// A machine is a thread in namespaces of its own. What is started from it runs
// in them, and dies with it.
type machine struct {
	disk    string // a file system of its own is mounted there, for the machine only
	user    *unixUser
	work    chan func()
	ended   chan struct{}
	init    *exec.Cmd
	running sync.WaitGroup
}

func startMachine(disk string, as *unixUser) (*machine, error) {
	m := &machine{disk: disk, user: as, work: make(chan func()), ended: make(chan struct{})}
	go func() {
		runtime.LockOSThread() // and never unlock: the thread shall end with the goroutine
		for {
			select {
			case f := <-m.work:
				f()
			case <-m.ended:
				return
			}
		}
	}()
	if err := m.do(m.separate); err != nil {
		return nil, errors.Join(err, m.close())
	}
	return m, nil
}

var errEnded = errors.New("the machine has ended")

// do calls f on the machine's thread.
func (m *machine) do(f func() error) error {
	done := make(chan error, 1)
	select {
	case m.work <- func() { done <- f() }:
		return <-done
	case <-m.ended:
		return errEnded
	}
}

func (m *machine) separate() error {
	if err := unix.Unshare(unix.CLONE_FS | unix.CLONE_NEWNS | unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("unshare namespaces: %w", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	options := fmt.Sprintf("size=%d,mode=0700,uid=%d,gid=%d", diskSize, m.user.uid, m.user.gid)
	if err := unix.Mount("tmpfs", m.disk, "tmpfs", 0, options); err != nil {
		return fmt.Errorf("mount %s: %w", m.disk, err)
	}
	if err := loopbackUp(); err != nil {
		return fmt.Errorf("bring up the loopback device: %w", err)
	}
	return m.startInit()
}

// startInit starts the first process of the machine, in whose namespace all
// others are. It inherits orphans, and leaves it to the kernel to reap them.
func (m *machine) startInit() error {
	init := exec.Command("/bin/sh", "-c", "mount -t proc proc /proc && echo && exec env --ignore-signal=CHLD sleep infinity")
	var pidfd int
	init.SysProcAttr = &unix.SysProcAttr{Pdeathsig: unix.SIGKILL, Cloneflags: unix.CLONE_NEWPID, PidFD: &pidfd}
	var complaint bytes.Buffer
	init.Stderr = &complaint
	out, err := init.StdoutPipe()
	if err != nil {
		return err
	}
	if err := init.Start(); err != nil {
		return err
	}
	m.init = init
	defer unix.Close(pidfd)
	if err := unix.Setns(pidfd, unix.CLONE_NEWPID); err != nil {
		return fmt.Errorf("enter the process namespace: %w", err)
	}
	if _, err := out.Read(make([]byte, 1)); err != nil {
		return fmt.Errorf("prepare processes: %w: %s", err, complaint.String())
	}
	return nil
}

// close ends everything on the machine.
func (m *machine) close() error {
	if m.init != nil {
		if err := m.init.Process.Kill(); err != nil {
			return err
		}
		m.init.Wait() // killed, which is no news
	}
	m.running.Wait()
	close(m.ended)
	return nil
}

// spawn starts a program as the machine's user.
func (m *machine) spawn(log *os.File, program string, args ...string) error {
	cmd := exec.Command(program, args...)
	cmd.Dir, cmd.Env = "/", []string{"PATH=/usr/bin:/bin", "LANG=C.UTF-8"}
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &unix.SysProcAttr{Credential: m.user.credential()} // it dies with init
	if err := m.do(cmd.Start); err != nil {
		return err
	}
	m.running.Go(func() { cmd.Wait() })
	return nil
}

// signal sends a signal to everything on the machine, and to what is started
// meanwhile, until all are in one of the states, or gone.
func (m *machine) signal(signal unix.Signal, states string) error {
	for range 1000 {
		rest, err := m.processes(states)
		if err != nil || len(rest) == 0 {
			return err
		}
		for _, pid := range rest {
			if err := unix.Kill(pid, signal); err != nil && !errors.Is(err, unix.ESRCH) {
				return err
			}
		}
		time.Sleep(5 * time.Millisecond)
	}
	return fmt.Errorf("send %v: some processes are not as they should be after 5 s", signal)
}

// processes lists the machine's processes that are in other states than these,
// its init left out.
func (m *machine) processes(states string) (pids []int, err error) {
	ours, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/pid", m.init.Process.Pid))
	if err != nil {
		return nil, err
	}
	found, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, err
	}
	for _, path := range found {
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err != nil {
			return nil, err
		}
		if space, err := os.Readlink(filepath.Join(filepath.Dir(path), "ns", "pid")); err != nil || space != ours || pid == m.init.Process.Pid {
			continue // gone, or somebody else's
		}
		stat, err := os.ReadFile(path)
		if gone := errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ESRCH); gone {
			continue
		}
		if err != nil {
			return nil, err
		}
		// The state is behind the name, which may hold anything: 7 (sh) S 1 …
		if state := stat[bytes.LastIndexByte(stat, ')')+2]; !bytes.ContainsRune([]byte(states), rune(state)) {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}

func loopbackUp() error {
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(socket)
	request, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	request.SetUint16(unix.IFF_UP)
	return unix.IoctlIfreq(socket, unix.SIOCSIFFLAGS, request)
}
