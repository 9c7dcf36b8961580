package workflows_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"github.com/lazi/lazisync/activities/activitytest"
	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/workflows"
)

// Temporal lists a workflow whose run failed as failed, with the reason and the result.
func TestFailedRunFailsItsWorkflow(t *testing.T) {
	t.Parallel()
	for name, run := range map[string]func(r *rig) (workflows.Result, error){
		"full": func(r *rig) (workflows.Result, error) { return r.full("customers", "jobs") },
		"incremental": func(r *rig) (workflows.Result, error) {
			r.Ledger.Request(events.Incremental, "customers", "jobs")
			result, err := r.incremental()
			return result.Last, err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig()
			r.API.Answer = func(_ context.Context, a activitytest.PageRequest) error {
				if a.Entity == "jobs" {
					return &activitytest.APIError{Message: "403: scope missing", ErrorType: "PermissionError", IsPermanent: true}
				}
				return nil
			}
			result, err := run(r)
			require.NoError(t, err)
			require.Equal(t, ledger.Failed, result.State)
			var failed *temporal.ApplicationError
			require.ErrorAs(t, r.env.GetWorkflowError(), &failed)
			require.True(t, failed.NonRetryable())
			require.Equal(t, "run 1 failed: jobs: 403: scope missing", failed.Message())
			require.Equal(t, "PermissionError", failed.Type())
			require.Len(t, r.Events.Outcomes(), 1)
		})
	}
}

func TestOtherRunsCompleteTheirWorkflow(t *testing.T) {
	t.Parallel()
	r := newRig()
	_, err := r.full("customers")
	require.NoError(t, err)
	require.NoError(t, r.env.GetWorkflowError())
}

// Temporal lists a workflow whose run was cancelled by sync.control as cancelled.
func TestCancelledRunCancelsItsWorkflow(t *testing.T) {
	t.Parallel()
	r := newRig()
	r.at("customers", 1, func() { r.signal(workflows.SignalCancel, nil) })
	result, err := r.full("customers")
	require.NoError(t, err)
	require.Equal(t, ledger.Cancelled, result.State)
	var cancelled *temporal.CanceledError
	require.ErrorAs(t, r.env.GetWorkflowError(), &cancelled)
	require.Len(t, r.Events.Outcomes(), 1)
}
