//go:build fault

package fault

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/workflows"
)

func TestFault05NATSKilledUnderLoad(t *testing.T) {
	t.Parallel()
	r := newRig(t, options{})
	r.startAll(t, allRoles...)
	r.firstSync(t)
	stop := r.load(t, 20*time.Millisecond)
	var repairedAt time.Time
	for range 4 {
		r.awaitPublished(t, 30)
		r.nats.Kill()
		r.nats.restart(t)
		repairedAt = time.Now()
	}
	r.awaitPublished(t, 30)
	stop()
	r.checkOracle(t, repairedAt)
}

func TestFault07NATSFrozen(t *testing.T) {
	t.Parallel()
	r := newRig(t, options{})
	r.startAll(t, allRoles...)
	r.firstSync(t)
	stop := r.load(t, 50*time.Millisecond)
	r.awaitPublished(t, 10)
	r.nats.Freeze()
	during(t, 35*time.Second) // longer than two pings: connections are given up
	r.nats.Thaw()
	thawed := time.Now()
	r.awaitPublished(t, 10)
	stop()
	r.checkOracle(t, thawed)
}

func TestFault07RolesStopInTimeWhileNATSIsFrozen(t *testing.T) {
	t.Parallel()
	r := newRig(t, options{simulator: manyPages})
	r.stopsInTime(t, r.nats.Freeze, r.nats.Thaw)
}

func TestFault08NATSVolumeWiped(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	r := newRig(t, options{natsDir: dir, simulator: manyPages})
	bridge := r.start(t, "bridge")
	r.startAll(t, "worker", "notifier", "gateway")
	r.stack.Simulator.SetPace(100 * time.Millisecond)
	r.full(t)
	r.awaitPages(t, 8)
	r.archive(t)
	require.Len(t, r.archived.events, 2, "accepted and started")
	r.nats.Kill()
	require.NoError(t, os.RemoveAll(dir))
	r.nats.restart(t)
	bridge.awaitLog(t, `SYNC_COMMANDS is missing, run \"lazisync migrate\"`)
	bridge.awaitNotReady(t)
	r.migrate(t)
	repairedAt := time.Now()
	r.stack.Simulator.SetPace(0)
	r.incremental(t)
	r.checkOracle(t, repairedAt)
	bridge.awaitReady(t)
}

func TestFault11NATSConnectionCorrupted(t *testing.T) {
	t.Parallel()
	r := newRig(t, options{})
	between := startProxy(t, r.nats.addr())
	through := "NATS_URL=nats://" + between.Listen
	for _, name := range allRoles {
		r.start(t, name, through)
	}
	r.firstSync(t)
	stop := r.load(t, 100*time.Millisecond)
	for _, corrupt := range []struct{ kind, way, attributes string }{
		{"latency", "downstream", `{"latency":2000}`},
		{"slicer", "downstream", `{"average_size":1,"size_variation":0,"delay":10}`},
		{"reset_peer", "upstream", `{"timeout":50}`},
		{"timeout", "downstream", `{"timeout":0}`}, // half open: no data arrives, and no connection is closed
	} {
		r.awaitPublished(t, 10)
		between.addToxic(t, corrupt.kind, corrupt.way, corrupt.attributes)
		during(t, 6*time.Second)
		between.removeToxics(t)
	}
	repairedAt := time.Now()
	r.awaitPublished(t, 10)
	stop()
	r.checkOracle(t, repairedAt)
}

// Controls are published while NATS is killed.
func TestFault05NATSKilledWhileControlsAreUnderWay(t *testing.T) {
	t.Parallel()
	r := newRig(t, options{simulator: veryManyPages})
	r.startAll(t, allRoles...)
	r.stack.Simulator.SetPace(200 * time.Millisecond)
	a := r.full(t)
	id := workflows.FullSyncID(a.requestID())
	r.awaitPages(t, 8)
	var repairedAt time.Time
	for range 3 {
		r.control(t, "pause", id)
		r.nats.Kill()
		r.nats.restart(t)
		r.awaitPaused(t, id)
		r.control(t, "resume", id)
		r.nats.Kill()
		r.nats.restart(t)
		repairedAt = time.Now()
		r.awaitPages(t, 4)
	}
	r.stack.Simulator.SetPace(0)
	r.checkOracle(t, repairedAt)
}

// The machine lost its power before the last messages were on disk. Their publishers must
// publish them again. Nothing else is lost, and repeated stream sequences have no effect.
func TestFault06TailOfTheCommandStreamLost(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	r := newRig(t, options{natsDir: dir})
	r.startAll(t, "worker", "notifier")
	var all []*publishedCommand
	for range 20 {
		all = append(all, r.incremental(t))
	}
	last := all[len(all)-1]
	r.nats.Kill()
	blocks, err := filepath.Glob(filepath.Join(dir, "jetstream", "*", "streams", "SYNC_COMMANDS", "msgs", "*.blk"))
	require.NoError(t, err)
	require.Len(t, blocks, 1)
	size, err := os.Stat(blocks[0])
	require.NoError(t, err)
	require.NoError(t, os.Truncate(blocks[0], size.Size()-100))
	r.nats.restart(t)
	require.Eventually(t, r.nc.IsConnected, waitLimit, tick)
	kept, err := r.read(t.Context(), "SYNC_COMMANDS")
	require.NoError(t, err)
	require.Len(t, kept, len(all)-1)
	last.stored = false
	repairedAt := time.Now()
	other := r.full(t) // it gets the number of the one that was lost
	kept, err = r.read(t.Context(), "SYNC_COMMANDS")
	require.NoError(t, err)
	require.EqualValues(t, len(all), kept[len(kept)-1].sequence)
	require.Equal(t, other.id, kept[len(kept)-1].ID)
	r.start(t, "bridge")
	require.NoError(t, r.publish(t.Context(), last, "sync.requested", `{"mode":"incremental"}`))
	r.checkOracle(t, repairedAt)
}
