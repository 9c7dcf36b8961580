package bridge

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/failpoint"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/workflows"
)

// What the reconciler mends, as Options.OnReconcile hears of it.
const (
	mendedRequests = "requests given to Temporal again"
	mendedRuns     = "runs decided whose workflow had ended"
	mendedOutcomes = "outcomes published"
	mendedControls = "controls concluded"
	mendedSides    = "side tables dropped"
	mendedPruned   = "rows forgotten"
)

// ReconcileActions are all of them.
var ReconcileActions = []string{mendedRequests, mendedRuns, mendedOutcomes, mendedControls, mendedSides, mendedPruned}

// RunReconciler reconciles until the context ends. A round that fails is logged:
// the next one starts from the ledger again.
func (b *Bridge) RunReconciler(ctx context.Context, every time.Duration) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		if err := b.Reconcile(ctx); err != nil && ctx.Err() == nil {
			b.Logger.Error().Err(err).Msg("reconcile")
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// Reconcile mends, in one round, what was left between two steps by whatever died
// there. Every bridge may do so at the same time: each mend is idempotent.
func (b *Bridge) Reconcile(ctx context.Context) error {
	if err := b.VerifyNamespace(ctx); err != nil {
		return err
	}
	return errors.Join(
		b.raiseRunNumbers(ctx),
		b.restart(ctx),
		b.decideLost(ctx),
		b.finalizeUnstarted(ctx),
		b.publishDecided(ctx),
		b.concludeControls(ctx),
		b.dropSides(ctx),
		b.prune(ctx),
	)
}

// restart calls Temporal again for requests that it is not known to have heard of.
func (b *Bridge) restart(ctx context.Context) error {
	listed, err := b.Ledger.Unstarted(ctx, b.Grace)
	if err != nil {
		return fmt.Errorf("list requests without a workflow: %w", err)
	}
	unstarted, err := b.unheard(ctx, listed)
	errs := []error{err}
	if len(unstarted) > 0 {
		if err := b.VerifyNamespaceNow(ctx); err != nil {
			return err
		}
	}
	var calls calls
	for _, r := range unstarted {
		c := calls.of(r, b.Limits)
		c.needed = true
		c.requestIDs = append(c.requestIDs, r.ID)
	}
	b.makeAll(ctx, calls.all)
	for _, c := range calls.all {
		errs = append(errs, c.err)
		if c.why != nil {
			b.Logger.Error().Str("workflow_id", c.execution.ID).Msgf("request ended: %s", c.why.Reason)
		}
	}
	for _, r := range unstarted {
		c := calls.of(r, b.Limits)
		if c.err != nil || c.why != nil {
			continue
		}
		if r.State == ledger.Received {
			r.FirstRunID = c.accepted[r.ID]
			errs = append(errs, b.tellAccepted(ctx, r))
		}
		if r.Source != ledger.SecondPassSource { // whose time has come, as it should
			b.mended(mendedRequests, 1)
		}
	}
	return joinOnce(errs)
}

// unheard leaves out accepted requests whose workflow runs: that claims them when
// its pass ends, and every wake-up would lengthen its history.
func (b *Bridge) unheard(ctx context.Context, listed []ledger.Request) ([]ledger.Request, error) {
	fates := map[string]workflows.ExecutionStatus{}
	var unheard []ledger.Request
	for _, r := range listed {
		if r.State == ledger.Received {
			unheard = append(unheard, r)
			continue
		}
		fate, known := fates[r.WorkflowID]
		if !known {
			var err error
			if fate, err = b.Temporal.ExecutionStatus(ctx, r.WorkflowID, ""); err != nil {
				return unheard, fmt.Errorf("look up %s in Temporal: %w", r.WorkflowID, err)
			}
			fates[r.WorkflowID] = fate
		}
		if fate != workflows.ExecutionOpen {
			unheard = append(unheard, r)
		}
	}
	return unheard, nil
}

// tellAccepted answers a request whose message the bridge does not hold.
func (b *Bridge) tellAccepted(ctx context.Context, r ledger.Request) error {
	event, err := b.accepted(acceptance(r), 0, r.Traceparent)
	if err != nil {
		return err
	}
	if err := b.Publisher.Publish(ctx, event); err != nil {
		return fmt.Errorf("tell that request %s is accepted: %w", r.ID, err)
	}
	b.OnAnswer(events.KindRequest, answerAccepted)
	return nil
}

// decideLost decides runs whose workflow ended without doing so.
func (b *Bridge) decideLost(ctx context.Context) error {
	undecided, err := b.Ledger.Unfinalized(ctx)
	if err != nil {
		return fmt.Errorf("list undecided runs: %w", err)
	}
	var errs []error
	for _, run := range undecided {
		errs = append(errs, b.decideEnded(ctx, run.WorkflowID, run.FirstRunID, func(d ledger.Finalization) error {
			_, err := b.Ledger.Finalize(ctx, run.Ref(), d)
			return err
		}))
	}
	return joinOnce(errs)
}

// finalizeUnstarted decides requests whose workflow ended before their run began.
func (b *Bridge) finalizeUnstarted(ctx context.Context) error {
	waiting, err := b.Ledger.AcceptedWithoutRun(ctx, b.Grace)
	if err != nil {
		return fmt.Errorf("list requests without a run: %w", err)
	}
	var errs []error
	for _, r := range waiting {
		errs = append(errs, b.decideEnded(ctx, r.WorkflowID, r.FirstRunID, func(d ledger.Finalization) error {
			_, err := b.Ledger.FinalizeUnstarted(ctx, r.ID, d)
			return err
		}))
	}
	return joinOnce(errs)
}

func (b *Bridge) decideEnded(ctx context.Context, workflowID, firstRunID string, decide func(ledger.Finalization) error) error {
	fate, err := b.Temporal.ExecutionStatus(ctx, workflowID, firstRunID)
	if err != nil {
		return fmt.Errorf("look up %s in Temporal: %w", workflowID, err)
	}
	if fate == workflows.ExecutionOpen {
		return nil
	}
	if err := b.VerifyNamespaceNow(ctx); err != nil {
		return err
	}
	if err := decide(lost(workflowID, fate)); err != nil {
		return fmt.Errorf("decide what %s left undecided: %w", workflowID, err)
	}
	failpoint.Hit("bridge/lost-decided")
	b.Logger.Warn().Str("workflow_id", workflowID).Str("run_id", firstRunID).Msgf("workflow %s, its run is finalized", closings[fate])
	b.mended(mendedRuns, 1)
	return nil
}

// closings say how an execution ended, or that it does not exist.
var closings = map[workflows.ExecutionStatus]string{
	workflows.ExecutionCompleted:  "completed",
	workflows.ExecutionFailed:     "failed",
	workflows.ExecutionCancelled:  "was cancelled",
	workflows.ExecutionTerminated: "was terminated",
	workflows.ExecutionTimedOut:   "timed out",
	workflows.ExecutionNotFound:   "does not exist in Temporal",
	workflows.ExecutionSuperseded: "was superseded by a later execution",
	workflows.ExecutionUnknown:    "ended with an unknown status",
}

// lost is the outcome of a run that its workflow cannot decide any more.
func lost(workflowID string, fate workflows.ExecutionStatus) ledger.Finalization {
	why := events.Terminated
	if fate == workflows.ExecutionTimedOut {
		why = events.DeadlineExceeded
	}
	return ledger.Finalization{State: ledger.Failed, Error: &events.RunError{
		Type: why, Message: fmt.Sprintf("workflow %s %s without finalizing its run", workflowID, closings[fate]),
	}}
}

// publishDecided publishes the outcomes that nobody is known to have published.
func (b *Bridge) publishDecided(ctx context.Context) error {
	decided, err := b.Ledger.Unpublished(ctx)
	if err != nil {
		return fmt.Errorf("list outcomes to publish: %w", err)
	}
	var errs []error
	for _, header := range decided {
		run, err := b.Ledger.Run(ctx, header.Number)
		if err == nil {
			err = b.publishOutcome(ctx, run)
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		b.mended(mendedOutcomes, 1)
	}
	return joinOnce(errs)
}

// concludeControls applies the controls that wait, and rejects those whose request
// has not come in time.
func (b *Bridge) concludeControls(ctx context.Context) error {
	parked, err := b.Ledger.PendingControls(ctx)
	if err != nil {
		return fmt.Errorf("list pending controls: %w", err)
	}
	var errs []error
	for _, c := range parked {
		v, err := b.apply(ctx, c)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if v.state == ledger.ControlPending && !v.expected && b.Now().Sub(c.ReceivedAt) >= b.Grace {
			v = rejectedAs(events.CodeUnknownRun, "requestId",
				fmt.Sprintf("%q, which no request has had for %s", c.Target, b.Grace), "the id of a request")
		}
		if v.state == ledger.ControlPending {
			continue
		}
		if err := b.concludeParked(ctx, c, v); err != nil {
			errs = append(errs, err)
			continue
		}
		b.mended(mendedControls, 1)
	}
	return joinOnce(append(errs, b.answerControls(ctx)))
}

// answerControls answers the controls that were settled by a bridge that died then.
func (b *Bridge) answerControls(ctx context.Context) error {
	unanswered, err := b.Ledger.UnansweredControls(ctx, b.Grace)
	if err != nil {
		return fmt.Errorf("list controls without an answer: %w", err)
	}
	var errs []error
	for _, c := range unanswered {
		if err := b.answerParked(ctx, c); err != nil {
			errs = append(errs, err)
			continue
		}
		b.mended(mendedControls, 1)
	}
	return joinOnce(errs)
}

// dropSides drops the side tables of rebuilds that are over. Deciding a run drops its
// own, unless somebody is reading it.
func (b *Bridge) dropSides(ctx context.Context) error {
	dropped, err := b.Ledger.DropStagingTables(ctx)
	b.mended(mendedSides, dropped)
	if err != nil {
		return fmt.Errorf("drop the side tables of rebuilds that are over: %w", err)
	}
	return nil
}

// prune forgets, once a day, what was decided long ago.
func (b *Bridge) prune(ctx context.Context) error {
	if b.Now().Sub(b.pruned) < pruneEvery {
		return nil
	}
	rows, err := b.Ledger.Prune(ctx, b.Keep)
	if err != nil {
		return fmt.Errorf("forget what was decided more than %s ago: %w", b.Keep, err)
	}
	b.pruned = b.Now()
	b.mended(mendedPruned, int(rows))
	return nil
}

func (b *Bridge) mended(what string, times int) {
	if times > 0 {
		b.OnReconcile(what, times)
	}
}
