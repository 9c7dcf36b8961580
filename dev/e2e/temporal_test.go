package e2e

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/converter"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/simulator"
)

// Temporal shows what the outcome says: a failed or cancelled run is a failed or
// cancelled workflow with its reason, and the memo has tenant, mode and outcome.
func TestTemporalShowsTheOutcome(t *testing.T) {
	t.Parallel()
	w := newFixture(t, options{simulator: simulator.Options{RecordsPerEntity: 20}})
	w.start(t, "serve")
	memo := func(workflowID string, want enums.WorkflowExecutionStatus) map[string]any {
		t.Helper()
		_ = w.temporal.GetWorkflow(t.Context(), workflowID, "").Get(t.Context(), nil) // waits until it is closed
		described, err := w.temporal.DescribeWorkflow(t.Context(), workflowID, "")
		require.NoError(t, err)
		require.Equal(t, want, described.Status)
		values := map[string]any{}
		for key, field := range described.Memo.GetFields() {
			var value any
			require.NoError(t, converter.GetDefaultDataConverter().FromPayload(field, &value), key)
			values[key] = value
		}
		return values
	}

	requestID := w.request(t, `{"mode":"full","entities":["customers"]}`)
	done := w.completed(t, requestID)
	require.Equal(t, map[string]any{
		"tenant": w.tenant, "mode": "full", "requestId": requestID, "entities": []any{"customers"},
		"runNumber": float64(done.RunNumber), "outcome": "completed", "reason": "",
	}, memo(done.WorkflowID, enums.WORKFLOW_EXECUTION_STATUS_COMPLETED))

	require.NoError(t, w.stack.Simulator.AddFault(simulator.Fault{Kind: "403", Entity: "customers", Count: -1}))
	for _, mode := range []string{"full", "incremental"} {
		failed := w.outcome(t, "sync.failed", w.request(t, `{"mode":"`+mode+`","entities":["customers"]}`))
		got := memo(failed.WorkflowID, enums.WORKFLOW_EXECUTION_STATUS_FAILED)
		require.Equal(t, "failed", got["outcome"], mode)
		require.Equal(t, failed.Error.Message, got["reason"], mode)
		require.Equal(t, w.tenant, got["tenant"], mode)
		err := w.temporal.GetWorkflow(t.Context(), failed.WorkflowID, "").Get(t.Context(), nil)
		require.ErrorContains(t, err, failed.Error.Message, mode)
	}

	// The simulator refuses all records, so that a cancel arrives before the run ends by itself.
	w.stack.Simulator.ClearFaults()
	require.NoError(t, w.stack.Simulator.AddFault(simulator.Fault{Kind: "503", Entity: "customers", Count: -1}))
	for _, mode := range []string{"full", "incremental"} {
		id := w.request(t, `{"mode":"`+mode+`","entities":["customers"]}`)
		_, started := await(t, w, "sync.started", func(d events.StartedData) bool { return names(d.RunData, id) })
		w.control(t, `{"action":"cancel","workflowId":"`+started.WorkflowID+`","reason":"wrong tenant"}`)
		w.outcome(t, "sync.cancelled", id)
		got := memo(started.WorkflowID, enums.WORKFLOW_EXECUTION_STATUS_CANCELED)
		require.Equal(t, "cancelled", got["outcome"], mode)
		require.Equal(t, "wrong tenant", got["reason"], mode)
	}

	var summaries []string
	for _, event := range w.scheduledSlices(t, done.WorkflowID) {
		var summary string
		require.NoError(t, converter.GetDefaultDataConverter().FromPayload(event.GetUserMetadata().GetSummary(), &summary))
		summaries = append(summaries, summary)
	}
	require.Equal(t, []string{"customers"}, summaries)
}

// scheduledSlices returns the events of a workflow's history that scheduled a slice.
func (w *fixture) scheduledSlices(t *testing.T, workflowID string) (scheduled []*history.HistoryEvent) {
	t.Helper()
	all := w.temporal.GetWorkflowHistory(t.Context(), workflowID, "", false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for all.HasNext() {
		event, err := all.Next()
		require.NoError(t, err)
		if event.GetActivityTaskScheduledEventAttributes().GetActivityType().GetName() == "SyncSlice" {
			scheduled = append(scheduled, event)
		}
	}
	require.NotEmpty(t, scheduled)
	return scheduled
}

// Temporal gives a free slot of a worker to incremental syncs first.
func TestSlicesOfIncrementalsComeFirst(t *testing.T) {
	t.Parallel()
	w := newFixture(t, options{simulator: simulator.Options{RecordsPerEntity: 5}})
	w.start(t, "serve")
	priority := func(mode string) int32 {
		t.Helper()
		done := w.completed(t, w.request(t, `{"mode":"`+mode+`","entities":["customers"]}`))
		return w.scheduledSlices(t, done.WorkflowID)[0].GetActivityTaskScheduledEventAttributes().GetPriority().GetPriorityKey()
	}
	require.Zero(t, priority("full"), "the default, 3")
	require.EqualValues(t, 2, priority("incremental"))
}
