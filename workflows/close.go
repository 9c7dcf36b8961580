package workflows

import (
	"cmp"
	"fmt"
	"strings"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
)

// Keys of a workflow's memo, which Temporal's pages show. The bridge sets the first group when
// it starts the workflow; the workflow adds the second when a run is finalized.
const (
	MemoTenant   = "tenant"
	MemoMode     = "mode"
	MemoRequest  = "requestId" // of a full sync or a rebuild
	MemoEntities = "entities"  // likewise

	memoRun     = "runNumber"
	memoOutcome = "outcome"
	memoReason  = "reason" // of a failed or cancelled run
)

// outcomeShown names the change by which a workflow shows the outcome of its run in Temporal.
const outcomeShown = "the workflow shows the outcome of its run"

// Versions of outcomeShown.
const (
	failureShown      workflow.Version = 1 // in memo and result; a failed run fails its workflow
	cancellationShown workflow.Version = 2 // a cancelled run closes its workflow as cancelled
)

// showsOutcome returns how this execution shows the outcome of its run, DefaultVersion for
// not at all.
func showsOutcome(ctx workflow.Context) workflow.Version {
	return workflow.GetVersion(ctx, outcomeShown, workflow.DefaultVersion, cancellationShown)
}

// show returns the result of a run with the reason of its outcome, and writes both into the memo.
func (r *run) show(result Result, decision ledger.Finalization) Result {
	if showsOutcome(r.ctx) == workflow.DefaultVersion {
		return result
	}
	if result.State == decision.State {
		result.Error, result.Reason = decision.Error, decision.Reason
	} else if result.State == ledger.Failed { // by the ledger, which knows the entities that failed
		result.Error = r.EntityFailure
	}
	memo := map[string]any{memoRun: result.RunNumber, memoOutcome: result.State, memoReason: result.reason()}
	if err := workflow.UpsertMemo(r.ctx, memo); err != nil {
		workflow.GetLogger(r.ctx).Warn("memo not written", "error", err)
	}
	return result
}

// reason says why a run failed or was cancelled, "" if that is not known.
func (r Result) reason() string {
	if r.Error == nil {
		return r.Reason
	}
	if r.Error.Entity != "" && !strings.HasPrefix(r.Error.Message, r.Error.Entity+": ") {
		return r.Error.Entity + ": " + r.Error.Message
	}
	return r.Error.Message
}

// closeError returns the error that closes a workflow as its last run ended, so that Temporal
// lists it as failed or cancelled; nil if the run completed. Its details are the result of the
// workflow. The ledger has the outcome by then: the closed workflow needs no repair.
func closeError(ctx workflow.Context, last Result, result any) error {
	shown := showsOutcome(ctx)
	switch {
	case last.State == ledger.Failed && shown >= failureShown:
		errorType := events.Terminated // by the reconciler
		if last.Error != nil {
			errorType = last.Error.Type
		}
		message := fmt.Sprintf("run %d failed: %s", last.RunNumber, cmp.Or(last.reason(), "see lazisync runs show"))
		return temporal.NewNonRetryableApplicationError(Clip(message), string(errorType), nil, result)
	case last.State == ledger.Cancelled && shown >= cancellationShown:
		return temporal.NewCanceledError(result)
	}
	return nil
}
