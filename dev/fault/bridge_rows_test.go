//go:build fault

package fault

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/workflowservice/v1"
	"golang.org/x/sync/errgroup"

	"github.com/lazi/lazisync/dev/temporalserver"
	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/workflows"
)

func TestFault03BridgeFrozenForThreeAckWaits(t *testing.T) {
	t.Parallel()
	const ackWait = 2 * time.Second
	r := newRig(t, options{ackWait: ackWait})
	r.startAll(t, "worker", "notifier")
	bridge := r.start(t, "bridge")
	r.firstSync(t)
	stop := r.load(t, 50*time.Millisecond)
	r.awaitPublished(t, 20)
	bridge.Freeze()
	during(t, 3*ackWait)
	r.start(t, "bridge") // fetches the messages of the frozen bridge
	r.awaitPublished(t, 20)
	bridge.Thaw()
	thawed := time.Now()
	r.awaitPublished(t, 20)
	stop()
	r.checkOracle(t, thawed)
}

// The frozen bridge has started a workflow, and wakes up when another has served it.
func TestFault03BridgeFrozenBetweenStartAndAck(t *testing.T) {
	t.Parallel()
	r := newRig(t, options{ackWait: 2 * time.Second})
	r.startAll(t, "worker", "notifier")
	bridge := r.failing(t, "bridge", "bridge/started=stop")
	r.full(t)
	bridge.awaitFrozen(t)
	r.start(t, "bridge")
	r.awaitSettled(t)
	bridge.Thaw()
	r.checkOracle(t, time.Now())
}

func TestFault04TwoBridgesAtOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t, options{})
	r.startAll(t, "bridge", "bridge", "worker", "worker", "notifier", "notifier")
	r.firstSync(t)
	stop := r.load(t, 20*time.Millisecond)
	r.awaitPublished(t, 200)
	stop()
	r.checkOracle(t, time.Now())
}

func TestFault10CommandStreamFullAtItsLimit(t *testing.T) {
	t.Parallel()
	r := newRig(t, options{})
	r.startAll(t, "bridge", "worker", "notifier")
	gateway := r.start(t, "gateway")
	r.firstSync(t)
	limit := func(bytes int64) {
		stream, err := r.js.Stream(t.Context(), "SYNC_COMMANDS")
		require.NoError(t, err)
		config := stream.CachedInfo().Config
		config.MaxBytes = bytes
		_, err = r.js.UpdateStream(t.Context(), config)
		require.NoError(t, err)
	}
	limit(16 << 10)
	refused := r.note(events.KindRequest)
	data := fmt.Sprintf(`{"mode":"incremental","reason":%q}`, strings.Repeat("x", 900))
	require.Eventually(t, func() bool {
		err := r.publishOnce(t.Context(), refused, "sync.requested", data)
		if err == nil {
			refused = r.note(events.KindRequest)
			return false
		}
		require.ErrorContains(t, err, "maximum bytes exceeded")
		return true
	}, waitLimit, time.Millisecond)
	answer := r.webhook(t, gateway.gateway, `{"eventType":"job.updated","id":1}`)
	require.Equal(t, http.StatusServiceUnavailable, answer.StatusCode)
	require.NotEmpty(t, answer.Header.Get("Retry-After"))

	limit(64 << 20)
	repairedAt := time.Now()
	require.Equal(t, http.StatusOK, r.webhook(t, gateway.gateway, `{"eventType":"job.updated","id":1}`).StatusCode)
	r.incremental(t)
	r.checkOracle(t, repairedAt)
}

func TestFault26OldMessageReplayedAfterItsWorkflowIsForgotten(t *testing.T) {
	t.Parallel()
	r := newRig(t, options{})
	r.startAll(t, "bridge", "worker", "notifier")
	a := r.full(t)
	r.awaitSettled(t)
	id := workflows.FullSyncID(a.requestID())
	_, err := r.client.WorkflowService().DeleteWorkflowExecution(t.Context(), &workflowservice.DeleteWorkflowExecutionRequest{
		Namespace: temporalserver.Namespace, WorkflowExecution: executionOf(id),
	})
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		_, err := r.client.DescribeWorkflowExecution(t.Context(), id, "")
		return err != nil
	}, waitLimit, tick, "Temporal forgets the workflow")
	pages := r.pages()
	require.NoError(t, r.publish(t.Context(), a, "sync.requested", `{"mode":"full"}`))
	r.checkOracle(t, time.Now())
	require.Equal(t, pages, r.pages(), "nothing is read again")
	_, err = r.client.DescribeWorkflowExecution(t.Context(), id, "")
	require.Error(t, err, "nothing is started again")
}

func TestFault40WebhookFlood(t *testing.T) {
	t.Parallel()
	r := newRig(t, options{})
	r.startAll(t, "bridge", "worker", "notifier")
	gateway := r.start(t, "gateway")
	r.firstSync(t)
	const deliveries, bodies = 1000, 250
	for n := range deliveries {
		body := fmt.Sprintf(`{"eventType":"job.updated","id":%d}`, n*7%bodies)
		require.Equal(t, http.StatusOK, r.webhook(t, gateway.gateway, body).StatusCode)
	}
	r.checkOracle(t, time.Now())
	var requests, runs int
	require.NoError(t, r.sql.QueryRow(t.Context(), `
		select count(*), count(distinct run_number) from raw.sync_requests
		where source like '%/webhooks/%' and reason not like 'second pass%'`).Scan(&requests, &runs))
	require.Equal(t, deliveries, requests, "each is a request of its own")
	require.Less(t, runs, deliveries/8, "they fold")
}

func TestFault24SignalFloodDuringContinueAsNew(t *testing.T) {
	t.Parallel()
	r := newRig(t, options{ownTemporal: true, continueAsNewAfter: 60})
	r.startAll(t, "bridge", "worker", "notifier")
	r.firstSync(t)
	id := workflows.IncrementalSyncID(events.TenantID(r.tenant))
	stop := r.load(t, 20*time.Millisecond)
	r.awaitPublished(t, 20)
	require.Eventually(t, func() bool { return !r.idle(t, id) }, waitLimit, tick)
	var flood errgroup.Group
	for range 10 {
		flood.Go(func() error {
			for range 200 { // one that Temporal refuses, because the workflow is closing, has the next after it
				_ = r.client.SignalWorkflow(t.Context(), id, "", workflows.SignalWake, nil)
			}
			return nil
		})
	}
	require.NoError(t, flood.Wait())
	stop()
	r.checkOracle(t, time.Now())
	require.Greater(t, r.executionsOf(t, id), 1, "it went on in new executions")
}

func TestFault25RedeliveredControlAfterContinueAsNew(t *testing.T) {
	t.Parallel()
	r := newRig(t, options{
		ownTemporal: true, continueAsNewAfter: 40, simulator: veryManyPages,
	})
	r.start(t, "worker")
	r.stack.Simulator.SetPace(100 * time.Millisecond)
	bridge := r.failing(t, "bridge", "bridge/control-signalled")
	a := r.full(t)
	id := workflows.FullSyncID(a.requestID())
	r.awaitPages(t, 4)
	r.control(t, "pause", id)
	bridge.awaitKilled(t) // the pause is signalled, and its message is redelivered
	r.awaitPaused(t, id)
	executions := r.executionsOf(t, id)
	for range 40 { // clients send controls until the workflow continues as new
		require.NoError(t, r.client.SignalWorkflow(t.Context(), id, "", "resume", nil))
		if r.executionsOf(t, id) > executions {
			break
		}
		r.awaitPages(t, 2) // it continues: two simultaneous signals have no order
		require.NoError(t, r.client.SignalWorkflow(t.Context(), id, "", "pause", nil))
		r.awaitPaused(t, id)
	}
	repairedAt := time.Now()
	r.startAll(t, "bridge", "notifier")
	require.NoError(t, r.client.SignalWorkflow(t.Context(), id, "", "resume", nil))
	r.stack.Simulator.SetPace(0)
	r.checkOracle(t, repairedAt)
	require.Greater(t, r.executionsOf(t, id), executions, "it went on in a new execution")
}
