package bridge

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/failpoint"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/workflows"
)

// dispatch starts or signals the workflows of requests that Temporal may not have, and marks the requests as
// accepted.
func (b *Bridge) dispatch(ctx context.Context, all batch) {
	var calls calls
	undispatched := all.filter((*delivery).isUndispatched)
	served := make([]*call, len(undispatched))
	for i, d := range undispatched {
		served[i] = calls.forRequest(d.request, b.limits(d.request.TenantID))
		if d.repeated {
			continue // the first delivery of the request in this batch makes the call
		}
		served[i].requestIDs = append(served[i].requestIDs, d.request.ID)
		served[i].needed = served[i].needed || !d.withdrawn
		served[i].cancel = d.cancel
	}
	b.makeCalls(ctx, calls.all)
	for i, d := range undispatched {
		d.runID, d.err, d.rejection = served[i].accepted[d.request.ID], served[i].err, served[i].rejection
	}
}

// call is one Temporal call, the requests that it serves and its result.
type call struct {
	execution   workflows.StartOptions
	requestIDs  []string
	needed      bool            // false if all of its requests were withdrawn
	traceparent string          // of its first request
	cancel      *ledger.Control // a cancel that arrived before its request

	runID     string
	accepted  map[string]string // by request ID: the first run of its workflow, as recorded in the ledger; shared by all calls
	rejection *events.Rejection
	err       error
}

// calls holds one call per workflow.
type calls struct {
	all        []*call
	byWorkflow map[string]*call
}

// forRequest returns the call that serves a request, and adds it if there is none.
func (cs *calls) forRequest(r ledger.Request, limits workflows.Limits) *call {
	if c, exists := cs.byWorkflow[r.WorkflowID]; exists {
		return c
	}
	c := &call{execution: startOptions(r, limits), traceparent: r.Traceparent}
	if cs.byWorkflow == nil {
		cs.byWorkflow = map[string]*call{}
	}
	cs.byWorkflow[r.WorkflowID] = c
	cs.all = append(cs.all, c)
	return c
}

var errOutage = errors.New("skipped, because Temporal answers no call")

// makeCalls makes the calls, several at once, and then marks the requests of those that succeeded
// as accepted. A failed call does not stop the others: its workflow may be busy. Once
// outageThreshold calls have failed and none has succeeded, the calls not yet made are skipped,
// because each would wait as long to fail.
func (b *Bridge) makeCalls(ctx context.Context, all []*call) {
	if len(all) == 0 {
		return
	}
	var succeeded, failed atomic.Int64
	var group errgroup.Group
	group.SetLimit(parallelCalls)
	for _, c := range all {
		group.Go(func() error {
			if succeeded.Load() == 0 && failed.Load() >= outageThreshold {
				c.err = errOutage
				return nil
			}
			if c.err = b.makeCall(ctx, c); c.err != nil {
				failed.Add(1)
			} else {
				succeeded.Add(1)
			}
			return nil
		})
	}
	_ = group.Wait() // errors are in the calls
	failpoint.Hit("bridge/started")
	b.accept(ctx, all)
}

// accept marks the requests that Temporal has as accepted, in one transaction.
func (b *Bridge) accept(ctx context.Context, all []*call) {
	started := map[string]string{}
	for _, c := range all {
		if c.err != nil || c.rejection != nil {
			continue
		}
		for _, id := range c.requestIDs {
			started[id] = c.runID
		}
	}
	if len(started) == 0 {
		return
	}
	accepted, err := b.Ledger.Accept(ctx, started)
	for _, c := range all {
		switch {
		case c.err != nil || c.rejection != nil:
		case err != nil:
			c.err = fmt.Errorf("mark the requests of %s as accepted: %w", c.execution.ID, err)
		default:
			c.accepted = accepted
		}
	}
}

// makeCall starts or signals the workflow of a call, unless all of its requests were withdrawn.
func (b *Bridge) makeCall(ctx context.Context, c *call) error {
	ctx = events.WithTraceParent(ctx, c.traceparent)
	var err error
	switch {
	case !c.needed:
	case c.cancel != nil: // the workflow receives the cancel before its first step
		if _, err := b.Ledger.MarkControlSignalled(ctx, c.cancel.ID); err != nil {
			return fmt.Errorf("record that control %s is sent: %w", c.cancel.ID, err)
		}
		c.runID, err = b.Temporal.SignalWithStart(ctx, c.execution, controlSignal(*c.cancel))
	case c.execution.Once:
		c.runID, err = b.Temporal.Start(ctx, c.execution)
	default: // the workflow of a tenant reads its requests from the ledger
		c.runID, err = b.Temporal.SignalWithStart(ctx, c.execution, workflows.Signal{Name: workflows.SignalWake})
	}
	if c.execution.Once && errors.Is(err, workflows.ErrRejected) {
		return b.failRequests(ctx, c, err)
	}
	if err != nil {
		return fmt.Errorf("start workflow %s: %w", c.execution.ID, err)
	}
	return nil
}

// failRequests finalizes requests that Temporal will never accept, so that the reconciler
// does not try them again, and rejects their messages. The rejection is the only answer: the
// outcome is marked as published without an event.
func (b *Bridge) failRequests(ctx context.Context, c *call, cause error) error {
	c.rejection = events.Reject(events.CodeInvalidData, events.FieldError{
		Got: fmt.Sprintf("an invalid request (%v)", cause), Want: "a request that Temporal accepts",
	})
	for _, id := range c.requestIDs {
		run, err := b.Ledger.FinalizeUnstarted(ctx, id, ledger.Finalization{
			State: ledger.Failed,
			Error: &events.RunError{Type: events.ValidationError, Message: cause.Error()},
		})
		if err == nil && run.State != ledger.Running { // else its run has begun after all and finalizes itself
			err = b.Ledger.MarkPublished(ctx, run.Ref())
		}
		if err != nil {
			return fmt.Errorf("finalize request %s, which Temporal rejects: %w", id, err)
		}
	}
	return nil
}
