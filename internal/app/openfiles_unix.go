//go:build unix

package app

import (
	"math"
	"syscall"
)

// openFiles is how many files and connections this process may have open. Go has raised
// it as far as it may be.
func openFiles() uint64 {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return math.MaxUint64 // unknown is no reason to warn
	}
	return uint64(limit.Cur)
}
