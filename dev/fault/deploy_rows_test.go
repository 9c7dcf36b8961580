//go:build fault

package fault

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/enums/v1"

	"github.com/lazi/lazisync/internal/simulator"
	"github.com/lazi/lazisync/workflows"
)

// A version is deployed that cannot continue running workflows, and then a good one.
func TestFault23BadWorkflowsDeployed(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		bad        change
		says       string
		concurrent bool // requests of that time wait, too
	}{
		{panics, "a bad deploy", true},
		{anotherStepForAll, "[TMPRL1100]", false}, // the history does not match the code; a workflow that begins in that version matches no other
	} {
		t.Run(c.bad.name, func(t *testing.T) {
			t.Parallel()
			program := changed(t, c.bad)
			r := newRig(t, options{simulator: manyPages})
			r.startAll(t, "bridge", "notifier", "gateway")
			good := r.start(t, "worker")
			r.stack.Simulator.SetPace(100 * time.Millisecond)
			a := r.full(t)
			r.awaitPages(t, 8)
			good.stop(t)

			bad := r.startProgram(t, program, "worker")
			bad.awaitLog(t, c.says)
			id := workflows.FullSyncID(a.requestID())
			require.Eventually(t, func() bool { return r.failedTasks(t, id) >= 2 }, waitLimit, tick, "it is tried again")
			bad.awaitLog(t, `"workflow_id":"`+id+`"`)
			if c.concurrent {
				waits := r.full(t)
				require.Eventually(t, func() bool { return !r.idle(t, workflows.FullSyncID(waits.requestID())) }, waitLimit, tick)
			}
			require.False(t, r.idle(t, id), "it is held, not failed")
			require.Positive(t, bad.metric(t, "lazisync_worker_workflow_tasks_failed_total"), "it shows")
			bad.stop(t)

			repairedAt := time.Now()
			r.start(t, "worker")
			r.stack.Simulator.SetPace(0)
			r.checkOracle(t, repairedAt)
			require.Equal(t, "completed", r.state(t, a))
		})
	}
}

// metric returns the value of a metric of a role.
func (one *role) metric(t *testing.T, name string) float64 {
	t.Helper()
	values, err := one.metrics(t.Context())
	require.NoError(t, err)
	require.Contains(t, values, name)
	return values[name]
}

// failedTasks returns the failed attempts of the pending workflow task.
func (r *rig) failedTasks(t *testing.T, workflowID string) int {
	t.Helper()
	described, err := r.client.DescribeWorkflowExecution(t.Context(), workflowID, "")
	require.NoError(t, err)
	require.Equal(t, enums.WORKFLOW_EXECUTION_STATUS_RUNNING, described.GetWorkflowExecutionInfo().GetStatus())
	return int(described.GetPendingWorkflowTask().GetAttempt()) - 1
}

// Workers of two versions share the work, and each is killed while the other continues.
// Workflows that began before the change keep their behaviour; only the new version can run
// later ones.
func TestFault43WorkersOfTwoVersions(t *testing.T) {
	t.Parallel()
	next := changed(t, anotherStep)
	r := newRig(t, options{simulator: simulator.Options{RecordsPerEntity: 3000, ExportPageSize: 50}})
	r.startAll(t, "bridge", "notifier", "gateway")
	before := r.start(t, "worker")
	r.firstSync(t)
	r.stack.Simulator.SetPace(100 * time.Millisecond)
	stop := r.load(t, 200*time.Millisecond)
	begunBefore := r.full(t)
	r.awaitRunStarted(t, begunBefore)
	r.awaitPages(t, 8)
	after := r.startProgram(t, next, "worker")
	r.awaitPages(t, 20)
	before.Kill()
	begunAfter := r.full(t)
	r.awaitRunStarted(t, begunAfter)
	require.Eventually(t, func() bool { return r.knowsChange(t, workflows.FullSyncID(begunAfter.requestID())) }, waitLimit, tick)
	before = r.start(t, "worker")
	r.awaitPages(t, 20)
	after.Kill()
	r.awaitPublished(t, 20)
	r.startProgram(t, next, "worker")
	before.stop(t)
	repairedAt := time.Now()
	stop()
	r.stack.Simulator.SetPace(0)
	r.checkOracle(t, repairedAt)
	require.Equal(t, "completed", r.state(t, begunBefore))
	require.Equal(t, "completed", r.state(t, begunAfter))
	require.False(t, r.knowsChange(t, workflows.FullSyncID(begunBefore.requestID())))
	require.True(t, r.knowsChange(t, workflows.FullSyncID(begunAfter.requestID())))
}

// A version with another column of customers migrates and runs beside the previous one, which
// continues to store pages, is killed, is restarted, and is then replaced.
func TestFault54ColumnAddedDuringARollout(t *testing.T) {
	t.Parallel()
	next := changed(t, anotherColumn)
	r := newRig(t, options{simulator: simulator.Options{RecordsPerEntity: 3000, ExportPageSize: 50}})
	r.startAll(t, "bridge", "notifier", "gateway")
	before := r.start(t, "worker")
	r.firstSync(t)
	r.stack.Simulator.SetPace(50 * time.Millisecond)
	stop := r.load(t, 200*time.Millisecond)
	first := r.full(t)
	r.awaitPages(t, 8)
	require.Contains(t, r.runProgram(t, next, nil, "migrate"), "column raw.st_customers.do_not_mail")
	require.Zero(t, r.wrongColumns(t), "as soon as it has migrated")
	r.awaitPages(t, 20)
	require.Zero(t, r.wrongColumns(t), "in what the older build has stored since")
	after := r.startProgram(t, next, "worker")
	r.awaitPages(t, 20)
	before.Kill()
	second := r.full(t)
	before = r.start(t, "worker")
	r.awaitPages(t, 20)
	after.stop(t) // rolled back
	r.awaitPages(t, 20)
	require.Zero(t, r.wrongColumns(t), "after the way back")
	r.startProgram(t, next, "worker")
	before.stop(t)
	repairedAt := time.Now()
	stop()
	r.stack.Simulator.SetPace(0)
	r.checkOracle(t, repairedAt)
	require.Equal(t, "completed", r.state(t, first))
	require.Equal(t, "completed", r.state(t, second))
	require.Zero(t, r.wrongColumns(t))
}

// wrongColumns counts the customers whose typed columns differ from their records.
func (r *rig) wrongColumns(t *testing.T) (n int) {
	t.Helper()
	require.NoError(t, r.sql.QueryRow(t.Context(), `select count(*) from raw.st_customers
		where (name, active, balance, do_not_mail) is distinct from (raw.to_text(full_data -> 'name'), raw.to_boolean(full_data -> 'active'),
			raw.to_numeric(full_data -> 'balance'), raw.to_boolean(full_data -> 'doNotMail'))`).Scan(&n))
	return n
}

// knowsChange reports whether a workflow has recorded the version of a change.
func (r *rig) knowsChange(t *testing.T, workflowID string) bool {
	t.Helper()
	history := r.client.GetWorkflowHistory(t.Context(), workflowID, "", false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for history.HasNext() {
		e, err := history.Next()
		require.NoError(t, err)
		marker := e.GetMarkerRecordedEventAttributes()
		for _, id := range marker.GetDetails()["change-id"].GetPayloads() {
			if marker.GetMarkerName() == "Version" && string(id.GetData()) == strconv.Quote(anotherStepID) {
				return true
			}
		}
	}
	return false
}
