package activities_test

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/lazi/lazisync/activities"
)

// work runs an activity that takes a while, with a heartbeat of ten seconds.
func work(t *testing.T, takes time.Duration, interceptors ...interceptor.WorkerInterceptor) (beats int, err error) {
	t.Helper()
	synctest.Test(t, func(*testing.T) {
		var suite testsuite.WorkflowTestSuite
		suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
		env := suite.NewTestWorkflowEnvironment()
		env.SetTestTimeout(time.Hour)
		env.SetWorkerOptions(worker.Options{Interceptors: interceptors})
		env.SetOnActivityHeartbeatListener(func(*activity.Info, converter.EncodedValues) { beats++ })
		env.RegisterActivityWithOptions(func(context.Context) error {
			time.Sleep(takes)
			return nil
		}, activity.RegisterOptions{Name: "work"})
		env.ExecuteWorkflow(func(ctx workflow.Context) error {
			ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
				StartToCloseTimeout: time.Minute, HeartbeatTimeout: 10 * time.Second, RetryPolicy: &temporal.RetryPolicy{MaximumAttempts: 1},
			})
			return workflow.ExecuteActivity(ctx, "work").Get(ctx, nil)
		})
		err = env.GetWorkflowError()
	})
	return beats, err
}

func TestLongActivitySendsHeartbeats(t *testing.T) {
	t.Parallel()
	beats, err := work(t, 45*time.Second, &activities.Heartbeats{})
	require.NoError(t, err)
	require.GreaterOrEqual(t, beats, 4)

	_, err = work(t, 45*time.Second)
	require.True(t, temporal.IsTimeoutError(err), "without it: %v", err)
}

func TestShortActivitySendsNoHeartbeat(t *testing.T) {
	t.Parallel()
	beats, err := work(t, 2*time.Second, &activities.Heartbeats{})
	require.NoError(t, err)
	require.Zero(t, beats)
}
