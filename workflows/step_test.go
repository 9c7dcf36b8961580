package workflows_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/workflows"
)

// A step that fails once is repeated as an activity.
func TestStepsAreRepeated(t *testing.T) {
	t.Parallel()
	for name, subject := range map[string]string{"BeginRun": events.Started.Name, "FinishRun": events.Completed.Name} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig()
			r.Ledger.Request(events.Incremental, "jobs")
			refused := false
			r.Events.Refuse = func(_ context.Context, e events.Event) error {
				if e.Type() == subject && !refused {
					refused = true
					return errors.New("no servers available")
				}
				return nil
			}
			var repeated []string
			r.prepare = func(int) {
				r.env.SetOnActivityCompletedListener(func(info *activity.Info, _ converter.EncodedValue, _ error) {
					if info.ActivityType.Name != "SyncSlice" {
						repeated = append(repeated, info.ActivityType.Name)
					}
				})
			}
			_, err := r.incremental()
			require.NoError(t, err)
			require.True(t, refused)
			require.Equal(t, []string{name}, repeated)
			require.Equal(t, []string{"sync.started", "sync.completed"}, r.Events.Subjects())
		})
	}
}

// The first attempt of a workflow task may finish the pass, and the cancel arrive before the second.
func TestCancelOfADecidedPassCancelsTheNextPass(t *testing.T) {
	t.Parallel()
	r := newRig()
	r.Ledger.Request(events.Incremental, "jobs")
	r.at("jobs", 3, func() {
		r.requested("customers")
		_, err := r.Ledger.Finalize(t.Context(), ledger.Ref{Number: 1}, ledger.Finalization{State: ledger.Failed, Error: &events.RunError{Type: events.Terminated, Message: "gone"}})
		require.NoError(t, err)
		r.signal(workflows.SignalCancel, nil)
	})
	_, _ = r.incremental()
	runs := r.Ledger.Runs()
	require.Len(t, runs, 2)
	require.Equal(t, ledger.Failed, runs[0].State)
	require.Equal(t, ledger.Cancelled, runs[1].State)
	require.Empty(t, r.API.PageRequests("customers"))
}

// unavailable refuses events of a type, in the first execution, and lets the history get long meanwhile.
func (r *rig) unavailable(typ string, meanwhile func()) {
	r.Events.Refuse = func(_ context.Context, e events.Event) error {
		if e.Type() == typ && r.executions == 1 {
			return errors.New("no servers available")
		}
		return nil
	}
	r.historyIsLong(2*time.Minute, meanwhile) // before the tenth attempt, the last one in this environment
}

// A worker may be unable to do a step for hours while signals still arrive.
func TestStepsContinueAsNew(t *testing.T) {
	t.Parallel()
	pause := func(r *rig) { r.at("jobs", 3, func() { r.signal(workflows.SignalPause, nil) }) }
	resume := func(r *rig) { r.after(time.Minute, func() { r.signal(workflows.SignalResume, nil) }) }
	for name, c := range map[string]struct {
		unavailable string
		arrange     func(*rig)
		want        []string
	}{
		"BeginRun":  {events.Started.Name, nil, []string{"sync.started", "sync.completed"}},
		"FinishRun": {events.Completed.Name, nil, []string{"sync.started", "sync.completed"}},
		"AnnounceControl": {events.Paused.Name, func(r *rig) {
			pause(r)
			r.prepare = func(int) { resume(r) }
		}, []string{"sync.started", "sync.paused", "sync.resumed", "sync.completed"}},
	} {
		for workflow, run := range map[string]func(r *rig) error{
			"IncrementalSync": func(r *rig) error {
				r.Ledger.Request(events.Incremental, "jobs")
				_, err := r.incremental()
				return err
			},
			"FullSync": func(r *rig) error {
				_, err := r.full("jobs")
				return err
			},
		} {
			t.Run(workflow+" "+name, func(t *testing.T) {
				t.Parallel()
				r := newRig()
				if c.arrange != nil {
					c.arrange(r)
				}
				r.unavailable(c.unavailable, r.wake)
				require.NoError(t, run(r))
				require.Equal(t, 2, r.executions)
				require.Equal(t, 3*time.Minute, r.elapsed)
				require.Len(t, r.Ledger.Runs(), 1)
				require.Equal(t, c.want, r.Events.Subjects())
				r.requireEachPageOnce(t, "jobs")
			})
		}
	}
}

// A run that continues as new while its outcome is being published finishes first.
func TestCancelAfterContinueAsNewDuringTheOutcomeIsKept(t *testing.T) {
	t.Parallel()
	r := newRig()
	r.API.Pages = map[string]int{"jobs": 5}
	r.Ledger.Request(events.Incremental, "jobs")
	r.at("jobs", 2, func() { r.signal(workflows.SignalCancel, workflows.ControlSignal{ID: "a", Sequence: sequenceNow()}) })
	r.prepare = func(execution int) {
		if execution == 2 {
			require.True(t, r.carried[0].Finishing)
			r.after(0, func() { r.signal(workflows.SignalCancel, workflows.ControlSignal{ID: "b", Sequence: sequenceNow()}) })
		}
	}
	r.unavailable(events.Cancelled.Name, func() { r.requested("customers") })
	_, _ = r.incremental()
	runs := r.Ledger.Runs()
	require.Len(t, runs, 2)
	require.Equal(t, ledger.Cancelled, runs[0].State)
	require.Equal(t, ledger.Cancelled, runs[1].State)
	require.Empty(t, r.API.PageRequests("customers"))
}

// The ledger may have the outcome although the entities are not complete.
func TestRunThatContinuesAsNewDuringItsOutcomeReadsNothing(t *testing.T) {
	t.Parallel()
	r := newRig()
	r.Ledger.Request(events.Incremental, "jobs")
	r.at("jobs", 2, func() {
		_, err := r.Ledger.Finalize(t.Context(), ledger.Ref{Number: 1}, ledger.Finalization{State: ledger.Failed, Error: &events.RunError{Type: events.Terminated, Message: "gone"}})
		require.NoError(t, err)
	})
	slices := 0
	r.prepare = func(execution int) {
		r.env.SetOnActivityStartedListener(func(info *activity.Info, _ context.Context, _ converter.EncodedValues) {
			if execution == 2 && info.ActivityType.Name == "SyncSlice" {
				slices++
			}
		})
	}
	r.unavailable(events.Failed.Name, r.wake)
	_, _ = r.incremental()
	require.Equal(t, 2, r.executions)
	require.Zero(t, slices)
	require.Equal(t, ledger.Failed, r.Ledger.Runs()[0].State)
	require.Equal(t, []string{"sync.started", "sync.failed"}, r.Events.Subjects())
}
