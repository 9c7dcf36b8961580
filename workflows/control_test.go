package workflows_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/workflows"
)

func TestCancelKeepsStoredPages(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		signal workflows.ControlSignal
		reason string
	}{
		"with a reason":   {workflows.ControlSignal{Reason: "wrong tenant", Actor: "ann"}, "wrong tenant"},
		"by somebody":     {workflows.ControlSignal{Actor: "ann"}, "cancelled by ann"},
		"without a word":  {workflows.ControlSignal{}, "cancelled by an operator"},
		"from the bridge": {workflows.ControlSignal{ID: "c1", Sequence: 12}, "cancelled by an operator"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig()
			r.limits.Parallel = 1
			r.API.Pages = map[string]int{"jobs": 50}
			r.at("jobs", 2, func() { r.signal(workflows.SignalCancel, c.signal) })
			result, err := r.full(all...)
			require.NoError(t, err)
			require.Equal(t, ledger.Cancelled, result.State)
			outcome := r.outcome(t)
			require.Equal(t, c.reason, outcome.Reason)
			require.Nil(t, outcome.Error)
			require.Equal(t, map[string]events.Status{
				"customers": events.StatusCompleted, "jobs": events.StatusCancelled,
				"invoices": events.StatusCancelled, "estimates": events.StatusCancelled,
			}, statuses(outcome))
			require.Less(t, outcome.Results[1].Fetched, int64(40))
			require.Empty(t, r.API.PageRequests("invoices"))
			require.Equal(t, string(ledger.Cancelled), r.progress(t).Stopping)
		})
	}
}

func TestTemporalCancelActsLikeTheSignal(t *testing.T) {
	t.Parallel()
	r := newRig()
	r.API.Pages = map[string]int{"jobs": 50}
	r.at("jobs", 2, func() { r.env.CancelWorkflow() })
	_, err := r.full("jobs")
	var cancelled *temporal.CanceledError
	require.ErrorAs(t, err, &cancelled, "Temporal shows it as cancelled")
	outcome := r.outcome(t)
	require.Equal(t, "cancelled in Temporal", outcome.Reason)
	require.Equal(t, events.StatusCancelled, outcome.Results[0].Status)
	require.GreaterOrEqual(t, outcome.Results[0].Pages, int64(1))
	require.Equal(t, ledger.Cancelled, r.Ledger.Runs()[0].State)
	require.True(t, r.Ledger.Runs()[0].Published)
}

func TestCancelBeforeTheRunBegins(t *testing.T) {
	t.Parallel()
	r := newRig()
	r.prepare = func(int) { r.after(0, func() { r.signal(workflows.SignalCancel, nil) }) }
	result, err := r.full(all...)
	require.NoError(t, err)
	require.Equal(t, workflows.Result{RunNumber: 1, State: ledger.Cancelled, Reason: "cancelled by an operator"}, result)
	require.Zero(t, r.countPageRequests())
	require.Equal(t, []string{"sync.started", "sync.cancelled"}, r.Events.Subjects())
}

func TestCancelEndsAPause(t *testing.T) {
	t.Parallel()
	r := newRig()
	r.at("jobs", 2, func() { r.signal(workflows.SignalPause, nil) })
	r.prepare = func(int) { r.after(time.Hour, func() { r.signal(workflows.SignalCancel, nil) }) }
	result, err := r.full("jobs")
	require.NoError(t, err)
	require.Equal(t, ledger.Cancelled, result.State)
	require.Equal(t, time.Hour, r.elapsed)
	require.Equal(t, []string{"sync.started", "sync.paused", "sync.cancelled"}, r.Events.Subjects())
}

func TestFirstReasonToStopIsReported(t *testing.T) {
	t.Parallel()
	r := newRig()
	r.API.Pages = map[string]int{"jobs": 50}
	r.at("jobs", 2, func() {
		r.signal(workflows.SignalCancel, workflows.ControlSignal{Reason: "first"})
		r.signal(workflows.SignalCancel, workflows.ControlSignal{Reason: "second"})
		r.signal(workflows.SignalPause, nil)
	})
	_, err := r.full("jobs")
	require.NoError(t, err)
	require.Equal(t, "first", r.outcome(t).Reason)
	require.Equal(t, []string{"sync.started", "sync.cancelled"}, r.Events.Subjects(), "what is stopped is not paused")
}

// Signals that arrive one after another.
func TestControlsApplyOnceInOrder(t *testing.T) {
	t.Parallel()
	control := func(id string, sequence uint64) workflows.ControlSignal {
		return workflows.ControlSignal{ID: id, Sequence: sequence}
	}
	type sent struct {
		name string
		with workflows.ControlSignal
	}
	for name, c := range map[string]struct {
		sent     []sent
		subjects []string // between the start and the outcome
		outcome  string
	}{
		"a repeated pause": {
			[]sent{{"pause", control("a", 0)}, {"resume", control("b", 0)}, {"pause", control("a", 0)}},
			[]string{"sync.paused", "sync.resumed"}, "sync.completed",
		},
		"a repeated pause with its sequence": {
			[]sent{{"pause", control("a", 7)}, {"resume", control("b", 8)}, {"pause", control("a", 7)}},
			[]string{"sync.paused", "sync.resumed"}, "sync.completed",
		},
		"a pause that is older than the resume": {
			[]sent{{"resume", control("b", 8)}, {"pause", control("a", 7)}},
			nil, "sync.completed",
		},
		"a resume that is older than the pause": {
			[]sent{{"pause", control("a", 7)}, {"resume", control("b", 6)}, {"cancel", control("c", 8)}},
			[]string{"sync.paused"}, "sync.cancelled",
		},
		"a cancel that is older than the resume": {
			[]sent{{"pause", control("a", 1)}, {"resume", control("b", 8)}, {"cancel", control("c", 7)}},
			[]string{"sync.paused", "sync.resumed"}, "sync.cancelled",
		},
		"a resume by hand after a pause from the bridge": {
			[]sent{{"pause", control("a", 7)}, {"resume", control("", 0)}},
			[]string{"sync.paused", "sync.resumed"}, "sync.completed",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig()
			r.API.Answer = slowed("jobs", time.Hour, 2, 3)
			r.prepare = func(int) {
				for i, s := range c.sent {
					r.after(time.Duration(i+1)*time.Minute, func() { r.signal(s.name, s.with) })
				}
			}
			_, err := r.full("jobs")
			require.NoError(t, err)
			want := append([]string{"sync.started"}, c.subjects...)
			require.Equal(t, append(want, c.outcome), r.Events.Subjects())
		})
	}
}

// Signals of one task apply in the order of their events.
func TestControlsOfOneTaskApplyInEventOrder(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		sequence map[string]uint64
		want     []string
	}{
		"pause, resume, cancel": {map[string]uint64{"pause": 1, "resume": 2, "cancel": 3}, []string{"sync.started", "sync.paused", "sync.resumed", "sync.cancelled"}},
		"resume, pause, cancel": {map[string]uint64{"pause": 2, "resume": 1, "cancel": 3}, []string{"sync.started", "sync.paused", "sync.cancelled"}},
		"cancel, pause, resume": {map[string]uint64{"pause": 2, "resume": 3, "cancel": 1}, []string{"sync.started", "sync.cancelled"}},
	} {
		for _, order := range [][]string{{"pause", "resume", "cancel"}, {"cancel", "resume", "pause"}, {"resume", "cancel", "pause"}} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				r := newRig()
				r.API.Answer = slowed("jobs", time.Hour, 2)
				r.prepare = func(int) {
					r.after(time.Minute, func() {
						for _, s := range order {
							r.env.SignalWorkflowSkippingWorkflowTask(s, workflows.ControlSignal{ID: s, Sequence: c.sequence[s]})
						}
						r.signal("nobody listens", nil) // begins the task
					})
				}
				_, err := r.full("jobs")
				require.NoError(t, err)
				require.Equal(t, c.want, r.Events.Subjects())
			})
		}
	}
}

// The Temporal UI lets users send signals with any input.
func TestSignalSentByHandIsAcceptedWithAnyInput(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		payload any
		reason  string
		actor   string
	}{
		"nothing":           {nil, "", ""},
		"a text":            {"lunch", "lunch", ""},
		"an object":         {map[string]any{"reason": "lunch", "actor": "ann"}, "lunch", "ann"},
		"an empty object":   {map[string]any{}, "", ""},
		"unknown fields":    {map[string]any{"why": "lunch"}, "", ""},
		"fields that break": {map[string]any{"sequence": "seven"}, "", ""},
		"a number":          {42, "", ""},
		"a list":            {[]string{"lunch"}, "", ""},
		"bytes":             {[]byte{0xff, 0x00}, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig()
			r.at("jobs", 2, func() { r.signal(workflows.SignalPause, c.payload) })
			r.prepare = func(int) { r.after(time.Hour, func() { r.signal(workflows.SignalResume, c.payload) }) }
			_, err := r.full("jobs")
			require.NoError(t, err)
			require.Equal(t, []string{"sync.started", "sync.paused", "sync.resumed", "sync.completed"}, r.Events.Subjects())
			event, err := events.Paused.Data(r.Events.Published()[1].Event)
			require.NoError(t, err)
			require.Equal(t, c.reason, event.Reason)
			require.Equal(t, c.actor, event.Actor)
		})
	}
}
