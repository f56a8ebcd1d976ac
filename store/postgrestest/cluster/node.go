//go:build linux

package cluster

import (
	"errors"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// A Node is one of a cluster's machines with etcd, Patroni and PostgreSQL. Its
// methods fail the test when they fail.
type Node struct {
	Name    string
	address string            // on the network of the machines
	outside map[string]string // where the test finds its ports
	folder  string
	machine *machine
	cut     gate
	muted   gate
	cluster *Cluster
}

func (n *Node) disk() string { return filepath.Join(n.folder, "disk") }

// Start starts a node that was not started yet, or killed.
func (n *Node) Start() {
	n.cluster.t.Helper()
	n.spawn("etcd.log", n.cluster.programs.etcd, n.etcdArguments()...)
	n.spawn("patroni.log", n.cluster.programs.patroni, n.patroniConfig())
}

func (n *Node) spawn(log, program string, args ...string) {
	n.cluster.t.Helper()
	f, err := os.OpenFile(filepath.Join(n.folder, log), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	n.cluster.must(err)
	defer f.Close()
	n.cluster.must(n.machine.spawn(f, program, args...))
}

// Kill ends everything on the node at once, as a loss of power would. What it
// wrote to disk stays there.
func (n *Node) Kill() {
	n.cluster.t.Helper()
	n.Freeze() // so that nobody sees another's end
	n.cluster.must(n.machine.signal(unix.SIGKILL, ""))
}

// Freeze stops everything on the node; its connections stay open.
func (n *Node) Freeze() {
	n.cluster.t.Helper()
	n.cluster.must(n.machine.signal(unix.SIGSTOP, "TtZ"))
}

// Thaw lets a frozen node go on.
func (n *Node) Thaw() {
	n.cluster.t.Helper()
	n.cluster.must(n.machine.signal(unix.SIGCONT, "RSDIZ"))
}

// Cut cuts the node off from the others. The database's clients still reach it.
func (n *Node) Cut() { n.cut.close() }

// Heal ends Cut.
func (n *Node) Heal() { n.cut.open() }

// Mute keeps the others from hearing what PostgreSQL on the node says, so that
// nothing is replicated from there. Patroni notices nothing at first.
func (n *Node) Mute() { n.muted.close() }

// Unmute ends Mute. What the node said meanwhile is lost.
func (n *Node) Unmute() { n.muted.open() }

// FillDisk leaves no free byte on the disk that PostgreSQL writes to.
func (n *Node) FillDisk() {
	n.cluster.t.Helper()
	n.cluster.must(n.machine.do(func() error {
		f, err := os.OpenFile(n.filler(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
		if err != nil {
			return err
		}
		defer f.Close()
		for block := 1 << 20; block > 0; {
			_, err := f.Write(make([]byte, block))
			if errors.Is(err, unix.ENOSPC) {
				block /= 2
			} else if err != nil {
				return err
			}
		}
		return nil
	}))
}

// FreeDisk takes away what FillDisk wrote.
func (n *Node) FreeDisk() {
	n.cluster.t.Helper()
	n.cluster.must(n.machine.do(func() error { return os.Remove(n.filler()) }))
}

func (n *Node) filler() string { return filepath.Join(n.disk(), "filler") }

// A unixUser is whom PostgreSQL runs as: it refuses root.
type unixUser struct{ uid, gid int }

func unprivileged() (*unixUser, error) {
	found, err := user.Lookup("postgres")
	if err != nil {
		found, err = user.Lookup("nobody")
	}
	if err != nil {
		return nil, err
	}
	uid, err := strconv.Atoi(found.Uid)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.Atoi(found.Gid)
	return &unixUser{uid, gid}, err
}

func (u *unixUser) credential() *syscall.Credential {
	return &syscall.Credential{Uid: uint32(u.uid), Gid: uint32(u.gid)}
}
