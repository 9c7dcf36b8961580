package process

import "syscall"

// killWithParent makes the kernel kill the program when the test process ends.
func killWithParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
