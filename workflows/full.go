package workflows

import (
	"go.temporal.io/sdk/workflow"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
)

// FullSync reads every record of the entities of one request. It serves exactly one
// run; the ledger, not its result, says how that ended.
func FullSync(ctx workflow.Context, in FullSyncInput) (Result, error) {
	r, err := newRun(ctx, in.Limits, in.Carried)
	if err != nil {
		return Result{}, err
	}
	if in.Carried == nil {
		if _, err := r.begin(ctx, ledger.Begin{TenantID: in.TenantID, Mode: events.Full, RequestID: in.RequestID, Pass: 1}); err != nil {
			return Result{}, err
		}
	}
	if r.read(ctx) == rolledOver {
		in.Carried = r.carry(ctx)
		return Result{}, workflow.NewContinueAsNewError(ctx, FullSync, in)
	}
	result, err := r.finish(ctx)
	if err == nil {
		err = ctx.Err() // Temporal shows a run that it cancelled as cancelled
	}
	return result, err
}
