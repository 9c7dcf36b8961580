package workflows

import (
	"errors"

	"go.temporal.io/sdk/workflow"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
)

// FullSync reads every record of the entities of one request, in exactly one run. Its outcome
// is in the ledger; the result of the workflow is a copy.
func FullSync(ctx workflow.Context, in SyncInput) (Result, error) {
	return serveRequest(ctx, events.Full, in)
}

// Rebuild reads every record of one entity into a staging table, checks that table, and
// applies the differences to the table of the entity in one transaction. Its slices run
// the steps; the ledger records which are done. Finalizing the run drops the staging table,
// so the workflow has nothing to undo.
func Rebuild(ctx workflow.Context, in SyncInput) (Result, error) {
	return serveRequest(ctx, events.Rebuild, in)
}

// Verify reads every record of the entities of one request into staging tables, compares them
// with the tables of the entities, and reports the differences. It changes no row.
func Verify(ctx workflow.Context, in SyncInput) (Result, error) {
	return serveRequest(ctx, events.Verify, in)
}

// serveRequest serves one request with one run. It continues as new when the history grows too
// long.
func serveRequest(ctx workflow.Context, mode events.Mode, in SyncInput) (Result, error) {
	r, err := newRun(ctx, mode, in)
	if err != nil {
		return Result{}, err
	}
	result, err := r.serve(ctx, in)
	if errors.Is(err, errContinueAsNew) {
		in.Carried = r.continueAsNewState(ctx)
		return Result{}, workflow.NewContinueAsNewError(ctx, mode.Info().Workflow, in)
	}
	return result, err
}

// serve carries out the run of a request. Its error may be errContinueAsNew.
func (r *run) serve(ctx workflow.Context, in SyncInput) (Result, error) {
	if r.RunNumber == 0 {
		if _, err := r.begin(ctx, ledger.BeginInput{TenantID: in.TenantID, RequestID: in.RequestID, Pass: 1}); err != nil {
			return Result{}, err
		}
	}
	if r.read() == readContinueAsNew {
		return Result{}, errContinueAsNew
	}
	result, err := r.finish()
	if err == nil {
		err = ctx.Err() // Temporal shows a run that it cancelled as cancelled
	}
	if err == nil {
		err = closeError(ctx, result, result)
	}
	return result, err
}
