//go:build unix

package telemetry

import (
	"math"
	"syscall"
)

// openFilesLimit returns how many files and connections this process may open. Go has raised
// the limit as far as allowed.
func openFilesLimit() uint64 {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return math.MaxUint64 // unknown is no reason to warn
	}
	return uint64(limit.Cur)
}
