package workflows

import (
	"go.temporal.io/sdk/workflow"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
)

// Rebuild reads every record of one entity into a side table, checks that, and brings
// the difference into the entity's table in one transaction. Its slices know the steps;
// how far it is stands in the ledger. The side table goes with the decision of the run,
// whoever makes it, so there is nothing to undo here.
func Rebuild(ctx workflow.Context, in RebuildInput) (Result, error) {
	result, carried, err := serve(ctx, in.Limits, in.Carried, ledger.Begin{TenantID: in.TenantID, Mode: events.Rebuild, RequestID: in.RequestID, Pass: 1})
	if carried != nil {
		in.Carried = carried
		return Result{}, workflow.NewContinueAsNewError(ctx, Rebuild, in)
	}
	return result, err
}
