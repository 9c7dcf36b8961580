package bridge_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/stretchr/testify/require"
)

// killedAtEvery runs a test once for every effect of what it does, with the bridge
// killed after that effect, until a run needs no killing.
func killedAtEvery(t *testing.T, run func(t *testing.T, w *world, kill func())) {
	t.Helper()
	for n := 1; ; n++ {
		reached := false
		t.Run(fmt.Sprintf("after effect %d", n), func(t *testing.T) {
			w := newWorld(t)
			run(t, w, func() { w.crashAt = len(w.effects) + n })
			reached = w.crashAt == 0
		})
		if !reached || t.Failed() {
			require.Greater(t, n, 1, "nothing was killed")
			return
		}
	}
}

// deliver hands a message to a bridge that is killed over it, and then to one that was
// restarted, until the message is settled.
func (w *world) deliver(t *testing.T, m *message, handle func(...*message) error) {
	t.Helper()
	_ = handle(m)
	if w.crashed {
		w.restart()
	}
	for m.ended == "" {
		m.deliveries++
		require.Less(t, m.deliveries, uint64(5), "never settled")
		require.NoError(t, handle(m))
	}
}

// repair reconciles, and once more if the bridge is killed over it.
func (w *world) repair(t *testing.T) {
	t.Helper()
	if err := w.reconcile(); w.crashed {
		w.restart()
		require.NoError(t, w.reconcile())
	} else {
		require.NoError(t, err)
	}
}

func TestCrashBetweenStepsOfARequest(t *testing.T) {
	t.Parallel()
	for _, mode := range []events.Mode{events.Full, events.Incremental} {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			killedAtEvery(t, func(t *testing.T, w *world, kill func()) {
				m := w.requested(t, "e1", events.RequestData{Mode: mode})
				kill()
				w.deliver(t, m, w.requests)

				require.Equal(t, "acked", m.ended)
				require.Len(t, w.temporal.Executions(), 1, "one start")
				require.Equal(t, ledger.Accepted, w.request("e1").State)
				w.requireOneAnswer(t, "e1")
				require.Len(t, w.publisher.Events(), 1)
			})
		})
	}
}

func TestCrashBetweenStepsOfARejection(t *testing.T) {
	t.Parallel()
	killedAtEvery(t, func(t *testing.T, w *world, kill func()) {
		m := w.raw("sync.requested", `{"mode":"all"}`)
		kill()
		w.deliver(t, m, w.requests)
		require.Len(t, w.publisher.DeadLetters(), 1, "one copy in the dead-letter stream")
		require.Len(t, w.rejections(t), 1, "one answer")
		require.Contains(t, m.ended, "terminated")
	})
}

func TestCrashBetweenStepsOfAControl(t *testing.T) {
	t.Parallel()
	killedAtEvery(t, func(t *testing.T, w *world, kill func()) {
		require.NoError(t, w.requests(w.requested(t, "e1", events.RequestData{Mode: events.Full})))
		m := w.control(t, "c1", events.ControlData{Action: events.Pause, RequestID: "e1"})
		kill()
		w.deliver(t, m, w.controls)
		require.Equal(t, "acked", m.ended)
		for _, s := range w.temporal.Signals(w.request("e1").WorkflowID) {
			require.Equal(t, w.temporal.Signals(w.request("e1").WorkflowID)[0], s, "the workflow knows the signal by its id")
		}
		require.Empty(t, w.rejections(t))
		require.Equal(t, ledger.ControlApplied, w.recorded("c1").State)
		w.requireOneAnswer(t, "c1")
	})
}

// requireOneAnswer fails unless a command of /test, of which there is one message, has one
// answer and that is no duplicate.
func (w *world) requireOneAnswer(t *testing.T, id string) {
	t.Helper()
	answers := slices.DeleteFunc(published(t, w, events.Accepted), func(a events.AcceptedData) bool { return a.Event.ID != id })
	require.Len(t, answers, 1, "one answer to %s", id)
	require.False(t, answers[0].Duplicate, "%s was published once", id)
}

func TestCrashBetweenStepsOfAWithdrawal(t *testing.T) {
	t.Parallel()
	killedAtEvery(t, func(t *testing.T, w *world, kill func()) {
		require.NoError(t, w.requests(w.requested(t, "e1", events.RequestData{Mode: events.Incremental})))
		w.serve(t, "e1")
		m := w.control(t, "c1", events.ControlData{Action: events.Cancel, RequestID: "e1"})
		kill()
		w.deliver(t, m, w.controls)
		w.repair(t)
		require.Equal(t, "acked", m.ended)
		require.Empty(t, w.rejections(t))
		cancelled := published(t, w, events.Cancelled)
		require.Len(t, cancelled, 1, "one outcome")
		require.Equal(t, events.RequestID("/test", "e1"), cancelled[0].Requests[0].RequestID)
		w.requireOneAnswer(t, "c1")
	})
}

func TestCrashBetweenStepsOfAnEarlyCancel(t *testing.T) {
	t.Parallel()
	for _, mode := range []events.Mode{events.Full, events.Incremental} {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			killedAtEvery(t, func(t *testing.T, w *world, kill func()) {
				require.NoError(t, w.controls(w.control(t, "c1", events.ControlData{Action: events.Cancel, RequestID: "e1"})))
				m := w.requested(t, "e1", events.RequestData{Mode: mode})
				kill()
				w.deliver(t, m, w.requests)
				w.now = w.now.Add(time.Minute)
				w.repair(t)

				require.Equal(t, ledger.ControlApplied, w.recorded("c1").State)
				require.Empty(t, w.rejections(t))
				w.now = w.now.Add(time.Minute)
				w.repair(t)
				w.requireOneAnswer(t, "e1")
				w.requireOneAnswer(t, "c1")
				if mode == events.Incremental {
					require.Len(t, published(t, w, events.Cancelled), 1)
					return
				}
				require.NotEmpty(t, w.temporal.Signals(w.request("e1").WorkflowID), "the workflow has the cancel")
			})
		})
	}
}
