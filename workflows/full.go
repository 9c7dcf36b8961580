package workflows

import (
	"go.temporal.io/sdk/workflow"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
)

// FullSync reads every record of the entities of one request. It serves exactly one
// run; the ledger, not its result, says how that ended.
func FullSync(ctx workflow.Context, in FullSyncInput) (Result, error) {
	result, carried, err := serve(ctx, in.Limits, in.Carried, ledger.Begin{TenantID: in.TenantID, Mode: events.Full, RequestID: in.RequestID, Pass: 1})
	if carried != nil {
		in.Carried = carried
		return Result{}, workflow.NewContinueAsNewError(ctx, FullSync, in)
	}
	return result, err
}

// serve serves one request with one run. Where the history grew too long, it returns
// what the next execution needs.
func serve(ctx workflow.Context, limits Limits, carried *Carried, begin ledger.Begin) (Result, *Carried, error) {
	r, err := newRun(ctx, limits, carried)
	if err != nil {
		return Result{}, nil, err
	}
	if carried == nil {
		if _, err := r.begin(ctx, begin); err != nil {
			return Result{}, nil, err
		}
	}
	if r.read(ctx) == rolledOver {
		return Result{}, r.carry(ctx), nil
	}
	result, err := r.finish(ctx)
	if err == nil {
		err = ctx.Err() // Temporal shows a run that it cancelled as cancelled
	}
	return result, nil, err
}
