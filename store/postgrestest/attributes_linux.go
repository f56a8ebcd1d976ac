package postgrestest

import "syscall"

// attributes let a child run as the owner, nil for the user of the parent, and
// get the signal when the parent dies.
func attributes(owner *account, atDeath syscall.Signal) *syscall.SysProcAttr {
	a := &syscall.SysProcAttr{Pdeathsig: atDeath}
	if owner != nil {
		a.Credential = &syscall.Credential{Uid: owner.uid, Gid: owner.gid}
	}
	return a
}
