package bridge_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/workflows"
	"github.com/stretchr/testify/require"
)

// running is a world with a full sync f1 and an incremental pass of i1 and i2 under
// way, and with an incremental i3 that waits.
func running(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	require.NoError(t, w.requests(
		w.requested(t, "f1", events.RequestData{Mode: events.Full}),
		w.requested(t, "i1", events.RequestData{Mode: events.Incremental}),
		w.requested(t, "i2", events.RequestData{Mode: events.Incremental}),
	))
	w.serve(t, "f1")
	w.serve(t, "i1")
	require.NoError(t, w.requests(w.requested(t, "i3", events.RequestData{Mode: events.Incremental})))
	w.effects = nil
	w.publisher.Clear()
	w.temporal.ClearSignals()
	return w
}

func TestControls(t *testing.T) {
	t.Parallel()
	const incremental = tenantWorkflow
	full := workflows.FullSyncID(events.RequestID("/test", "f1"))
	type signals map[string]string
	for name, c := range map[string]struct {
		before   func(t *testing.T, w *world)
		control  events.ControlData
		signals  signals // workflow ID → name of the one signal it has
		rejected string
		pending  bool
	}{
		"pause by workflow":   {control: events.ControlData{Action: events.Pause, WorkflowID: full}, signals: signals{full: "pause"}},
		"resume by workflow":  {control: events.ControlData{Action: events.Resume, WorkflowID: full}, signals: signals{full: "resume"}},
		"cancel by workflow":  {control: events.ControlData{Action: events.Cancel, WorkflowID: full}, signals: signals{full: "cancel"}},
		"pause by request":    {control: events.ControlData{Action: events.Pause, RequestID: events.RequestID("/test", "f1")}, signals: signals{full: "pause"}},
		"cancel by event id":  {control: events.ControlData{Action: events.Cancel, RequestID: "f1"}, signals: signals{full: "cancel"}},
		"incremental, paused": {control: events.ControlData{Action: events.Pause, WorkflowID: incremental}, signals: signals{incremental: "pause"}},
		"incremental, all":    {control: events.ControlData{Action: events.Cancel, WorkflowID: incremental}, signals: signals{incremental: "cancel"}},
		"incremental, paused by request": {
			control:  events.ControlData{Action: events.Pause, RequestID: "i1"},
			rejected: `invalidData: requestId: got "i1", want workflowId "incremental-sync-985": pause applies to all requests of an incremental`,
		},
		"unknown workflow": {
			control:  events.ControlData{Action: events.Pause, WorkflowID: "full-sync-nobody"},
			rejected: `unknownRun: workflowId: got "full-sync-nobody", a workflow without requests, want the workflow ID of a run`,
		},
		"finished workflow": {
			before:   func(t *testing.T, w *world) { w.finish(t, full, ledger.Completed) },
			control:  events.ControlData{Action: events.Pause, WorkflowID: full},
			rejected: `finishedRun: workflowId: got "` + full + `", which is finished, want a run that is not finished`,
		},
		"finished request": {
			before:   func(t *testing.T, w *world) { w.finish(t, full, ledger.Completed) },
			control:  events.ControlData{Action: events.Cancel, RequestID: "f1"},
			rejected: `finishedRun: requestId: got "f1", which is finished, want a run that is not finished`,
		},
		"cancelled request, again": {
			before:  func(t *testing.T, w *world) { w.finish(t, full, ledger.Cancelled) },
			control: events.ControlData{Action: events.Cancel, RequestID: "f1"},
		},
		"finished incremental": {
			before:   func(t *testing.T, w *world) { w.finish(t, incremental, ledger.Completed) },
			control:  events.ControlData{Action: events.Cancel, RequestID: "i1"},
			rejected: `finishedRun: requestId: got "i1", which is finished, want a run that is not finished`,
		},
		"incremental that a pause holds open": {
			before: func(t *testing.T, w *world) {
				w.finish(t, incremental, ledger.Completed)
				w.temporal.SetStatus(incremental, workflows.ExecutionOpen)
			},
			control: events.ControlData{Action: events.Resume, WorkflowID: incremental}, signals: signals{incremental: "resume"},
		},
		"idle incremental": {
			before: func(t *testing.T, w *world) {
				w.finish(t, incremental, ledger.Completed)
				w.serve(t, "i3")
				w.finish(t, incremental, ledger.Completed)
			},
			control:  events.ControlData{Action: events.Pause, WorkflowID: incremental},
			rejected: `finishedRun: workflowId: got "` + incremental + `", which is finished, want a run that is not finished`,
		},
		"terminated in Temporal": {
			before:   func(t *testing.T, w *world) { w.temporal.SetStatus(full, workflows.ExecutionTerminated) },
			control:  events.ControlData{Action: events.Pause, WorkflowID: full},
			rejected: `finishedRun: workflowId: got "` + full + `", which is finished, want a run that is not finished`,
		},
		"ambiguous": {
			before: func(t *testing.T, w *world) {
				r := w.request("f1")
				r.ID, r.Source, r.RunNumber = "other", "/other", 0
				_, err := w.worker().Receive(t.Context(), []ledger.Request{r})
				require.NoError(t, err)
			},
			control:  events.ControlData{Action: events.Pause, RequestID: "f1"},
			rejected: `ambiguous: requestId: got "f1", the event id of several requests, want the requestId of one of them`,
		},
		"unknown request": {control: events.ControlData{Action: events.Cancel, RequestID: "later"}, pending: true},
		"refused": {
			before:   func(t *testing.T, w *world) { w.failures["Signal"] = workflows.ErrRejected },
			control:  events.ControlData{Action: events.Pause, RequestID: "f1"},
			rejected: `invalidData: got an invalid control (rejected by Temporal), want a control that Temporal accepts`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := running(t)
			if c.before != nil {
				c.before(t, w)
			}
			c.control.Reason, c.control.Actor = "because", "ann"
			m := w.control(t, "c1", c.control)
			require.NoError(t, w.controls(m))
			id := events.RequestID("/test", "c1")

			if c.rejected != "" {
				require.Equal(t, []string{c.rejected}, w.rejections(t))
				require.Equal(t, ledger.ControlRejected, w.recorded("c1").State)
				require.Contains(t, m.ended, "terminated")
				require.Len(t, w.publisher.DeadLetters(), 1)
				require.Empty(t, w.signals())
				return
			}
			require.Equal(t, "acked", m.ended)
			if c.pending {
				require.Equal(t, ledger.ControlPending, w.recorded("c1").State)
				require.Empty(t, w.publisher.Events())
				return
			}
			require.Equal(t, ledger.ControlApplied, w.recorded("c1").State)
			answers := published(t, w, events.Accepted)
			require.Len(t, answers, 1)
			require.Equal(t, events.KindControl, answers[0].Kind)
			require.Equal(t, id, answers[0].RequestID)
			require.Len(t, w.signals(), len(c.signals))
			for workflowID, signal := range c.signals {
				require.Equal(t, workflowID, answers[0].WorkflowID)
				require.Equal(t, []workflows.Signal{{Name: signal, Payload: workflows.ControlSignal{
					ID: id, Sequence: uint64(m.event.Stored.UnixNano()), Reason: "because", Actor: "ann",
				}}}, w.temporal.Signals(workflowID))
			}
		})
	}
}

func TestControlOrderOfSteps(t *testing.T) {
	t.Parallel()
	w := running(t)
	m := w.control(t, "c1", events.ControlData{Action: events.Pause, RequestID: "f1"})
	require.NoError(t, w.controls(m))
	id, full := events.RequestID("/test", "c1"), w.request("f1").WorkflowID
	require.Equal(t, []string{
		"RecordControl " + id, "MarkControlSignalled " + id, "Signal " + full + " pause", "SettleControl " + id + " applied", "Publish " + id + "/accepted", "MarkControlAnswered " + id, "ack 5",
	}, w.effects)
}

func TestWithdraw(t *testing.T) {
	t.Parallel()
	w := running(t)
	pass := "incremental-sync-985"
	require.NoError(t, w.controls(w.control(t, "c1", events.ControlData{Action: events.Cancel, RequestID: "i1", Reason: "not needed"})))
	require.Empty(t, w.signals(), "i2 still needs the pass")
	require.NoError(t, w.controls(w.control(t, "c3", events.ControlData{Action: events.Cancel, RequestID: "i3"})))
	require.Empty(t, w.signals(), "i3 was queued for another pass")
	last := w.control(t, "c2", events.ControlData{Action: events.Cancel, RequestID: "i2"})
	require.NoError(t, w.controls(last))
	require.Equal(t, []workflows.Signal{{Name: "cancel", Payload: workflows.ControlSignal{
		ID: events.RequestID("/test", "c2"), Sequence: uint64(last.event.Stored.UnixNano()), PassOnly: true, RunNumber: 2,
	}}}, w.temporal.Signals(pass), "the pass serves no other request")

	cancelled := published(t, w, events.Cancelled)
	require.Len(t, cancelled, 3)
	require.Equal(t, "not needed", cancelled[0].Reason)
	require.Equal(t, "i1", cancelled[0].Requests[0].ID)
	require.Empty(t, cancelled[0].RunID)
	for _, run := range w.ledger.Runs()[2:] {
		require.True(t, run.Published)
	}
}

// Between the lookup of a request and its withdrawal, a pass may claim it. Until the signal arrives, another pass
// may serve other requests.
func TestTheCancelOfAnEmptyPassNamesThePass(t *testing.T) {
	t.Parallel()
	w := running(t)
	var claimed ledger.Run
	w.before = func(method string) {
		if method == "WithdrawRequest" && claimed.Number == 0 { // pass 1 ends, pass 2 serves i3 alone
			w.finish(t, tenantWorkflow, ledger.Completed)
			w.temporal.SetStatus(tenantWorkflow, workflows.ExecutionOpen)
			claimed = w.serve(t, "i3")
		}
	}
	last := w.control(t, "c1", events.ControlData{Action: events.Cancel, RequestID: "i3"})
	w.failures["SettleControl"] = errors.New("connection refused")
	require.Error(t, w.controls(last))
	delete(w.failures, "SettleControl")
	require.NoError(t, w.controls(last), "redelivered, when its request is withdrawn already")
	signal := workflows.Signal{Name: "cancel", Payload: workflows.ControlSignal{
		ID: events.RequestID("/test", "c1"), Sequence: uint64(last.event.Stored.UnixNano()), PassOnly: true, RunNumber: claimed.Number,
	}}
	require.Equal(t, []workflows.Signal{signal, signal}, w.temporal.Signals(tenantWorkflow))
}

// A reason longer than an event may carry would make the outcome invalid.
func TestReasonAndActorAreClipped(t *testing.T) {
	t.Parallel()
	w := running(t)
	long := strings.Repeat("x", 100_000)
	require.NoError(t, w.controls(w.control(t, "c1", events.ControlData{Action: events.Cancel, RequestID: "i1", Reason: long, Actor: long})))
	require.Equal(t, long[:999]+"…", published(t, w, events.Cancelled)[0].Reason)
	require.NoError(t, w.controls(w.control(t, "c2", events.ControlData{Action: events.Pause, WorkflowID: "incremental-sync-985", Actor: long})))
	signal, ok := w.temporal.Signals("incremental-sync-985")[0].Payload.(workflows.ControlSignal)
	require.True(t, ok)
	require.Equal(t, long[:999]+"…", signal.Actor)
}

func TestControlsStayInOrderAcrossANewStream(t *testing.T) {
	t.Parallel()
	w := running(t)
	full := w.request("f1").WorkflowID
	require.NoError(t, w.controls(w.control(t, "c1", events.ControlData{Action: events.Pause, RequestID: "f1"})))
	w.now, w.sequence = w.now.Add(time.Minute), 0 // NATS lost its volume, and its streams were declared again
	require.NoError(t, w.controls(w.control(t, "c2", events.ControlData{Action: events.Resume, RequestID: "f1"})))
	signals := w.temporal.Signals(full)
	require.Len(t, signals, 2)
	first, second := signals[0].Payload.(workflows.ControlSignal), signals[1].Payload.(workflows.ControlSignal)
	require.Greater(t, second.Sequence, first.Sequence, "the later control has the higher order")
}

func TestControlRepeated(t *testing.T) {
	t.Parallel()
	w := running(t)
	id := events.RequestID("/test", "c1")
	pause := events.ControlData{Action: events.Pause, RequestID: "f1"}
	require.NoError(t, w.controls(w.control(t, "c1", pause), w.control(t, "c1", pause)))
	require.Equal(t, []string{id + "/accepted", id + "/duplicate/6"}, w.ids())
	answers := published(t, w, events.Accepted)
	require.True(t, answers[1].Duplicate)
	require.Equal(t, answers[0].WorkflowID, answers[1].WorkflowID)
	require.Len(t, w.temporal.Signals(w.request("f1").WorkflowID), 1)

	other := w.control(t, "c1", events.ControlData{Action: events.Resume, RequestID: "f1"})
	require.NoError(t, w.controls(other))
	require.Equal(t, []string{`conflict: id: got "c1", already used with different data, want a new id; the first event is kept`}, w.rejections(t))
	require.Equal(t, ledger.ControlApplied, w.recorded("c1").State)
}

// Two bridges have the message, because one froze for longer than the ack wait.
func TestControlIsAnsweredAsItWasFirstSettled(t *testing.T) {
	t.Parallel()
	w := running(t)
	settleFirst := func(settled ledger.Control) {
		w.before = func(method string) {
			if method == "SettleControl" {
				_, err := w.worker().SettleControl(t.Context(), settled)
				require.NoError(t, err)
			}
		}
	}
	settleFirst(ledger.Control{
		ID: events.RequestID("/test", "c1"), State: ledger.ControlRejected, Rejection: &events.Rejection{Code: events.CodeConflict, Reason: "it came too late"},
	})
	require.NoError(t, w.controls(w.control(t, "c1", events.ControlData{Action: events.Pause, RequestID: "f1"})))
	require.Empty(t, published(t, w, events.Accepted), "the other bridge has rejected it")
	require.Equal(t, []string{"conflict: it came too late"}, w.rejections(t))

	settleFirst(ledger.Control{ID: events.RequestID("/test", "c2"), State: ledger.ControlApplied})
	require.NoError(t, w.controls(w.control(t, "c2", events.ControlData{Action: events.Pause, WorkflowID: "nobody"})))
	require.Len(t, w.rejections(t), 1, "the other bridge has applied it")
	require.False(t, published(t, w, events.Accepted)[0].Duplicate, "it is the message that brought the control")
}

// The ledger stores texts without what PostgreSQL cannot store. A redelivered message is compared with that.
func TestARedeliveredControlWithAZeroByteIsNoConflict(t *testing.T) {
	t.Parallel()
	for name, target := range map[string]string{"requestId": "acked", "workflowId": "terminated"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			body := `{"specversion":"1.0","id":"c1","source":"/test","type":"com.lazi.sync.control.v1","data":{"action":"cancel","` + name + `":"a\u0000","reason":"b\u0000"}}`
			m := w.raw("sync.control", body)
			require.NoError(t, w.controls(m))
			require.Contains(t, m.ended, target)
			m.deliveries++ // the acknowledgement was lost
			require.NoError(t, w.controls(m))
			require.NotContains(t, m.ended, "already used")
			require.NotContains(t, strings.Join(w.rejections(t), "\n"), "conflict")
			require.Contains(t, m.ended, target)
		})
	}
}

func TestRejectedControlRepeated(t *testing.T) {
	t.Parallel()
	w := running(t)
	pause := events.ControlData{Action: events.Pause, WorkflowID: "nobody"}
	require.NoError(t, w.controls(w.control(t, "c1", pause), w.control(t, "c1", pause)))
	rejected := w.rejections(t)
	require.Len(t, rejected, 2, "each message is answered")
	require.Equal(t, rejected[0], rejected[1])
}

func TestReplayedRejectedControlIsAppliedAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	cancel := events.ControlData{Action: events.Cancel, WorkflowID: workflows.FullSyncID(events.RequestID("/test", "f1"))}
	require.NoError(t, w.controls(w.control(t, "c1", cancel)))
	require.Len(t, w.rejections(t), 1, "its run is unknown")

	require.NoError(t, w.requests(w.requested(t, "f1", events.RequestData{Mode: events.Full})))
	require.NoError(t, w.controls(w.control(t, "c1", cancel)))
	require.Len(t, w.rejections(t), 1)
	require.Equal(t, "cancel", w.temporal.Signals(cancel.WorkflowID)[0].Name)
	require.Equal(t, ledger.ControlApplied, w.recorded("c1").State)
}

func TestControlWaitsForTemporal(t *testing.T) {
	t.Parallel()
	w := running(t)
	down := errors.New("connection refused")
	w.failures["Signal"] = down
	m := w.control(t, "c1", events.ControlData{Action: events.Pause, RequestID: "f1"})
	require.ErrorIs(t, w.controls(m), down)
	require.Empty(t, m.ended)
	require.Equal(t, []time.Duration{time.Second}, m.delays)
	require.Empty(t, w.publisher.Events())

	delete(w.failures, "Signal")
	m.deliveries++
	require.NoError(t, w.controls(m))
	require.Equal(t, "acked", m.ended)
	require.Len(t, published(t, w, events.Accepted), 1)
}

func TestControlBeforeItsRequest(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		mode   events.Mode
		action events.Action
		check  func(t *testing.T, w *world)
	}{
		"pause of a full": {events.Full, events.Pause, func(t *testing.T, w *world) {
			require.Equal(t, "pause", w.temporal.Signals(w.request("e1").WorkflowID)[0].Name)
		}},
		"cancel of a full": {events.Full, events.Cancel, func(t *testing.T, w *world) {
			require.Zero(t, w.count("Start"), "it starts together with the cancel")
			require.Len(t, w.temporal.Executions(), 1)
			require.Equal(t, "cancel", w.temporal.Signals(w.request("e1").WorkflowID)[0].Name)
		}},
		"cancel of an incremental": {events.Incremental, events.Cancel, func(t *testing.T, w *world) {
			require.Empty(t, w.temporal.Executions(), "nothing is started for it")
			require.Len(t, published(t, w, events.Cancelled), 1)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			require.NoError(t, w.controls(w.control(t, "c1", events.ControlData{Action: c.action, RequestID: "e1"})))
			require.Empty(t, w.publisher.Events())
			require.NoError(t, w.requests(w.requested(t, "e1", events.RequestData{Mode: c.mode})))

			require.Equal(t, ledger.ControlApplied, w.recorded("c1").State)
			require.Equal(t, []string{events.RequestID("/test", "e1") + "/accepted", events.RequestID("/test", "c1") + "/accepted"}, w.ids()[:2])
			c.check(t, w)
		})
	}
}

func TestWithdrawnRequestDoesNotDelayOthers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	require.NoError(t, w.controls(w.control(t, "c1", events.ControlData{Action: events.Cancel, RequestID: "e1"})))
	require.NoError(t, w.requests(
		w.requested(t, "e1", events.RequestData{Mode: events.Incremental}), w.requested(t, "e2", events.RequestData{Mode: events.Incremental}),
	))
	require.Equal(t, 1, w.count("SignalWithStart"))
	require.Equal(t, ledger.Accepted, w.request("e1").State)
	require.Equal(t, ledger.Accepted, w.request("e2").State)
	require.Zero(t, w.request("e2").RunNumber)
}

func TestAmbiguousEarlyCancel(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	require.NoError(t, w.controls(w.control(t, "c1", events.ControlData{Action: events.Cancel, RequestID: "e1"})))
	other := w.raw("sync.requested", `{"specversion":"1.0","id":"e1","source":"/other","type":"com.lazi.sync.requested.v1","data":{"mode":"incremental"}}`)
	require.NoError(t, w.requests(w.requested(t, "e1", events.RequestData{Mode: events.Incremental}), other))
	require.Equal(t, []string{`ambiguous: requestId: got "e1", the event id of several requests, want the requestId of one of them`}, w.rejections(t))
	require.Empty(t, w.ledger.Runs(), "neither is cancelled")
	require.Equal(t, 1, w.count("SignalWithStart"))
}
