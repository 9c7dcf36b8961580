package legacy

import (
	"cmp"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/lazi/lazisync/activities"
	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/workflows"
)

// Workflow types of the legacy worker. Callers start them by these names.
const (
	FullSync        = "fullSyncWorkflow"
	IncrementalSync = "incrementalSyncWorkflow"
)

// Register registers the legacy workflow types with a worker.
func Register(w worker.WorkflowRegistry) {
	w.RegisterWorkflowWithOptions(fullSync, workflow.RegisterOptions{Name: FullSync})
	w.RegisterWorkflowWithOptions(incrementalSync, workflow.RegisterOptions{Name: IncrementalSync})
}

// Input is the argument of the legacy workflow types. Entities defaults to the configured
// entities, Notify to the default of the mode.
type Input struct {
	Entities []string `json:"entities,omitempty"`
	Notify   *bool    `json:"notify,omitempty"`

	State *state `json:"carried,omitempty"` // set by continue-as-new only
}

// Result is what the legacy workflow types return.
type Result struct {
	Success bool                     `json:"success"` // the sync completed
	Results []activities.EntityCount `json:"results"`
}

var legacyActivities *Activities

func fullSync(ctx workflow.Context, in Input) (Result, error) {
	return run(ctx, in, FullSync, events.Full)
}

func incrementalSync(ctx workflow.Context, in Input) (Result, error) {
	return run(ctx, in, IncrementalSync, events.Incremental)
}

// state is the state of a legacy workflow. The workflow reads no pages: it publishes a
// request, forwards its signals as controls and waits for the outcome. The JSON names are
// those of recorded histories.
type state struct {
	Self      Workflow
	Mode      events.Mode
	Request   PublishedRequest `json:"Asked"`
	Published time.Time        `json:"Since"`
	Controls  int              // queued so far
	Pending   []Control        `json:"Waiting"` // queued and not published
	Accepted  bool             // the bridge has accepted the request
	Cancelled bool             `json:"Stopped"` // Temporal's cancellation is queued as a control
}

func run(ctx workflow.Context, in Input, name string, mode events.Mode) (Result, error) {
	s := in.State
	// A cancelled workflow still waits for the outcome of its request.
	disconnected, _ := workflow.NewDisconnectedContext(ctx)
	if s == nil {
		var err error
		if s, err = publishRequest(ctx, disconnected, in, name, mode); err != nil {
			return Result{}, err
		}
	}
	for wait := workflows.MinPollInterval; ; wait = min(2*wait, workflows.MaxPollInterval) {
		if err := s.forwardSignals(ctx, disconnected); err != nil {
			return Result{}, err
		}
		out, err := workflows.LookUpOutcome(disconnected, s.Request.RequestID, s.Published, &s.Accepted)
		switch {
		case err != nil:
			return Result{}, err
		case out.State != "":
			if s.Cancelled { // Temporal shows the workflow as cancelled
				err = temporal.NewCanceledError()
			}
			return Result{Success: out.State == ledger.Completed, Results: out.Results}, err
		case s.hasSignal(ctx):
			wait = workflows.MinPollInterval / 2
			continue
		case workflow.GetInfo(ctx).GetContinueAsNewSuggested():
			in.State = s
			return Result{}, workflow.NewContinueAsNewError(ctx, name, in)
		}
		if len(s.Pending) > 0 {
			wait = workflows.MinPollInterval
		}
		if _, err := workflow.AwaitWithTimeout(disconnected, wait, func() bool { return s.hasSignal(ctx) }); err != nil {
			return Result{}, err
		}
	}
}

func publishRequest(ctx, disconnected workflow.Context, in Input, name string, mode events.Mode) (*state, error) {
	info := workflow.GetInfo(ctx)
	s := &state{
		Self: Workflow{
			Type: name, WorkflowID: info.WorkflowExecution.ID,
			RunID: cmp.Or(info.OriginalRunID, info.WorkflowExecution.RunID), // a reset changes the run ID
		},
		Mode: mode, Published: workflow.Now(ctx),
	}
	err := workflow.ExecuteActivity(workflows.LedgerOptions(disconnected), legacyActivities.PublishEarlierRequest, Request{
		Workflow: s.Self, Mode: mode, Entities: in.Entities, Notify: in.Notify,
	}).Get(disconnected, &s.Request)
	return s, err
}

// hasSignal reports whether a control signal or Temporal's cancellation waits to be
// forwarded.
func (s *state) hasSignal(ctx workflow.Context) bool {
	return workflows.HasControl(ctx) || ctx.Err() != nil && !s.Cancelled
}

// forwardSignals publishes a sync.control for every signal.
func (s *state) forwardSignals(ctx, disconnected workflow.Context) error {
	for _, c := range workflows.ReceiveControls(ctx) {
		s.queue(events.Action(c.Name), c.ControlSignal)
	}
	if ctx.Err() != nil && !s.Cancelled {
		s.Cancelled = true
		s.queue(events.Cancel, workflows.ControlSignal{Reason: "cancelled in Temporal"})
	}
	var later []Control
	for _, c := range s.Pending {
		if c.WorkflowID != "" && !s.Accepted {
			later = append(later, c) // the workflow may not exist yet
			continue
		}
		err := workflow.ExecuteActivity(workflows.LedgerOptions(disconnected), legacyActivities.PublishEarlierControl, c).Get(disconnected, nil)
		if err != nil {
			return err
		}
	}
	s.Pending = later
	return nil
}

// queue queues a control for a signal. It applies to the request, but a pause or resume of
// an incremental sync applies to the workflow of the tenant, whose passes serve many
// requests.
func (s *state) queue(action events.Action, signal workflows.ControlSignal) {
	s.Controls++
	c := Control{
		Workflow: s.Self, Ordinal: s.Controls, Action: action, RequestID: s.Request.RequestID,
		Reason: workflows.Clip(signal.Reason), Actor: workflows.Clip(signal.Actor),
	}
	if c.Actor == "" {
		c.Actor = "workflow " + s.Self.WorkflowID
	}
	if s.Mode == events.Incremental && action != events.Cancel {
		c.RequestID, c.WorkflowID = "", workflows.IncrementalSyncID(s.Request.TenantID)
	}
	s.Pending = append(s.Pending, c)
}
