package bridge_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/lazi/lazisync/bridge"
	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/internal/testing/memory"
	"github.com/lazi/lazisync/workflows"
	"github.com/stretchr/testify/require"
)

// leave brings a request of /test as far as the bridge gets before it dies after a
// number of effects: 1 received, 2 Temporal has it, 3 accepted.
func (w *world) leave(t *testing.T, effects int, id string, mode events.Mode) {
	t.Helper()
	w.crashAt = len(w.effects) + effects
	require.Error(t, w.requests(w.requested(t, id, events.RequestData{Mode: mode})))
	w.restart()
}

func TestReconcileStartsRequests(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		mode     events.Mode
		effects  int
		age      time.Duration
		status   workflows.ExecutionStatus // of the workflow meanwhile, "" to leave it
		calls    int                       // made by the reconciler
		accepted int                       // answers given by it
	}{
		"full, received":                             {events.Full, 1, time.Minute, "", 1, 1},
		"full, Temporal has it":                      {events.Full, 2, time.Minute, "", 1, 1},
		"full, accepted":                             {events.Full, 3, time.Minute, "", 0, 0},
		"full, just received":                        {events.Full, 1, time.Second, "", 0, 0},
		"incremental, received":                      {events.Incremental, 1, time.Minute, "", 1, 1},
		"incremental, unclaimed, workflow ended":     {events.Incremental, 3, time.Minute, workflows.ExecutionTerminated, 1, 0},
		"incremental, unclaimed, workflow runs":      {events.Incremental, 3, time.Minute, workflows.ExecutionOpen, 0, 0},
		"incremental, unclaimed, workflow not found": {events.Incremental, 3, time.Minute, workflows.ExecutionNotFound, 1, 0},
		"incremental, unclaimed but only just so":    {events.Incremental, 3, time.Second, workflows.ExecutionTerminated, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.leave(t, c.effects, "e1", c.mode)
			w.effects = nil
			if c.status != "" {
				w.temporal.SetStatus(w.request("e1").WorkflowID, c.status)
			}
			w.now = w.now.Add(c.age)
			require.NoError(t, w.reconcile())
			require.Equal(t, c.calls, w.count("Start")+w.count("SignalWithStart"))
			require.Len(t, published(t, w, events.Accepted), c.accepted)
			if c.mode == events.Full {
				require.LessOrEqual(t, len(w.temporal.Executions()), 1)
			}
		})
	}
}

func TestReconcileCoalescesIncrementals(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.leave(t, 1, "e1", events.Incremental)
	w.leave(t, 1, "e2", events.Incremental)
	w.now = w.now.Add(time.Minute)
	require.NoError(t, w.reconcile())
	require.Equal(t, 1, w.count("SignalWithStart"))
	require.Equal(t, []string{events.RequestID("/test", "e1") + "/accepted", events.RequestID("/test", "e2") + "/accepted"}, w.ids())
}

func TestReconcileFinalizesRuns(t *testing.T) {
	t.Parallel()
	for status, want := range map[workflows.ExecutionStatus]struct {
		kind    events.ErrorType
		message string
	}{
		workflows.ExecutionOpen:       {},
		workflows.ExecutionTerminated: {events.Terminated, "was terminated without finalizing its run"},
		workflows.ExecutionTimedOut:   {events.DeadlineExceeded, "timed out without finalizing its run"},
		workflows.ExecutionFailed:     {events.Terminated, "failed without finalizing its run"},
		workflows.ExecutionCompleted:  {events.Terminated, "completed without finalizing its run"},
		workflows.ExecutionCancelled:  {events.Terminated, "was cancelled without finalizing its run"},
		workflows.ExecutionNotFound:   {events.Terminated, "does not exist in Temporal without finalizing its run"},
		workflows.ExecutionSuperseded: {events.Terminated, "was superseded by a later execution without finalizing its run"},
	} {
		for _, begun := range []bool{true, false} {
			t.Run(string(status), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t)
				require.NoError(t, w.requests(w.requested(t, "e1", events.RequestData{Mode: events.Full})))
				if begun {
					w.serve(t, "e1")
				}
				workflowID := w.request("e1").WorkflowID
				w.temporal.SetStatus(workflowID, status)
				w.now = w.now.Add(time.Minute)
				require.NoError(t, w.reconcile())
				require.NoError(t, w.reconcile())

				failed := published(t, w, events.Failed)
				if status == workflows.ExecutionOpen {
					require.Empty(t, failed)
					return
				}
				require.Len(t, failed, 1, "one outcome")
				require.Equal(t, want.kind, failed[0].Error.Type)
				require.Contains(t, failed[0].Error.Message, want.message)
				require.Equal(t, "e1", failed[0].Requests[0].ID)
				require.Equal(t, "run-1", failed[0].RunID)
				require.Equal(t, []string{"#sync-alerts"}, failed[0].Notify)
			})
		}
	}
}

func TestReconcilePublishesOutcomes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	require.NoError(t, w.requests(w.requested(t, "e1", events.RequestData{Mode: events.Full})))
	w.serve(t, "e1")
	w.finish(t, w.request("e1").WorkflowID, ledger.Completed)
	require.NoError(t, w.reconcile())
	require.NoError(t, w.reconcile())
	require.Equal(t, "run-1/1/com.lazi.sync.completed.v1", w.ids()[1])
	require.Equal(t, 2, w.count("Publish"), "the answer and the outcome, each once")
	require.True(t, w.ledger.Runs()[0].Published)
}

func TestReconcileSettlesPendingControls(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	require.NoError(t, w.controls(w.control(t, "c1", events.ControlData{Action: events.Cancel, RequestID: "never"})))
	w.now = w.now.Add(29 * time.Second)
	require.NoError(t, w.reconcile())
	require.Empty(t, w.publisher.Events())

	w.now = w.now.Add(time.Second)
	require.NoError(t, w.reconcile())
	require.NoError(t, w.reconcile())
	require.Equal(t, []string{`unknownRun: requestId: got "never", no request with this id arrived within 30s, want the id of a request`}, w.rejections(t))
	require.Len(t, w.publisher.DeadLetters(), 1, "the original is dead-lettered, long after it was acknowledged")
	require.Equal(t, ledger.ControlRejected, w.recorded("c1").State)
}

func TestPendingControlsWaitDuringAnOutage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	down := errors.New("connection refused")
	w.failures["Start"] = down
	require.ErrorIs(t, w.requests(w.requested(t, "e1", events.RequestData{Mode: events.Full})), down)
	require.NoError(t, w.controls(w.control(t, "c1", events.ControlData{Action: events.Cancel, RequestID: "e1"})))
	w.now = w.now.Add(time.Hour)
	require.ErrorIs(t, w.reconcile(), down)
	require.Empty(t, w.rejections(t), "its request has come: it waits with it")

	delete(w.failures, "Start")
	require.NoError(t, w.reconcile())
	require.Equal(t, "cancel", w.temporal.Signals(w.request("e1").WorkflowID)[0].Name)
	require.Equal(t, ledger.ControlApplied, w.recorded("c1").State)
}

func TestAFailedStepDoesNotStopTheOthers(t *testing.T) {
	t.Parallel()
	for _, step := range []string{"Unstarted", "Unfinalized", "AcceptedWithoutRun", "PendingControls"} {
		t.Run(step, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			require.NoError(t, w.requests(w.requested(t, "e1", events.RequestData{Mode: events.Full})))
			w.serve(t, "e1")
			w.finish(t, w.request("e1").WorkflowID, ledger.Completed)
			down := errors.New("connection refused")
			w.failures[step] = down
			require.ErrorIs(t, w.reconcile(), down)
			require.Len(t, published(t, w, events.Completed), 1)
		})
	}
}

// housekeeping is a ledger with staging tables and changes to delete. It records how long rows are kept.
type housekeeping struct {
	*memory.Ledger
	stagingTables     int
	oldChanges        int64
	pruned            int
	kept, keptChanges time.Duration
}

func (h *housekeeping) DropStagingTables(context.Context) (dropped int, err error) {
	dropped, h.stagingTables = h.stagingTables, 0
	return dropped, nil
}

func (h *housekeeping) Prune(_ context.Context, keep time.Duration) (int64, error) {
	h.pruned, h.kept = h.pruned+1, keep
	return 0, nil
}

func (h *housekeeping) PruneChanges(_ context.Context, keep time.Duration) (int64, error) {
	h.keptChanges = keep
	return h.oldChanges, nil
}

func TestReconcileDropsStagingTables(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.bridge.Ledger = &housekeeping{Ledger: w.ledger, stagingTables: 2}
	actions := map[string]int{}
	w.bridge.Recorder = recorder{reconciled: func(what string, times int) { actions[what] += times }}
	require.NoError(t, w.reconcile())
	require.NoError(t, w.reconcile())
	require.Equal(t, map[string]int{"staging_tables_dropped": 2}, actions)
	require.Contains(t, bridge.ReconcileActions, "staging_tables_dropped", "counted from zero")
}

func TestReconcilePrunesOnceADay(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	l := &housekeeping{Ledger: w.ledger, oldChanges: 7}
	w.bridge.Ledger = l
	actions := map[string]int{}
	w.bridge.Recorder = recorder{reconciled: func(what string, times int) { actions[what] += times }}
	for range 3 {
		require.NoError(t, w.reconcile())
	}
	require.Equal(t, 1, l.pruned)
	require.Equal(t, 90*24*time.Hour, l.kept)
	require.Equal(t, 30*24*time.Hour, l.keptChanges)
	require.Equal(t, map[string]int{"rows_pruned": 7}, actions)
	w.now = w.now.Add(24 * time.Hour)
	require.NoError(t, w.reconcile())
	require.Equal(t, 2, l.pruned)
}

func TestRunReconciler(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.leave(t, 1, "e1", events.Full)
	w.now = w.now.Add(time.Minute)
	actions := make(chan string, 1)
	w.bridge.Recorder = recorder{reconciled: func(what string, _ int) { actions <- what }}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.bridge.RunReconciler(ctx, time.Hour)
	}()
	require.Equal(t, "requests_started", <-actions, "the first round starts at once")
	cancel()
	<-done
}
