package workflows

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/common/v1"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/failure/v1"
	"go.temporal.io/sdk/temporal"
)

// Temporal's test environment answers a cancelled activity at once. The server lets it
// end, and where it ended in trouble, reports that with the state of its retries.
func TestErrorOfACancelledSliceDoesNotFailItsEntity(t *testing.T) {
	t.Parallel()
	failed := &failure.Failure{Message: "503", FailureInfo: &failure.Failure_ApplicationFailureInfo{
		ApplicationFailureInfo: &failure.ApplicationFailureInfo{Type: "ApiError"},
	}}
	timedOut := &failure.Failure{FailureInfo: &failure.Failure_TimeoutFailureInfo{
		TimeoutFailureInfo: &failure.TimeoutFailureInfo{TimeoutType: enums.TIMEOUT_TYPE_HEARTBEAT},
	}}
	cancelled := &failure.Failure{FailureInfo: &failure.Failure_CanceledFailureInfo{CanceledFailureInfo: &failure.CanceledFailureInfo{}}}
	for name, c := range map[string]struct {
		cause *failure.Failure
		state enums.RetryState
		want  bool
	}{
		"cancelled while it waited":   {cancelled, enums.RETRY_STATE_CANCEL_REQUESTED, true},
		"failed when it was paused":   {failed, enums.RETRY_STATE_CANCEL_REQUESTED, true},
		"its worker died meanwhile":   {timedOut, enums.RETRY_STATE_CANCEL_REQUESTED, true},
		"failed and must not succeed": {failed, enums.RETRY_STATE_NON_RETRYABLE_FAILURE, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := temporal.GetDefaultFailureConverter().FailureToError(&failure.Failure{
				Cause: c.cause, FailureInfo: &failure.Failure_ActivityFailureInfo{ActivityFailureInfo: &failure.ActivityFailureInfo{
					ActivityType: &common.ActivityType{Name: "SyncSlice"}, RetryState: c.state,
				}},
			})
			require.Equal(t, c.want, isInterrupted(err))
		})
	}
}
