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

// ledgerAttempt is how long an attempt of an activity with LedgerOptions may take. One minute is enough
// for ten thousand requests on a slow PostgreSQL server.
const ledgerAttempt = time.Minute

// runsStepsWithinTask reports whether this execution has that change.
func runsStepsWithinTask(ctx workflow.Context) bool {
	return workflow.GetVersion(ctx, stepsWithinTask, workflow.DefaultVersion, 1) != workflow.DefaultVersion
}

// step runs a short activity that begins or finishes a run. The worker that has the workflow
// task runs it at once, as a local activity: scheduling it would take longer than the activity
// itself, and an incremental sync has three of them. Its only attempt may fail, or be repeated
// after a crash, as the activity is idempotent. After a failure that a retry can repair, Temporal
// schedules it with LedgerOptions, so that operators see its attempts. If the history gets long
// meanwhile, the error is errContinueAsNew, and the next execution repeats the step.
func (r *run) step(step, in, result any) error {
	if runsStepsWithinTask(r.ctx) {
		local := workflow.WithLocalActivityOptions(r.ctx, workflow.LocalActivityOptions{
			ScheduleToCloseTimeout: stepLimit,
			RetryPolicy:            &temporal.RetryPolicy{MaximumAttempts: 1},
		})
		err := workflow.ExecuteLocalActivity(local, step, in).Get(local, result)
		app, failed := errors.AsType[*temporal.ApplicationError](err)
		if err == nil || failed && app.NonRetryable() {
			return err
		}
	}
	ctx, cancel := workflow.WithCancel(LedgerOptions(r.ctx))
	defer cancel()
	attempts := workflow.ExecuteActivity(ctx, step, in)
	if !r.await(attempts.IsReady) {
		return errContinueAsNew
	}
	return attempts.Get(ctx, result)
}
