package workflows

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/lazi/lazisync/events"
)

// interactivePriority is before the default of 3: when every slot of the workers is taken, the next
// free one is for a sync that somebody may be waiting for. Servers before Temporal 1.28 ignore it.
const interactivePriority = 2

// sliceOptions returns a context with the options of the activities that read and store pages.
// Attempts are not limited: outages and rate limits are normal, and the run has a deadline.
func sliceOptions(ctx workflow.Context, mode events.Mode, entity string) workflow.Context {
	var priority temporal.Priority
	if mode.Info().Interactive {
		priority.PriorityKey = interactivePriority
	}
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		Priority:            priority,
		StartToCloseTimeout: sliceLength(mode),
		HeartbeatTimeout:    15 * time.Second,
		WaitForCancellation: true, // the pages in flight are stored before the slot is free
		RetryPolicy:         retryPolicy,
		Summary:             entity, // in Temporal's pages
	})
}

// sliceLength returns how long an attempt of a slice may take.
func sliceLength(mode events.Mode) time.Duration {
	if mode.Info().Staged {
		return time.Hour // a rebuild applies a table of any size in one transaction
	}
	return 5 * time.Minute // ten seconds of pages, and the 110 s one answer may take
}

// LedgerOptions returns a context with the options of the short activities on the control
// queue. They are retried without limit, because a run ends only when its outcome is published.
// A worker that crashed is noticed before the end of an attempt, by its missing heartbeats
// (activities.Heartbeats).
func LedgerOptions(ctx workflow.Context) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue:           ControlTaskQueue(workflow.GetInfo(ctx).TaskQueueName),
		StartToCloseTimeout: ledgerAttempt,
		HeartbeatTimeout:    10 * time.Second,
		RetryPolicy:         retryPolicy,
	})
}

var retryPolicy = &temporal.RetryPolicy{
	InitialInterval:    time.Second,
	BackoffCoefficient: 2,
	MaximumInterval:    time.Minute,
}
