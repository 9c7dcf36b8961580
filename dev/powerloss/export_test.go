//go:build privileged && linux

package powerloss

import "time"

// SetPatience changes how long Restore and Close wait until nothing uses the disk.
func (d *Disk) SetPatience(limit time.Duration) { d.patience = limit }
