//go:build !linux

package process

import "syscall"

func killWithParent() *syscall.SysProcAttr { return nil }
