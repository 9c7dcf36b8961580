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

// backedUpRequests are requests around a backup.
type backedUpRequests struct {
	known  *publishedCommand // ended before it
	open   *publishedCommand // ran during it
	later  *publishedCommand // ended after it
	orphan *publishedCommand // runs after it
}

// syncAround runs syncs before, during and after a backup, and leaves one running.
func (r *rig) syncAround(t *testing.T, backUp func()) (q backedUpRequests) {
	t.Helper()
	r.firstSync(t)
	q.known = r.incremental(t)
	r.awaitSettled(t)
	r.stack.Simulator.SetPace(100 * time.Millisecond)
	q.open = r.full(t)
	r.awaitPages(t, 8)
	backUp()
	r.stack.Simulator.SetPace(0)
	q.later = r.request(t, fullOfCustomers)
	r.awaitSettled(t)
	r.stack.Simulator.Mutate(50)
	r.incremental(t)
	r.awaitSettled(t)
	r.stack.Simulator.SetPace(time.Second)
	q.orphan = r.full(t)
	r.awaitRunStarted(t, q.orphan)
	return q
}

// publishEndedAgain publishes the requests that have ended.
func (r *rig) publishEndedAgain(t *testing.T, q backedUpRequests) {
	t.Helper()
	r.publishAgain(t, q.known, `{"mode":"incremental"}`)
	r.publishAgain(t, q.later, fullOfCustomers)
}

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
	var saved *backup
	q := r.syncAround(t, func() {
		r.incremental(t)
		saved = makeBackup()
	})
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
	r.publishEndedAgain(t, q)
	r.start(t, "bridge")
	r.stack.Simulator.SetPace(20 * time.Millisecond)
	r.afterRestore(t, restored, q.open, q.orphan)
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
