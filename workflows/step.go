package workflows

import (
	"errors"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

// stepsWithinTask names the change by which a run begins and finishes within a workflow task.
const stepsWithinTask = "a run begins and finishes within a workflow task"

// stepLimit is shorter than a workflow task may take, which is ten seconds.
const stepLimit = 3 * time.Second

// runsStepsWithinTask reports whether this execution has that change.
func runsStepsWithinTask(ctx workflow.Context) bool {
	return workflow.GetVersion(ctx, stepsWithinTask, workflow.DefaultVersion, 1) != workflow.DefaultVersion
}

// runStep runs a short activity that begins or finishes a run. The worker that has the workflow
// task runs it at once, as a local activity: scheduling it would take longer than the activity
// itself, and an incremental sync has three of them. Its only attempt may fail, or be repeated
// after a crash, as the activity is idempotent. After a failure that a retry can repair, Temporal
// schedules it with LedgerOptions, so that operators see its attempts.
func runStep(ctx workflow.Context, step, in, result any) error {
	if runsStepsWithinTask(ctx) {
		local := workflow.WithLocalActivityOptions(ctx, workflow.LocalActivityOptions{
			ScheduleToCloseTimeout: stepLimit,
			RetryPolicy:            &temporal.RetryPolicy{MaximumAttempts: 1},
		})
		err := workflow.ExecuteLocalActivity(local, step, in).Get(local, result)
		app, failed := errors.AsType[*temporal.ApplicationError](err)
		if err == nil || failed && app.NonRetryable() {
			return err
		}
	}
	return workflow.ExecuteActivity(LedgerOptions(ctx), step, in).Get(ctx, result)
}
