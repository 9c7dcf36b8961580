package workflows

import (
	"cmp"
	"time"

	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/lazi/lazisync/activities"
	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
)

// Workflow types of the sync program that lazisync takes over from. Programs that start
// them by name go on doing so.
const (
	EarlierFull        = "fullSyncWorkflow"
	EarlierIncremental = "incrementalSyncWorkflow"
)

// unheard is how long a workflow that asked for a sync waits for the bridge to take its
// request.
const unheard = time.Hour

func unheardError(requestID string) error {
	return temporal.NewNonRetryableApplicationError("no bridge has taken request "+requestID+
		": none is running, or it was rejected; lazisync deadletter ls tells why", string(events.ValidationError), nil)
}

// forgottenError ends a workflow that waits for the outcome of a request that the ledger had
// accepted and does not have any more.
func forgottenError(requestID string) error {
	return temporal.NewNonRetryableApplicationError("request "+requestID+
		" is not in the ledger any more: it was restored to an earlier state; ask for the sync again", activities.TypeUnknownRun, nil)
}

// EarlierInput are the arguments of the earlier types. Entities default to the
// configured ones, Notify to what the mode says.
type EarlierInput struct {
	Entities []string `json:"entities,omitempty"`
	Notify   *bool    `json:"notify,omitempty"`

	Carried *earlier `json:"carried,omitempty"` // set by continue-as-new alone
}

// EarlierResult is what the earlier types return.
type EarlierResult struct {
	Success bool                     `json:"success"` // the sync completed
	Results []activities.EntityCount `json:"results"`
}

var earlierActivities *activities.Earlier

func earlierFull(ctx workflow.Context, in EarlierInput) (EarlierResult, error) {
	return runEarlier(ctx, in, EarlierFull, events.Full)
}

func earlierIncremental(ctx workflow.Context, in EarlierInput) (EarlierResult, error) {
	return runEarlier(ctx, in, EarlierIncremental, events.Incremental)
}

// earlier is the state of a workflow of an earlier type. It reads nothing itself: it
// asks for the sync by an event, hands on the signals it gets, and waits.
type earlier struct {
	Self     activities.EarlierWorkflow
	Mode     events.Mode
	Asked    activities.EarlierAsked
	Since    time.Time                   // it asked
	Controls int                         // that were handed on
	Waiting  []activities.EarlierControl // until the sync they are meant for can take them
	Accepted bool
	Stopped  bool // Temporal's cancel was handed on
}

func runEarlier(ctx workflow.Context, in EarlierInput, name string, mode events.Mode) (EarlierResult, error) {
	e := in.Carried
	// Cancelled or not, what was asked for is seen to its end.
	always, _ := workflow.NewDisconnectedContext(ctx)
	if e == nil {
		info := workflow.GetInfo(ctx)
		e = &earlier{
			Self: activities.EarlierWorkflow{
				Type: name, WorkflowID: info.WorkflowExecution.ID,
				RunID: cmp.Or(info.OriginalRunID, info.WorkflowExecution.RunID), // a reset gives it another run ID
			},
			Mode: mode, Since: workflow.Now(ctx),
		}
		err := workflow.ExecuteActivity(ledgerOptions(always), earlierActivities.PublishEarlierRequest, activities.EarlierRequest{
			Workflow: e.Self, Mode: mode, Entities: in.Entities, Notify: in.Notify,
		}).Get(always, &e.Asked)
		if err != nil {
			return EarlierResult{}, err
		}
	}
	for wait := lookAgainFirst; ; wait = min(2*wait, lookAgainMost) {
		if err := e.handOn(ctx, always); err != nil {
			return EarlierResult{}, err
		}
		out, err := e.look(always)
		switch {
		case err != nil:
			return EarlierResult{}, err
		case out.State != "":
			if e.Stopped { // Temporal shows what it cancelled as cancelled
				err = temporal.NewCanceledError()
			}
			return EarlierResult{Success: out.State == ledger.Completed, Results: out.Results}, err
		case e.steered(ctx):
			wait = lookAgainFirst / 2
			continue
		case workflow.GetInfo(ctx).GetContinueAsNewSuggested():
			in.Carried = e
			return EarlierResult{}, workflow.NewContinueAsNewError(ctx, name, in)
		}
		if len(e.Waiting) > 0 {
			wait = lookAgainFirst
		}
		if _, err := workflow.AwaitWithTimeout(always, wait, func() bool { return e.steered(ctx) }); err != nil {
			return EarlierResult{}, err
		}
	}
}

// look asks how far the request is.
func (e *earlier) look(ctx workflow.Context) (out activities.EarlierOutcome, err error) {
	err = workflow.ExecuteActivity(ledgerOptions(ctx), earlierActivities.LookForEarlierOutcome, e.Asked.RequestID).Get(ctx, &out)
	if err != nil {
		return out, err
	}
	if e.Accepted && out.Unknown {
		return out, forgottenError(e.Asked.RequestID)
	}
	e.Accepted = e.Accepted || out.Accepted
	if !e.Accepted && out.State == "" && workflow.Now(ctx).Sub(e.Since) > unheard {
		err = unheardError(e.Asked.RequestID)
	}
	return out, err
}

// steered says whether a signal waits, or Temporal's cancel.
func (e *earlier) steered(ctx workflow.Context) bool {
	for _, name := range controls {
		if workflow.GetSignalChannel(ctx, name).Len() > 0 {
			return true
		}
	}
	return ctx.Err() != nil && !e.Stopped
}

// handOn publishes a sync.control for every signal.
func (e *earlier) handOn(ctx, always workflow.Context) error {
	for _, name := range controls {
		ch := workflow.GetSignalChannel(ctx, name)
		for {
			var raw converter.RawValue
			if !ch.ReceiveAsync(&raw) {
				break
			}
			e.queue(events.Action(name), decodeControl(raw))
		}
	}
	if ctx.Err() != nil && !e.Stopped {
		e.Stopped = true
		e.queue(events.Cancel, ControlSignal{Reason: "cancelled in Temporal"})
	}
	var later []activities.EarlierControl
	for _, c := range e.Waiting {
		if c.WorkflowID != "" && !e.Accepted {
			later = append(later, c) // that workflow may not be there yet
			continue
		}
		if err := workflow.ExecuteActivity(ledgerOptions(always), earlierActivities.PublishEarlierControl, c).Get(always, nil); err != nil {
			return err
		}
	}
	e.Waiting = later
	return nil
}

// queue makes a control of a signal. It names the request; but it is the tenant's
// incremental sync that is paused, whose passes serve many requests.
func (e *earlier) queue(action events.Action, s ControlSignal) {
	e.Controls++
	c := activities.EarlierControl{
		Workflow: e.Self, Ordinal: e.Controls, Action: action, RequestID: e.Asked.RequestID,
		Reason: Clip(s.Reason), Actor: Clip(s.Actor),
	}
	if c.Actor == "" {
		c.Actor = "workflow " + e.Self.WorkflowID
	}
	if e.Mode == events.Incremental && action != events.Cancel {
		c.RequestID, c.WorkflowID = "", IncrementalSyncID(e.Asked.TenantID)
	}
	e.Waiting = append(e.Waiting, c)
}
