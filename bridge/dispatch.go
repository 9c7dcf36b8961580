package bridge

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/failpoint"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/workflows"
	"golang.org/x/sync/errgroup"
)

// dispatch gives the requests that Temporal may not have heard of to Temporal and
// marks them as accepted.
func (b *Bridge) dispatch(ctx context.Context, all batch) {
	var calls calls
	fresh := all.which((*asked).fresh)
	made := make([]*call, len(fresh))
	for i, a := range fresh {
		made[i] = calls.of(a.request, b.Limits)
		if a.echo {
			continue // the first of its identity in this batch speaks for it
		}
		made[i].requestIDs = append(made[i].requestIDs, a.request.ID)
		made[i].needed = made[i].needed || !a.withdrawn
		made[i].cancel = a.cancel
	}
	b.makeAll(ctx, calls.all)
	for i, a := range fresh {
		a.runID, a.err, a.why = made[i].accepted[a.request.ID], made[i].err, made[i].why
	}
}

// call is one Temporal call, the requests it is made for and what came of it.
type call struct {
	execution  workflows.StartOptions
	requestIDs []string
	needed     bool            // not all of its requests were withdrawn
	cancel     *ledger.Control // a cancel that came before its request

	runID    string
	accepted map[string]string // the first run of each request, as the ledger has it
	why      *events.Rejection
	err      error
}

// calls holds one call per workflow.
type calls struct {
	all        []*call
	byWorkflow map[string]*call
}

// of finds or makes the call that serves a request.
func (cs *calls) of(r ledger.Request, limits workflows.Limits) *call {
	if c, known := cs.byWorkflow[r.WorkflowID]; known {
		return c
	}
	c := &call{execution: startOptions(r, limits)}
	if cs.byWorkflow == nil {
		cs.byWorkflow = map[string]*call{}
	}
	cs.byWorkflow[r.WorkflowID] = c
	cs.all = append(cs.all, c)
	return c
}

// makeAll makes the calls, some at a time. One that fails keeps none from being
// tried: its workflow may be busy. When several have failed and none succeeded,
// nothing answers, and those not begun are left: each would wait as long to fail.
func (b *Bridge) makeAll(ctx context.Context, all []*call) {
	var made, failed atomic.Int64
	var group errgroup.Group
	group.SetLimit(parallelCalls)
	for _, c := range all {
		group.Go(func() error {
			if made.Load() == 0 && failed.Load() >= outageAfter {
				c.err = errors.New("not given to Temporal, which answers no call")
				return nil
			}
			if c.err = b.makeCall(ctx, c); c.err != nil {
				failed.Add(1)
			} else {
				made.Add(1)
			}
			return nil
		})
	}
	_ = group.Wait() // what went wrong stands in each call
}

// makeCall gives requests to Temporal, then marks them as accepted.
func (b *Bridge) makeCall(ctx context.Context, c *call) error {
	var err error
	switch {
	case !c.needed:
	case c.cancel != nil: // the workflow finds the cancel before its first step
		c.runID, err = b.Temporal.SignalWithStart(ctx, c.execution, signalOf(*c.cancel))
	case c.execution.Once:
		c.runID, err = b.Temporal.Start(ctx, c.execution)
	default: // the workflow of a tenant looks for requests in the ledger
		c.runID, err = b.Temporal.SignalWithStart(ctx, c.execution, workflows.Signal{Name: workflows.SignalWake})
	}
	if c.execution.Once && errors.Is(err, workflows.ErrRejected) {
		return b.refuse(ctx, c, err)
	}
	if err != nil {
		return fmt.Errorf("give %s to Temporal: %w", c.execution.ID, err)
	}
	failpoint.Hit("bridge/started")
	if c.accepted, err = b.Ledger.Accept(ctx, c.requestIDs, c.runID); err != nil {
		return fmt.Errorf("mark the requests of %s as accepted: %w", c.execution.ID, err)
	}
	return nil
}

// refuse ends a request that Temporal will never take. It has an outcome in the
// ledger, so that nobody tries again; the rejection is what is told of it.
func (b *Bridge) refuse(ctx context.Context, c *call, why error) error {
	c.why = events.Reject(events.CodeInvalidData, events.FieldError{
		Got: "a request that Temporal refuses (" + why.Error() + ")", Want: "one that it takes",
	})
	for _, id := range c.requestIDs {
		run, err := b.Ledger.FinalizeUnstarted(ctx, id, ledger.Finalization{
			State: ledger.Failed,
			Error: &events.RunError{Type: events.ValidationError, Message: why.Error()},
		})
		if err != nil {
			return fmt.Errorf("end request %s that Temporal refuses: %w", id, err)
		}
		if run.State == ledger.Running {
			continue // it began after all, and decides itself
		}
		if err := b.Ledger.MarkPublished(ctx, run.Ref()); err != nil {
			return fmt.Errorf("end request %s that Temporal refuses: %w", id, err)
		}
	}
	return nil
}
