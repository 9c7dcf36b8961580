//go:build privileged && linux

package fault

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
)

// smallDisk mounts a disk in memory. JetStream wants to see room for its streams when
// it starts; what it really uses is little.
func smallDisk(t *testing.T) (dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "disk")
	require.NoError(t, os.Mkdir(dir, 0o700))
	require.NoError(t, syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=4g"))
	t.Cleanup(func() { require.NoError(t, syscall.Unmount(dir, 0)) })
	return dir
}

// resize changes how much the disk holds: so many bytes, or for 0 so little more than is used.
func resize(t *testing.T, dir string, bytes, more int64) {
	t.Helper()
	if bytes == 0 {
		var stat syscall.Statfs_t
		require.NoError(t, syscall.Statfs(dir, &stat))
		bytes = int64(stat.Blocks-stat.Bfree)*stat.Bsize + more
	}
	require.NoError(t, syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_REMOUNT, fmt.Sprintf("size=%d", bytes)))
}

func TestFault09NATSDiskFull(t *testing.T) {
	t.Parallel()
	dir := smallDisk(t)
	r := newRig(t, options{natsDir: dir})
	r.startAll(t, "bridge", "worker", "notifier")
	gateway := r.start(t, "gateway")
	r.firstSync(t)
	resize(t, dir, 0, 512<<10)
	data := fmt.Sprintf(`{"mode":"incremental","reason":%q}`, strings.Repeat("x", 900))
	require.Eventually(t, func() bool {
		return r.publishOnce(t.Context(), r.note(events.KindRequest), "sync.requested", data) != nil
	}, patience, time.Millisecond, "the disk is full")
	answer := r.webhook(t, gateway.gateway, `{"eventType":"job.updated","id":9}`)
	require.Equal(t, http.StatusServiceUnavailable, answer.StatusCode)
	require.NotEmpty(t, answer.Header.Get("Retry-After"))

	resize(t, dir, 4<<30, 0)
	r.nats.Kill() // after a full disk nats-server writes again only when it was started again
	r.nats.restart(t)
	mended := time.Now()
	require.Eventually(t, func() bool {
		return r.webhook(t, gateway.gateway, `{"eventType":"job.updated","id":9}`).StatusCode == http.StatusAccepted
	}, patience, 10*tick)
	r.incremental(t)
	r.judge(t, mended)
}
