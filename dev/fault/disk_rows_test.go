//go:build privileged && linux

package fault

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
)

// smallDisk mounts a disk in memory. At its start JetStream requires free space for all of its
// streams, but uses little.
func smallDisk(t *testing.T) (dir string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "lazisync-disk-") //nolint:usetesting // t.TempDir is closed to other users
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.Remove(dir)) })
	require.NoError(t, os.Chmod(dir, 0o711)) // PostgreSQL, which is not root, has to get there
	require.NoError(t, syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=4g,mode=711"))
	t.Cleanup(func() { require.NoError(t, syscall.Unmount(dir, 0)) })
	return dir
}

// resize changes the size of the disk: a number of bytes, or with 0 slightly more than is used.
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
	}, waitLimit, time.Millisecond, "the disk is full")
	answer := r.webhook(t, gateway.gateway, `{"eventType":"job.updated","id":9}`)
	require.Equal(t, http.StatusServiceUnavailable, answer.StatusCode)
	require.NotEmpty(t, answer.Header.Get("Retry-After"))

	resize(t, dir, 4<<30, 0)
	r.nats.Kill() // after a full disk nats-server writes again only when it was started again
	r.nats.restart(t)
	repairedAt := time.Now()
	require.Eventually(t, func() bool {
		return r.webhook(t, gateway.gateway, `{"eventType":"job.updated","id":9}`).StatusCode == http.StatusOK
	}, waitLimit, 10*tick)
	r.incremental(t)
	r.checkOracle(t, repairedAt)
}

// PostgreSQL's disk is full: first tables cannot grow, then neither can its log, and
// PostgreSQL ends.
func TestFault30PostgreSQLDiskFull(t *testing.T) {
	t.Parallel()
	dir := smallDisk(t)
	r := newRig(t, options{ownDatabase: true, databaseDir: filepath.Join(dir, "postgres"), simulator: manyPages})
	r.startAll(t, allRoles...)
	r.firstSync(t)
	stop := r.load(t, 50*time.Millisecond)
	r.awaitPublished(t, 10)
	resize(t, dir, 0, 64<<10)
	worker := r.roles[slices.Index(allRoles, "worker")]
	worker.awaitLog(t, "No space left on device")
	resize(t, dir, 4<<30, 0)
	a := r.full(t)
	require.Eventually(t, func() bool { return r.state(t, a) == "completed" }, waitLimit, tick, "it continues by itself")

	resize(t, dir, 0, 64<<10)
	require.Eventually(t, func() bool {
		_, err := r.sql.Exec(t.Context(), "select pg_logical_emit_message(false, 'filler', repeat('x', 100000))")
		return err != nil && r.database.hasEnded()
	}, waitLimit, time.Millisecond, "its log cannot grow")
	r.awaitPublished(t, 10)
	resize(t, dir, 4<<30, 0)
	require.NoError(t, r.database.Stop()) // gives up the lock on its folder
	r.database.start(t)
	repairedAt := time.Now()
	stop()
	r.checkOracle(t, repairedAt)
}
