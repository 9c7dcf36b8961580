package activities

import (
	"context"
	"errors"
	"slices"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
)

// OutcomeReader looks up requests and the runs that serve them.
type OutcomeReader interface {
	RequestReader
	RunHeader(ctx context.Context, number int64) (ledger.Run, error)
}

// Outcomes is the activity of the workflows that publish a request and wait for its
// outcome.
type Outcomes struct{ Requests OutcomeReader }

// RequestOutcome is the state of a request in the ledger.
type RequestOutcome struct {
	Accepted bool            // the bridge has started or signalled a workflow for it
	Unknown  bool            // the ledger does not have the request
	State    ledger.RunState // "" until the run that serves it has an outcome
	Results  []EntityCount   // nil until then
}

// EntityCount is the number of records of an entity that a run read.
type EntityCount struct {
	Entity string `json:"entity"`
	Count  int64  `json:"count"`
}

// LookForEarlierOutcome returns the state of a request. Results lists only the entities of
// the request: an incremental pass may serve other requests too.
//
// Temporal knows the activity by this name, so the name stays.
func (o *Outcomes) LookForEarlierOutcome(ctx context.Context, requestID string) (RequestOutcome, error) {
	r, err := o.Requests.Request(ctx, requestID)
	switch {
	case errors.Is(err, ledger.ErrUnknown): // not received by the bridge yet, or lost when the ledger was restored
		return RequestOutcome{Unknown: true}, nil
	case err != nil:
		return RequestOutcome{}, retryable(events.StoreError, err)
	}
	out := RequestOutcome{Accepted: r.State == ledger.Accepted}
	if r.Outcome == nil {
		return out, nil
	}
	run, err := o.Requests.RunHeader(ctx, r.Outcome.RunNumber)
	if err != nil {
		return RequestOutcome{}, retryable(events.StoreError, err)
	}
	out.State, out.Results = run.State, []EntityCount{}
	for _, result := range run.Results {
		if len(r.Entities) == 0 || slices.Contains(r.Entities, result.Entity) {
			out.Results = append(out.Results, EntityCount{result.Entity, result.Fetched})
		}
	}
	return out, nil
}
