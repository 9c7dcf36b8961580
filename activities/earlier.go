package activities

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.temporal.io/sdk/temporal"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/ledger"
)

// EarlierSource is what the source of every event begins with that a workflow of an
// earlier type publishes; the rest is the run ID.
const EarlierSource = ledger.Source + "/workflows/"

// OutcomeReader looks up requests and the runs that served them.
type OutcomeReader interface {
	RequestReader
	RunHeader(ctx context.Context, number int64) (ledger.Run, error)
}

// Earlier are the activities of the workflow types of an earlier program: they ask and
// steer as everybody does, by events, and then wait for the outcome.
type Earlier struct {
	Publisher Publisher
	Requests  OutcomeReader
	Tenants   []string // those that are configured: the earlier types know of one
}

// EarlierWorkflow names an execution. Its events have the workflow ID as id and the run
// ID in their source. Both are needed: programs use a workflow ID again, and each use
// asks for a sync of its own. An execution that is reset keeps the run ID it had, and so
// asks for nothing twice.
type EarlierWorkflow struct {
	Type       string
	WorkflowID string
	RunID      string
}

func (w EarlierWorkflow) source() string { return EarlierSource + w.RunID }

// EarlierRequest asks for a sync.
type EarlierRequest struct {
	Workflow EarlierWorkflow
	Mode     events.Mode
	Entities []string
	Notify   *bool
}

// EarlierAsked names what was asked for.
type EarlierAsked struct {
	RequestID string
	TenantID  string
}

// PublishEarlierRequest publishes sync.requested. What the bridge would reject is an
// error that is not retried: nobody would tell the workflow of a rejection.
func (e *Earlier) PublishEarlierRequest(ctx context.Context, in EarlierRequest) (EarlierAsked, error) {
	if len(e.Tenants) != 1 {
		return EarlierAsked{}, invalid("%s knows of one tenant, and %d are configured: publish %s with tenantId instead", in.Workflow.Type, len(e.Tenants), events.Requested.Subject)
	}
	if unknown := unknownEntities(in.Entities); len(unknown) > 0 {
		return EarlierAsked{}, invalid("entities: got %s, want known entities; lazisync entities lists them", strings.Join(unknown, ", "))
	}
	id, source := in.Workflow.WorkflowID, in.Workflow.source()
	event, err := events.Requested.New(events.Attributes{ID: id, Source: source, Time: time.Now()}, events.RequestData{
		Mode: in.Mode, Entities: in.Entities, TenantID: e.Tenants[0], Notify: in.Notify, Reason: "workflow " + in.Workflow.Type,
	})
	if err != nil {
		return EarlierAsked{}, invalid("%v", err)
	}
	if err := e.publish(ctx, event); err != nil {
		return EarlierAsked{}, err
	}
	return EarlierAsked{RequestID: events.RequestID(source, id), TenantID: e.Tenants[0]}, nil
}

func invalid(format string, args ...any) error {
	return temporal.NewNonRetryableApplicationError(fmt.Sprintf(format, args...), string(events.ValidationError), nil)
}

func unknownEntities(names []string) (unknown []string) {
	if slices.Equal(names, []string{"*"}) {
		return nil
	}
	for _, name := range names {
		if _, known := entity.Find(name); !known {
			unknown = append(unknown, fmt.Sprintf("%q", name))
		}
	}
	return unknown
}

// EarlierControl pauses, resumes or cancels what was asked for.
type EarlierControl struct {
	Workflow   EarlierWorkflow
	Ordinal    int // counts the controls of the workflow: part of the event's id
	Action     events.Action
	RequestID  string // exactly one of RequestID and WorkflowID, which is of lazisync's workflow, is set
	WorkflowID string
	Reason     string
	Actor      string
}

// PublishEarlierControl publishes sync.control.
func (e *Earlier) PublishEarlierControl(ctx context.Context, in EarlierControl) error {
	event, err := events.Control.New(
		events.Attributes{ID: fmt.Sprintf("%s/%d", in.Workflow.WorkflowID, in.Ordinal), Source: in.Workflow.source(), Time: time.Now()},
		events.ControlData{Action: in.Action, RequestID: in.RequestID, WorkflowID: in.WorkflowID, Reason: in.Reason, Actor: in.Actor})
	if err != nil {
		return invalid("%v", err)
	}
	return e.publish(ctx, event)
}

func (e *Earlier) publish(ctx context.Context, event events.Event) error {
	if err := e.Publisher.Publish(ctx, event); err != nil {
		return fmt.Errorf("publish %s %s: %w", event.Type(), event.ID(), err)
	}
	return nil
}

// EarlierOutcome is how far a request is.
type EarlierOutcome struct {
	Accepted bool            // the bridge has handed it to Temporal
	Unknown  bool            // the ledger does not have it
	State    ledger.RunState // "" while it is not decided
	Results  []EntityCount   // once it is
}

// EntityCount is how many records of an entity were read.
type EntityCount struct {
	Entity string `json:"entity"`
	Count  int64  `json:"count"`
}

// LookForEarlierOutcome returns how far the request is.
func (e *Earlier) LookForEarlierOutcome(ctx context.Context, requestID string) (EarlierOutcome, error) {
	r, err := e.Requests.Request(ctx, requestID)
	switch {
	case errors.Is(err, ledger.ErrUnknown): // the bridge has not come to it yet, or the ledger forgot it
		return EarlierOutcome{Unknown: true}, nil
	case err != nil:
		return EarlierOutcome{}, retryable(events.StoreError, err)
	}
	out := EarlierOutcome{Accepted: r.State == ledger.Accepted}
	if r.Outcome == nil {
		return out, nil
	}
	run, err := e.Requests.RunHeader(ctx, r.Outcome.RunNumber)
	if err != nil {
		return EarlierOutcome{}, retryable(events.StoreError, err)
	}
	out.State, out.Results = run.State, []EntityCount{}
	for _, result := range run.Results {
		if len(r.Entities) == 0 || slices.Contains(r.Entities, result.Entity) { // a pass may serve others, too
			out.Results = append(out.Results, EntityCount{result.Entity, result.Fetched})
		}
	}
	return out, nil
}
