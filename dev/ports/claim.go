package ports

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
)

// claims are the ports that this process was given and that no other of ours may be
// given while it lives: who asked for one may listen on it much later, on a busy machine.
var claims = struct {
	sync.Mutex
	files map[int]*os.File
}{files: map[int]*os.File{}}

// claim says whether nobody was given a port, and keeps it from being given to others
// until this process ends. The lock goes with the process, however that ends; the file
// stays for the next.
func claim(port int) bool {
	claims.Lock()
	defer claims.Unlock()
	if claims.files[port] != nil {
		return false
	}
	file, err := lockFile(port)
	if err != nil {
		return false // another user's, or locked
	}
	claims.files[port] = file
	return true
}

// promised says whether a usual port was given to another process of ours, which may be
// about to listen on it. If not, it is ours from now on.
func promised(port int) bool {
	claims.Lock()
	defer claims.Unlock()
	if claims.files[port] != nil {
		return false
	}
	file, err := lockFile(port)
	if err == nil {
		claims.files[port] = file
	}
	return errors.Is(err, syscall.EWOULDBLOCK) // what another user has cannot be known
}

func lockFile(port int) (*os.File, error) {
	dir := filepath.Join(os.TempDir(), "lazisync-ports")
	if os.MkdirAll(dir, 0o777) == nil {
		_ = os.Chmod(dir, 0o777|os.ModeSticky) // for all users; ours alone can do it, once is enough
	}
	file, err := os.OpenFile(filepath.Join(dir, strconv.Itoa(port)), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = file.Close()
		return nil, err
	}
	return file, nil
}
