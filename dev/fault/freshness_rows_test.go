//go:build fault

package fault

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/internal/simulator"
	"github.com/lazi/lazisync/workflows"
)

// Whatever prevents entities from being read, their outage is reported with one sync.stale and one sync.fresh, of
// two bridges, one of which is restarted meanwhile.
func TestFault61EntitiesBecomeStale(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		// begin lets nothing be read any more, and returns what ends that.
		begin func(t *testing.T, r *rig, worker *role) (end func())
		cause string
	}{
		"no worker": {func(t *testing.T, r *rig, worker *role) func() {
			worker.Kill()
			r.incremental(t)
			require.Eventually(t, func() bool {
				waiting, err := r.store.Waiting(t.Context(), events.TenantID(r.tenant))
				return err == nil && len(waiting) == 1 && waiting[0].Why == ledger.WaitForWorker
			}, waitLimit, tick, "the request does not wait for a worker")
			return func() { r.start(t, "worker") }
		}, `^no worker runs$`},
		"run paused": {func(t *testing.T, r *rig, _ *role) func() {
			r.stack.Simulator.SetPace(200 * time.Millisecond)
			id := workflows.FullSyncID(r.full(t).requestID())
			r.awaitPages(t, 4) // of many: what is being read when the pause begins is read to its end
			r.control(t, "pause", id)
			require.Eventually(t, func() bool {
				runs, err := r.store.TenantRuns(t.Context(), events.TenantID(r.tenant), 1)
				return err == nil && len(runs) > 0 && runs[0].ReportedState() == ledger.Paused
			}, waitLimit, tick, "the run is not paused")
			return func() {
				r.stack.Simulator.SetPace(0)
				r.control(t, "resume", id)
			}
		}, `^run \d+ is paused`},
		"schedule paused": {func(t *testing.T, r *rig, _ *role) func() {
			schedule := r.client.ScheduleClient().GetHandle(t.Context(), "lazisync-incremental-"+r.tenant)
			require.NoError(t, schedule.Pause(t.Context(), client.SchedulePauseOptions{Note: "month-end"}))
			return func() {
				require.NoError(t, schedule.Unpause(t.Context(), client.ScheduleUnpauseOptions{}))
				r.incremental(t)
			}
		}, `^schedule lazisync-incremental-\d+ is paused: month-end$`},
		"ServiceTitan refuses": {func(t *testing.T, r *rig, _ *role) func() {
			require.NoError(t, r.stack.Simulator.AddFault(simulator.Fault{Kind: "500", Count: -1}))
			r.awaitRunStarted(t, r.incremental(t))
			return r.stack.Simulator.ClearFaults
		}, `^(a run keeps failing, retrying: |run \d+ is open since )`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, options{simulator: manyPages, environ: []string{"SYNC_FRESHNESS=1h", "SYNC_SCHEDULE_INCREMENTAL=0 0 1 1 *"}})
			bridge := r.start(t, "bridge")
			r.startAll(t, "bridge", "notifier")
			worker := r.start(t, "worker")
			r.firstSync(t)
			end := c.begin(t, r, worker)
			r.makeStale(t)
			stale := r.awaitFreshness(t, events.Stale)
			require.Len(t, stale.Entities, len(core))
			require.Regexp(t, c.cause, stale.Cause)
			bridge.Kill()
			r.start(t, "bridge")

			end()
			repairedAt := time.Now()
			fresh := r.awaitFreshness(t, events.Fresh)
			require.Len(t, fresh.Entities, len(core))
			r.checkOracle(t, repairedAt)
			require.Len(t, r.freshness(t, events.Stale), 1)
			require.Len(t, r.freshness(t, events.Fresh), 1)
		})
	}
}

// A bridge that is killed after it published an event, before it recorded that, publishes it again; the
// stream keeps it once.
func TestFault61BridgeKilledAfterFreshnessIsPublished(t *testing.T) {
	t.Parallel()
	r := newRig(t, options{environ: []string{"SYNC_FRESHNESS=1h"}})
	bridge := r.failing(t, "bridge", "bridge/outage-published")
	r.startAll(t, "worker", "notifier")
	r.firstSync(t)
	r.makeStale(t)
	bridge.awaitKilled(t)
	r.awaitFreshness(t, events.Stale)

	r.incremental(t)
	repairedAt := time.Now()
	r.start(t, "bridge")
	r.awaitFreshness(t, events.Fresh)
	r.checkOracle(t, repairedAt)
	require.Len(t, r.freshness(t, events.Stale), 1)
	require.Len(t, r.freshness(t, events.Fresh), 1)
}

// makeStale makes the last complete read of every entity two hours older.
func (r *rig) makeStale(t *testing.T) {
	t.Helper()
	_, err := r.sql.Exec(t.Context(), `update raw.sync_state set read_as_of = read_as_of - interval '2 hours', resume_since = resume_since - interval '2 hours'`)
	require.NoError(t, err)
}

// awaitFreshness waits for the first event of a type and returns its data.
func (r *rig) awaitFreshness(t *testing.T, of events.Type[events.FreshnessData]) events.FreshnessData {
	t.Helper()
	var found []events.FreshnessData
	require.Eventually(t, func() bool {
		found = r.freshness(t, of)
		return len(found) > 0
	}, waitLimit, 10*tick, "no %s", of.Subject)
	return found[0]
}

// freshness lists the published events of a type.
func (r *rig) freshness(t *testing.T, of events.Type[events.FreshnessData]) (found []events.FreshnessData) {
	t.Helper()
	published, err := r.read(t.Context(), "SYNC_EVENTS")
	require.NoError(t, err)
	for _, e := range published {
		if e.on != of.Subject {
			continue
		}
		data, err := decode[events.FreshnessData](e)
		require.NoError(t, err)
		found = append(found, data)
	}
	return found
}
