package workflows_test

import (
	"context"
	"errors"
	"testing"

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
