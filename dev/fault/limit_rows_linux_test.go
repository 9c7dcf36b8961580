//go:build fault

package fault

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/dev/process"
)

// Linux has only numbers for these.
const (
	limitData  = 2 // memory that a process writes to
	limitFiles = syscall.RLIMIT_NOFILE
)

// limit sets a resource limit of a running process, up to its initial one, and returns a function
// that restores it.
func (one *role) limit(t *testing.T, what int, most uint64) (lift func()) {
	t.Helper()
	set := func(next *syscall.Rlimit) (before syscall.Rlimit) {
		_, _, failure := syscall.RawSyscall6(syscall.SYS_PRLIMIT64, uintptr(one.Pid()), uintptr(what),
			uintptr(unsafe.Pointer(next)), uintptr(unsafe.Pointer(&before)), 0, 0)
		require.Zero(t, failure, "prlimit: %s", failure)
		return before
	}
	before := set(nil)
	set(&syscall.Rlimit{Cur: most, Max: before.Max})
	return func() { set(&before) }
}

// startWithFiles runs a role with a limit of open files, which it logs.
func (r *rig) startWithFiles(t *testing.T, files int, name string) *role {
	t.Helper()
	cmd := exec.Command("/bin/sh", "-c", fmt.Sprintf(`ulimit -n %d && exec "$0" "$@"`, files), program(t), name)
	one, err := r.spawnCommand(cmd, name)
	require.NoError(t, err)
	require.Eventually(t, func() bool { return process.Answers(t.Context(), one.admin+"/readyz") }, waitLimit, tick, "lazisync %s is not ready", name)
	one.before = one.usage(t)
	one.awaitLog(t, fmt.Sprintf(`"limit":%d`, files))
	one.awaitLog(t, "low limit of open files, raise it with ulimit -n")
	return one
}

// Every role has a limit of 64 open files, and clients use up those of the gateway. Then a
// worker cannot open any file.
func TestFault44OpenFilesRunOut(t *testing.T) {
	t.Parallel()
	r := newRig(t, options{simulator: manyPages})
	var gateway *role
	for _, name := range allRoles {
		one := r.startWithFiles(t, 64, name)
		if name == "gateway" {
			gateway = one
		}
	}
	r.firstSync(t)
	stop := r.load(t, 100*time.Millisecond)
	leave := r.openConnections(t, gateway, 100)
	gateway.awaitLog(t, "too many open files")
	r.awaitPublished(t, 10)
	r.full(t) // the others work on
	r.awaitPages(t, 4)
	leave()
	require.Eventually(t, func() bool {
		response, err := r.deliver(t, gateway.gateway, `{"eventType":"job.updated","id":44}`)
		return err == nil && response.StatusCode == http.StatusOK
	}, waitLimit, tick, "the gateway takes webhooks again")
	stop()
	r.awaitSettled(t)

	for _, one := range r.roles {
		if one.name == "worker" {
			one.stop(t)
		}
	}
	worker := r.start(t, "worker")
	lift := worker.limit(t, limitFiles, uint64(worker.before.files))
	a := r.full(t)
	worker.awaitLog(t, "too many open files")
	require.False(t, worker.HasEnded())
	lift()
	r.checkOracle(t, time.Now())
	require.Equal(t, "completed", r.state(t, a))
}

// openConnections opens connections to a role and keeps them until the returned function is called.
func (r *rig) openConnections(t *testing.T, one *role, size int) (leave func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	for range size {
		go func() {
			for ctx.Err() == nil { // the server disconnects idle clients
				var dialer net.Dialer
				c, err := dialer.DialContext(ctx, "tcp", strings.TrimPrefix(one.gateway, "http://"))
				if err != nil {
					wait(ctx, tick)
					continue
				}
				end := context.AfterFunc(ctx, func() { _ = c.Close() })
				_, _ = c.Read(make([]byte, 1))
				end()
				_ = c.Close()
			}
		}()
	}
	t.Cleanup(cancel)
	return cancel
}

// A worker runs out of memory during its work. It exits with the reason, and another
// continues.
func TestFault44MemoryRunsOut(t *testing.T) {
	t.Parallel()
	r := newRig(t, options{simulator: manyPages})
	r.startAll(t, "bridge", "notifier", "gateway")
	worker := r.start(t, "worker")
	r.stack.Simulator.SetPace(20 * time.Millisecond)
	a := r.full(t)
	r.awaitPages(t, 8)
	worker.limit(t, limitData, worker.written(t))
	select {
	case <-worker.Ended():
	case <-time.After(waitLimit):
		require.Fail(t, "it needs no more memory")
	}
	require.False(t, worker.Killed())
	require.Regexp(t, `(?m)^(fatal error: .*(out of memory|cannot allocate memory)|runtime/cgo: pthread_create failed)`, worker.Log.String())
	repairedAt := time.Now()
	r.start(t, "worker")
	r.checkOracle(t, repairedAt)
	require.Equal(t, "completed", r.state(t, a))
	for name, pages := range r.readTwice() {
		require.LessOrEqual(t, pages, inFlight, "pages of %s that were read twice", name)
	}
}

// written returns the size of a role's writable memory.
func (one *role) written(t *testing.T) uint64 {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", one.Pid()))
	require.NoError(t, err)
	for line := range strings.Lines(string(status)) {
		if fields := strings.Fields(line); len(fields) == 3 && fields[0] == "VmData:" {
			kib, err := strconv.ParseUint(fields[1], 10, 64)
			require.NoError(t, err)
			return kib << 10
		}
	}
	require.Fail(t, "no VmData")
	return 0
}
