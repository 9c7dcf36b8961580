package temporal

import (
	"testing"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	failurepb "go.temporal.io/api/failure/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
)

func TestRetriedActivities(t *testing.T) {
	t.Parallel()
	pending := func(name string, attempt int32, failure string) *workflowpb.PendingActivityInfo {
		info := &workflowpb.PendingActivityInfo{ActivityType: &commonpb.ActivityType{Name: name}, Attempt: attempt}
		if failure != "" {
			info.LastFailure = &failurepb.Failure{Message: failure}
		}
		return info
	}
	got := retriedActivities("full-sync-1", []*workflowpb.PendingActivityInfo{
		pending("FinishRun", 9, "permission denied"),
		pending("FinishRun", 2, "no connection"), // it may be over in a moment
		pending("FinishRun", 9, ""),
		pending("SyncSlice", 9, "ServiceTitan is down"), // the run shows that
	}, []string{"BeginRun", "FinishRun"})
	require.Equal(t, []RetriedActivity{{"full-sync-1", "FinishRun", 8, "permission denied"}}, got)
}
