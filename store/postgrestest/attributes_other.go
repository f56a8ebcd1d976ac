//go:build !linux

package postgrestest

import "syscall"

// attributes are none where a child cannot be tied to its parent. Run the tests
// as another user than root there.
func attributes(*account, syscall.Signal) *syscall.SysProcAttr { return nil }
