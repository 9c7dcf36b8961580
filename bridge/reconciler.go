package bridge

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/workflows"
)

// Actions of the reconciler, passed to Recorder.Reconciled.
const (
	actionStartRequest     = "requests_started"
	actionFinalizeRun      = "runs_finalized"
	actionPublishOutcome   = "outcomes_published"
	actionSettleControl    = "controls_settled"
	actionDropStagingTable = "staging_tables_dropped"
	actionPruneRow         = "rows_pruned"
)

// ReconcileActions lists the actions of the reconciler.
var ReconcileActions = []string{
	actionStartRequest, actionFinalizeRun, actionPublishOutcome, actionSettleControl, actionDropStagingTable, actionPruneRow,
}

// pruneInterval is how often old rows are pruned. Options.Keep and KeepChanges are months, so once a
// day is exact enough and keeps the deletes out of nearly every round.
const pruneInterval = 24 * time.Hour

// RunReconciler calls Reconcile at an interval until ctx is done. An error is logged; the
// next round starts from the state in the ledger.
func (b *Bridge) RunReconciler(ctx context.Context, interval time.Duration) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		if err := b.Reconcile(ctx); err != nil && ctx.Err() == nil {
			b.Logger.Error().Err(err).Msg("reconcile failed, retrying")
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// Reconcile repairs, in one round, what processes that crashed between two steps left. Each
// step is idempotent, so that several bridges may reconcile at the same time. A step that
// fails does not stop the others.
func (b *Bridge) Reconcile(ctx context.Context) error {
	if err := b.VerifyNamespace(ctx); err != nil {
		return err
	}
	return errors.Join(
		b.raiseRunNumbers(ctx),
		b.detectRestores(ctx),
		b.startRequests(ctx),
		b.finalizeRuns(ctx),
		b.finalizeUnstarted(ctx),
		b.publishOutcomes(ctx),
		b.settlePendingControls(ctx),
		b.answerSettledControls(ctx),
		b.reportFreshness(ctx),
		b.dropStagingTables(ctx),
		b.prune(ctx),
	)
}

// startRequests starts the workflows of requests that Temporal may not have: their bridge
// crashed before it called Temporal or recorded the call, or they are second passes that are
// due.
func (b *Bridge) startRequests(ctx context.Context) error {
	listed, err := b.Ledger.Unstarted(ctx, b.Grace)
	if err != nil {
		return fmt.Errorf("list requests without a workflow: %w", err)
	}
	unstarted, err := b.withoutOpenWorkflow(ctx, listed)
	errs := []error{err}
	if len(unstarted) > 0 {
		if err := b.VerifyNamespaceNow(ctx); err != nil {
			return err
		}
	}
	var calls calls
	for _, r := range unstarted {
		c := calls.forRequest(r, b.limits(r.TenantID))
		c.needed = true
		c.requestIDs = append(c.requestIDs, r.ID)
	}
	b.makeCalls(ctx, calls.all)
	for _, c := range calls.all {
		errs = append(errs, c.err)
		if c.rejection != nil {
			b.Logger.Error().Str("workflow_id", c.execution.ID).Str("reason", c.rejection.Reason).Msg("request failed: Temporal rejects it")
		}
	}
	for _, r := range unstarted {
		c := calls.forRequest(r, b.limits(r.TenantID))
		if c.err != nil || c.rejection != nil {
			continue
		}
		if r.State == ledger.Received {
			r.FirstRunID = c.accepted[r.ID]
			errs = append(errs, b.publishAccepted(ctx, r))
		}
		if r.Source != ledger.SecondPassSource { // a second pass that is due is no repair
			b.reconciled(actionStartRequest, 1)
		}
	}
	return joinUnique(errs)
}

// withoutOpenWorkflow drops accepted requests whose workflow is open. It claims them when its
// current pass ends, and each signal would lengthen its history.
func (b *Bridge) withoutOpenWorkflow(ctx context.Context, listed []ledger.Request) ([]ledger.Request, error) {
	statuses := map[string]workflows.ExecutionStatus{}
	var kept []ledger.Request
	var errs []error
	for _, r := range listed {
		if r.State == ledger.Received {
			kept = append(kept, r)
			continue
		}
		status, known := statuses[r.WorkflowID]
		if !known {
			var err error
			if status, err = b.Temporal.ExecutionStatus(ctx, r.WorkflowID, ""); err != nil {
				return kept, fmt.Errorf("look up workflow %s: %w", r.WorkflowID, err)
			}
			statuses[r.WorkflowID] = status
		}
		switch status {
		case workflows.ExecutionOpen:
		case workflows.ExecutionUnknown:
			errs = append(errs, unknownStatus(r.WorkflowID))
		default:
			kept = append(kept, r)
		}
	}
	return kept, joinUnique(errs)
}

// publishAccepted answers a request whose message this bridge does not have.
func (b *Bridge) publishAccepted(ctx context.Context, r ledger.Request) error {
	event, err := b.acceptedEvent(acceptedData(r), 0, r.Traceparent)
	if err != nil {
		return err
	}
	if err := b.Publisher.Publish(ctx, event); err != nil {
		return fmt.Errorf("publish the acceptance of request %s: %w", r.ID, err)
	}
	b.Recorder.Answered(events.KindRequest, r.Mode, answerAccepted)
	return nil
}

// settlePendingControls applies pending controls, and rejects those whose request did not
// arrive within Options.Grace.
func (b *Bridge) settlePendingControls(ctx context.Context) error {
	pending, err := b.pendingControls(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for _, c := range pending {
		result, err := b.applyControl(ctx, c)
		if err == nil && result.state == ledger.ControlPending {
			if result.hasRequest || b.Now().Sub(c.ReceivedAt) < b.Grace {
				continue
			}
			result = rejectedResult(events.CodeUnknownRun, "requestId",
				fmt.Sprintf("%q, no request with this id arrived within %s", c.Target, b.Grace), "the id of a request")
		}
		if err == nil {
			err = b.settlePending(ctx, c, result)
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		b.reconciled(actionSettleControl, 1)
	}
	return joinUnique(errs)
}

// answerSettledControls answers controls whose bridge crashed between settling and answering
// them.
func (b *Bridge) answerSettledControls(ctx context.Context) error {
	unanswered, err := b.Ledger.UnansweredControls(ctx, b.Grace)
	if err != nil {
		return fmt.Errorf("list unanswered controls: %w", err)
	}
	var errs []error
	for _, c := range unanswered {
		if err := b.answerControl(ctx, c); err != nil {
			errs = append(errs, err)
			continue
		}
		b.reconciled(actionSettleControl, 1)
	}
	return joinUnique(errs)
}

// dropStagingTables drops the staging tables of finished rebuilds. Finalizing a rebuild drops
// its own, unless the table is being read.
func (b *Bridge) dropStagingTables(ctx context.Context) error {
	dropped, err := b.Ledger.DropStagingTables(ctx)
	b.reconciled(actionDropStagingTable, dropped)
	if err != nil {
		return fmt.Errorf("drop staging tables of finished rebuilds: %w", err)
	}
	return nil
}

// prune deletes old finalized rows, once per pruneInterval.
func (b *Bridge) prune(ctx context.Context) error {
	if b.Now().Sub(b.pruned) < pruneInterval {
		return nil
	}
	rows, err := b.Ledger.Prune(ctx, b.Keep)
	if err != nil {
		return fmt.Errorf("prune rows finalized more than %s ago: %w", b.Keep, err)
	}
	changes, err := b.Ledger.PruneChanges(ctx, b.KeepChanges)
	if err != nil {
		return fmt.Errorf("prune changes recorded more than %s ago: %w", b.KeepChanges, err)
	}
	b.pruned = b.Now()
	b.reconciled(actionPruneRow, int(rows+changes))
	return nil
}

func (b *Bridge) reconciled(action string, times int) {
	if times > 0 {
		b.Recorder.Reconciled(action, times)
	}
}
