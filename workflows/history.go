package workflows

import (
	"errors"
	"time"

	"go.temporal.io/sdk/workflow"
)

// fullHistoryEndsWaits is the change ID of the version in which a long history ends every wait.
const fullHistoryEndsWaits = "a long history ends waits"

// sliceGrace is how long slices may delay continue-as-new: a slice that reads ends by itself within
// it, one that waits for its next attempt may not. Where one workflow serves all requests of a
// tenant, each request adds to the history. In other workflows a slice may be one long statement,
// which would have to begin again.
func (r *run) sliceGrace() time.Duration {
	if r.Mode.Info().PerTenant {
		return 30 * time.Second
	}
	return sliceLength(r.Mode)
}

// watchHistory ends the waits of the workflow once its history is long. Without it, a pause or an
// outage would hold the workflow until Temporal refuses further signals, also those that resume or
// cancel it. It calls GetVersion only then, so that short histories get no version marker, and
// workflows that began in an earlier version have the change as well.
func (r *run) watchHistory(ctx workflow.Context) {
	_ = workflow.Await(ctx, func() bool { return r.isHistoryLong(ctx) })
	if workflow.GetVersion(ctx, fullHistoryEndsWaits, workflow.DefaultVersion, 1) == workflow.DefaultVersion {
		return
	}
	r.endsWaits = true
	if r.hasSlices() {
		_, _ = workflow.AwaitWithTimeout(ctx, r.sliceGrace(), func() bool { return !r.hasSlices() })
		r.cancelSlices()
	}
}

// isHistoryLong reports whether Temporal suggests to continue as new.
func (r *run) isHistoryLong(ctx workflow.Context) bool {
	return r.endsWaits || workflow.GetInfo(ctx).GetContinueAsNewSuggested()
}

// errContinueAsNew ends a step that has to continue in the next execution.
var errContinueAsNew = errors.New("the history is long: continue as new")

// await waits until done. It returns false if the history is long and the attempt of an activity that
// runs then has not ended the wait.
func (r *run) await(done func() bool) bool {
	_ = workflow.Await(r.ctx, func() bool { return done() || r.endsWaits })
	if !done() {
		_, _ = workflow.AwaitWithTimeout(r.ctx, ledgerAttempt, done)
	}
	return done()
}
