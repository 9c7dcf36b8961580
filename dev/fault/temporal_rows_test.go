//go:build fault

package fault

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/failpoint"
	"github.com/lazi/lazisync/workflows"
)

// longAckWait is the ack wait of production: the messages of a running bridge are not redelivered
// early.
const longAckWait = time.Minute

func TestFault15TemporalDownForLong(t *testing.T) {
	t.Parallel()
	r := newRig(t, options{ownTemporal: true, ackWait: longAckWait})
	r.startAll(t, allRoles...)
	r.firstSync(t)
	stop := r.load(t, 200*time.Millisecond)
	r.awaitPublished(t, 10)
	r.temporal.Kill()
	during(t, 45*time.Second)
	consumer, err := r.js.Consumer(t.Context(), "SYNC_COMMANDS", "bridge-requests")
	require.NoError(t, err)
	info := consumer.CachedInfo()
	r.temporal.restart(t)
	repairedAt := time.Now()
	stop()
	r.checkOracle(t, repairedAt)
	requests := len(r.commands(events.KindRequest))
	require.Less(t, int(info.Delivered.Consumer), 10*requests, "an outage does not use up the deliveries")
}

func TestFault16TemporalFrozen(t *testing.T) {
	t.Parallel()
	r := newRig(t, options{ownTemporal: true, ackWait: longAckWait})
	r.startAll(t, allRoles...)
	r.firstSync(t)
	stop := r.load(t, 200*time.Millisecond)
	r.awaitPublished(t, 10)
	r.temporal.Freeze()
	during(t, 25*time.Second)
	r.temporal.Thaw()
	thawed := time.Now()
	stop()
	r.checkOracle(t, thawed)
}

func TestFault16RolesStopInTimeWhileTemporalIsFrozen(t *testing.T) {
	t.Parallel()
	r := newRig(t, options{ownTemporal: true, ackWait: longAckWait, simulator: manyPages})
	r.stopsInTime(t, r.temporal.Freeze, r.temporal.Thaw)
}

// Temporal starts the workflow, and the bridge does not receive the response.
func TestFault17AnswerToStartLost(t *testing.T) {
	t.Parallel()
	r := newRig(t, options{})
	r.startAll(t, "worker", "notifier")
	first := r.start(t, "bridge")
	r.firstSync(t)
	first.stop(t)
	var repairedAt time.Time
	for _, corrupt := range []struct {
		kind, attributes string
		arrives          bool
	}{
		{"latency", `{"latency":8000}`, true},  // the answer arrives after the timeout
		{"timeout", `{"timeout":0}`, true},     // no answer
		{"limit_data", `{"bytes":1}`, false},   // the connection ends with it
		{"reset_peer", `{"timeout":0}`, false}, // the connection is reset
	} {
		between := startProxy(t, r.temporal.addr())
		bridge := r.start(t, "bridge", "TEMPORAL_ADDRESS="+between.Listen, failpoint.Variable+"=bridge/recorded=stop")
		a := r.full(t)
		bridge.awaitFrozen(t) // it is about to call Temporal
		lines := len(bridge.Log.Lines())
		between.addToxic(t, corrupt.kind, "downstream", corrupt.attributes)
		bridge.Thaw()
		if corrupt.arrives {
			require.Eventually(t, func() bool {
				_, err := r.client.DescribeWorkflowExecution(t.Context(), workflows.FullSyncID(a.requestID()), "")
				return err == nil
			}, waitLimit, tick, "Temporal has the request")
		}
		require.Eventually(t, func() bool { return len(bridge.Log.Lines()) > lines }, waitLimit, tick, "the bridge knows no answer")
		between.removeToxics(t)
		repairedAt = time.Now()
		r.awaitSettled(t)
		bridge.stop(t)
	}
	r.start(t, "bridge")
	r.checkOracle(t, repairedAt)
}

func TestFault21WorkflowTerminatedByHand(t *testing.T) {
	t.Parallel()
	r := newRig(t, options{simulator: manyPages})
	r.mayFail = []events.ErrorType{events.Terminated}
	r.startAll(t, "bridge", "notifier")
	worker := r.start(t, "worker")
	terminate := func(id string) {
		require.NoError(t, r.client.TerminateWorkflow(t.Context(), id, "", "by hand"))
	}
	ended := func(a *publishedCommand) (state string) {
		r.awaitSettled(t)
		require.NoError(t, r.sql.QueryRow(t.Context(), `
			select r.state || ' ' || coalesce(r.error->>'type', '') from raw.sync_runs r join raw.sync_requests using (run_number)
			where request_id = $1`, a.requestID()).Scan(&state))
		return state
	}
	r.stack.Simulator.SetPace(100 * time.Millisecond)
	inTheMiddle := r.full(t)
	r.awaitPages(t, 8)
	terminate(workflows.FullSyncID(inTheMiddle.requestID()))
	require.Equal(t, "failed Terminated", ended(inTheMiddle))

	r.stack.Simulator.SetPace(0)
	r.firstSync(t)
	r.stack.Simulator.SetPace(2 * time.Second)
	pass := r.incremental(t)
	r.awaitRunStarted(t, pass)
	terminate(workflows.IncrementalSyncID(events.TenantID(r.tenant)))
	behind := r.incremental(t) // it replaces the terminated one
	r.stack.Simulator.SetPace(0)
	require.Equal(t, "failed Terminated", ended(pass))
	require.Equal(t, "completed ", ended(behind))

	worker.Kill()
	unstarted := r.full(t)
	id := workflows.FullSyncID(unstarted.requestID())
	require.Eventually(t, func() bool { return !r.idle(t, id) }, waitLimit, tick)
	terminate(id)
	terminated := time.Now()
	require.Equal(t, "failed Terminated", ended(unstarted))
	r.start(t, "worker")
	r.checkOracle(t, terminated)
}

func TestFault22RunOutOfTime(t *testing.T) {
	t.Parallel()
	r := newRig(t, options{simulator: manyPages, environ: []string{"SYNC_RUN_DEADLINE=4s", "SYNC_PAUSE_LIMIT=3s"}})
	r.mayFail = []events.ErrorType{events.DeadlineExceeded}
	r.startAll(t, "bridge", "worker", "notifier")
	state := func(a *publishedCommand) (state string) {
		require.NoError(t, r.sql.QueryRow(t.Context(), `
			select r.state || ' ' || coalesce(r.error->>'type', r.reason) from raw.sync_runs r join raw.sync_requests using (run_number)
			where request_id = $1`, a.requestID()).Scan(&state))
		return state
	}
	r.stack.Simulator.SetPace(time.Second)
	slow := r.full(t)
	r.awaitSettled(t)
	require.Equal(t, "failed DeadlineExceeded", state(slow))
	paused := r.full(t)
	r.awaitPages(t, 2)
	id := workflows.FullSyncID(paused.requestID())
	r.control(t, "pause", id)
	r.awaitPaused(t, id)
	r.awaitSettled(t)
	require.Equal(t, "cancelled pause expired", state(paused))
	r.stack.Simulator.SetPace(0)
	r.full(t)
	r.checkOracle(t, time.Now())
}
