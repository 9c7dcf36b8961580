package process

import "syscall"

// endsWithParent keeps a test that is killed from leaving programs behind.
func endsWithParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
