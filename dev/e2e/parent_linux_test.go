package e2e

import "syscall"

// dieWithParent keeps a test that is killed from leaving processes behind.
func dieWithParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
