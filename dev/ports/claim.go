package ports

import (
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
)

// claims are the ports that this process was given and that no other of ours may be
// given while it lives: who asked for one may listen on it much later, on a busy machine.
var claims struct {
	sync.Mutex
	files []*os.File
}

// claim says whether nobody else of ours was given a port, and keeps it from being
// given to others until this process ends. The lock goes with the process, however
// that ends; the file stays for the next.
func claim(port int) bool {
	dir := filepath.Join(os.TempDir(), "lazisync-ports")
	if os.MkdirAll(dir, 0o777) == nil {
		_ = os.Chmod(dir, 0o777|os.ModeSticky) // for all users; ours alone can do it, once is enough
	}
	file, err := os.OpenFile(filepath.Join(dir, strconv.Itoa(port)), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return false // another user's
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = file.Close()
		return false
	}
	claims.Lock()
	defer claims.Unlock()
	claims.files = append(claims.files, file)
	return true
}
