package legacy

import (
	"context"
	"fmt"
	"time"

	"go.temporal.io/sdk/temporal"

	"github.com/lazi/lazisync/activities"
	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/ledger"
)

// SourcePrefix begins the source of every event that a legacy workflow publishes. The run
// ID of the workflow follows.
const SourcePrefix = ledger.Source + "/workflows/"

// Activities are the activities of the legacy workflows: they publish a request and its
// controls. Temporal knows them by the names of the methods, so the names stay.
type Activities struct {
	Publisher activities.Publisher
	Tenants   []events.TenantID // the configured tenants; the legacy types support exactly one
}

// Workflow identifies an execution of a legacy workflow. The workflow ID is the id of its
// events and the run ID is part of their source. Both are needed: callers reuse a workflow
// ID, and each use requests a sync of its own. A reset execution keeps its first run ID, so
// it publishes no second request.
type Workflow struct {
	Type       string
	WorkflowID string
	RunID      string
}

func (w Workflow) source() string { return SourcePrefix + w.RunID }

// Request is the input of PublishEarlierRequest. Notify and Entities are absent unless the
// caller of the workflow gave them.
type Request struct {
	Workflow Workflow
	Mode     events.Mode
	Entities []string
	Notify   *bool
}

// PublishedRequest identifies the request that PublishEarlierRequest published.
type PublishedRequest struct {
	RequestID string
	TenantID  events.TenantID
}

// PublishEarlierRequest publishes sync.requested. It fails without retry for what the bridge
// would reject: the workflow never learns of a rejection.
func (a *Activities) PublishEarlierRequest(ctx context.Context, in Request) (PublishedRequest, error) {
	if len(a.Tenants) != 1 {
		return PublishedRequest{}, validationError("%s supports one tenant and %d are configured: publish %s with tenantId instead",
			in.Workflow.Type, len(a.Tenants), events.Requested.Subject)
	}
	id, source := in.Workflow.WorkflowID, in.Workflow.source()
	event, err := events.Requested.New(events.Attributes{ID: id, Source: source, Time: time.Now()}, events.RequestData{
		Mode: in.Mode, Entities: in.Entities, TenantID: string(a.Tenants[0]), Notify: in.Notify, Reason: "workflow " + in.Workflow.Type,
	})
	if err == nil {
		_, _, err = events.Validator{Tenants: a.Tenants, Entities: entity.Names()}.Request(event)
	}
	if err != nil {
		return PublishedRequest{}, validationError("%v", err)
	}
	if err := a.publish(ctx, event); err != nil {
		return PublishedRequest{}, err
	}
	return PublishedRequest{RequestID: events.RequestID(source, id), TenantID: a.Tenants[0]}, nil
}

func validationError(format string, args ...any) error {
	return temporal.NewNonRetryableApplicationError(fmt.Sprintf(format, args...), string(events.ValidationError), nil)
}

// Control is the input of PublishEarlierControl. Exactly one of RequestID and WorkflowID
// is set.
type Control struct {
	Workflow   Workflow
	Ordinal    int // numbers the controls of the workflow from 1; part of the event's id
	Action     events.Action
	RequestID  string
	WorkflowID string // of the lazisync workflow that the control applies to
	Reason     string
	Actor      string
}

// PublishEarlierControl publishes sync.control.
func (a *Activities) PublishEarlierControl(ctx context.Context, in Control) error {
	event, err := events.Control.New(
		events.Attributes{ID: fmt.Sprintf("%s/%d", in.Workflow.WorkflowID, in.Ordinal), Source: in.Workflow.source(), Time: time.Now()},
		events.ControlData{Action: in.Action, RequestID: in.RequestID, WorkflowID: in.WorkflowID, Reason: in.Reason, Actor: in.Actor})
	if err == nil {
		_, err = events.Control.Data(event)
	}
	if err != nil {
		return validationError("%v", err)
	}
	return a.publish(ctx, event)
}

func (a *Activities) publish(ctx context.Context, event events.Event) error {
	if err := a.Publisher.Publish(ctx, event); err != nil {
		return fmt.Errorf("publish %s %s: %w", event.Type(), event.ID(), err)
	}
	return nil
}
