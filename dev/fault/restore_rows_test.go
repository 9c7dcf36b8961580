//go:build fault

package fault

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/workflows"
)

// again publishes a command once more, as another message with the same identity.
func (r *rig) publishAgain(t *testing.T, a *publishedCommand, data string) {
	t.Helper()
	require.NoError(t, r.publish(t.Context(), a, "sync.requested", data))
}

const fullOfCustomers = `{"mode":"full","entities":["customers"]}`

func TestFault47NATSRestoredToAnEarlierState(t *testing.T) {
	t.Parallel()
	r := newRig(t, options{simulator: manyPages})
	r.withRestoredNATS(t, func() *backup {
		b := r.nats.backUp(t)
		return &b
	})
}

func TestFault48NATSRecreated(t *testing.T) {
	t.Parallel()
	r := newRig(t, options{simulator: manyPages})
	r.withRestoredNATS(t, func() *backup { return nil })
}

// withRestoredNATS sets NATS back to a backup that is made in the middle, or to nothing.
func (r *rig) withRestoredNATS(t *testing.T, makeBackup func() *backup) {
	t.Helper()
	r.startAll(t, "worker", "notifier", "gateway")
	bridge := r.start(t, "bridge")
	r.firstSync(t)
	known := r.incremental(t)
	r.awaitSettled(t)
	r.stack.Simulator.SetPace(100 * time.Millisecond)
	open := r.full(t)
	r.awaitPages(t, 8)
	r.incremental(t)
	saved := makeBackup()
	later := r.request(t, fullOfCustomers)
	r.awaitSettled(t)
	r.stack.Simulator.SetPace(time.Second)
	orphan := r.full(t)
	r.awaitRunStarted(t, orphan)
	bridge.stop(t)
	r.incremental(t) // no pass has claimed it yet
	r.archive(t)
	r.nats.restore(t, saved)
	r.archiveReceived()
	require.Eventually(t, r.nc.IsConnected, waitLimit, tick)
	if saved == nil {
		r.migrate(t)
		r.shortenAckWait(t, 0)
	}
	restored := time.Now()
	r.noteLostCommands(t)
	r.publishAgain(t, known, `{"mode":"incremental"}`)
	r.publishAgain(t, later, fullOfCustomers)
	r.start(t, "bridge")
	r.stack.Simulator.SetPace(20 * time.Millisecond)
	r.afterRestore(t, restored, open, orphan)
}

func TestFault49TemporalRestoredToAnEarlierState(t *testing.T) {
	t.Parallel()
	r := newRig(t, options{ownTemporal: true, ackWait: longAckWait, simulator: manyPages})
	r.startAll(t, allRoles...)
	r.firstSync(t)
	r.stack.Simulator.SetPace(200 * time.Millisecond)
	open := r.full(t)
	r.incremental(t)
	r.awaitPages(t, 8)
	saved := r.temporal.backUp(t)
	later := r.request(t, fullOfCustomers)
	r.incremental(t)
	r.stack.Simulator.SetPace(0)
	r.awaitSettled(t) // requests that were open in the backup have ended, too
	require.Equal(t, "completed", r.state(t, open))
	r.stack.Simulator.SetPace(time.Second)
	orphan := r.full(t)
	r.incremental(t)
	r.awaitRunStarted(t, orphan)
	r.temporal.restore(t, &saved)
	restored := time.Now()
	r.publishAgain(t, later, fullOfCustomers)
	r.stack.Simulator.SetPace(20 * time.Millisecond)
	r.afterRestore(t, restored, open, later)
	require.Equal(t, "failed", r.state(t, orphan), "Temporal does not know its workflow")
}

// afterRestore requests every kind of sync and control and checks the oracle. Requests that were
// open when the ledger was restored must not keep their workflows running.
func (r *rig) afterRestore(t *testing.T, since time.Time, before ...*publishedCommand) {
	t.Helper()
	r.mayFail = append(r.mayFail, events.Terminated)
	r.incremental(t)
	full := r.full(t)
	r.awaitRunStarted(t, full)
	id := workflows.FullSyncID(full.requestID())
	r.control(t, "pause", id)
	r.awaitPaused(t, id)
	r.incremental(t)
	r.control(t, "resume", id)
	r.awaitSettled(t)
	require.Equal(t, "completed", r.state(t, full))
	last := r.incremental(t)
	r.awaitSettled(t)
	require.Equal(t, "completed", r.state(t, last))
	r.checkOracle(t, since)
	for _, a := range before {
		id := workflows.FullSyncID(a.requestID())
		require.Eventually(t, func() bool { return r.idle(t, id) }, waitLimit, tick, "%s still runs", id)
	}
}
