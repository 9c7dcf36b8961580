package workflows

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/lazi/lazisync/activities"
	"github.com/lazi/lazisync/events"
)

const (
	// MinPollInterval and MaxPollInterval bound the time between two lookups of the outcome
	// of a request.
	MinPollInterval = 2 * time.Second
	MaxPollInterval = time.Minute

	// acceptTimeout is how long a workflow that published a request waits for a bridge to
	// accept it.
	acceptTimeout = time.Hour
)

var outcomeActivities *activities.Outcomes

// LookUpOutcome returns the state of a request that a workflow published at a time, and
// sets accepted once the bridge has accepted it. It fails permanently if no bridge accepts
// the request within an hour, or when the ledger no longer has an accepted request.
func LookUpOutcome(ctx workflow.Context, requestID string, published time.Time, accepted *bool) (out activities.RequestOutcome, err error) {
	err = workflow.ExecuteActivity(LedgerOptions(ctx), outcomeActivities.LookForEarlierOutcome, requestID).Get(ctx, &out)
	if err != nil {
		return out, err
	}
	if *accepted && out.Unknown {
		return out, lostRequestError(requestID)
	}
	*accepted = *accepted || out.Accepted
	if !*accepted && out.State == "" && workflow.Now(ctx).Sub(published) > acceptTimeout {
		err = notAcceptedError(requestID)
	}
	return out, err
}

func notAcceptedError(requestID string) error {
	return temporal.NewNonRetryableApplicationError("no bridge has accepted request "+requestID+
		": none is running, or the request was rejected; lazisync deadletter ls shows the reason", string(events.ValidationError), nil)
}

// lostRequestError ends a workflow that waits for a request that the ledger had accepted
// and no longer has.
func lostRequestError(requestID string) error {
	return temporal.NewNonRetryableApplicationError("request "+requestID+
		" is not in the ledger any more: PostgreSQL was restored to an earlier state; request the sync again", activities.TypeUnknownRun, nil)
}
