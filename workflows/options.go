package workflows

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/lazi/lazisync/events"
)

// sliceOptions are those of the activities that move pages. There is no limit on
// attempts: outages and rate limits are normal, and the run's deadline bounds them.
func sliceOptions(ctx workflow.Context, mode events.Mode) workflow.Context {
	length := 5 * time.Minute // ten seconds of pages, and the 110 s one answer may take
	if mode.Info().Staged {
		length = time.Hour // a table of any size is applied in one transaction
	}
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: length,
		HeartbeatTimeout:    15 * time.Second,
		WaitForCancellation: true, // the pages in flight are stored before the slot is free
		RetryPolicy:         retryPolicy,
	})
}

// LedgerOptions are those of the short activities on the control queue. They go on
// trying for as long as it takes: a run that cannot tell its outcome is not over. A
// minute is enough for ten thousand requests and a PostgreSQL that everybody waits for; a
// worker that died is noticed by its silence (activities.Heartbeats), long before that.
func LedgerOptions(ctx workflow.Context) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue:           ControlTaskQueue(workflow.GetInfo(ctx).TaskQueueName),
		StartToCloseTimeout: time.Minute,
		HeartbeatTimeout:    10 * time.Second,
		RetryPolicy:         retryPolicy,
	})
}

var retryPolicy = &temporal.RetryPolicy{
	InitialInterval:    time.Second,
	BackoffCoefficient: 2,
	MaximumInterval:    time.Minute,
}
