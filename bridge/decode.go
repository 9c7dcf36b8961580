package bridge

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/workflows"
)

// decodeRequest decodes a sync.requested and fills in the defaults of its tenant. The error
// is an *events.Rejection if the request can never be served; the event then holds as much of
// its identity as could be decoded.
func (b *Bridge) decodeRequest(m events.Message) (events.Event, ledger.Request, error) {
	event, err := events.Decode(m)
	if err != nil {
		return event, ledger.Request{}, err
	}
	data, err := events.Requested.Data(event)
	if err != nil {
		return event, ledger.Request{}, err
	}
	tenant, rejection := b.tenant(data.TenantID)
	if rejection != nil {
		return event, ledger.Request{}, rejection
	}
	entities, rejection := b.entities(data.Entities, tenant.Entities)
	if rejection != nil {
		return event, ledger.Request{}, rejection
	}
	digest, err := ledger.Digest(data)
	if err != nil {
		return event, ledger.Request{}, err
	}
	r := ledger.Request{
		ID: events.RequestID(event.Source(), event.ID()), Source: event.Source(), EventID: event.ID(), Digest: digest,
		TenantID: tenant.ID, Mode: data.Mode, Entities: entities, Notify: data.Notify, Channel: data.Channel,
		AllowDeletes: data.AllowDeletes, Reason: data.Reason, Traceparent: events.TraceParent(event),
		Message: m.Place(), State: ledger.Received, ReceivedAt: b.Now().UTC(),
	}
	if r.Channel == "" {
		r.Channel = tenant.Channel
	}
	r.WorkflowID = r.Mode.WorkflowID(r.TenantID, r.ID)
	return event, r, nil
}

// tenant resolves the tenant of a request. Without a name it is the only configured tenant.
func (b *Bridge) tenant(named string) (Tenant, *events.Rejection) {
	if named == "" && len(b.Tenants) == 1 {
		return b.Tenants[0], nil
	}
	ids := make([]string, len(b.Tenants))
	for i, t := range b.Tenants {
		if t.ID == named {
			return t, nil
		}
		ids[i] = t.ID
	}
	got := quote(named)
	if named == "" {
		got = "nothing"
	}
	want := "one of " + strings.Join(ids, ", ")
	if len(ids) == 1 {
		want = ids[0]
	}
	return Tenant{}, events.Reject(events.CodeUnknownTenant, events.FieldError{Path: "tenantId", Got: got, Want: want})
}

// entities resolves the entities of a request, in catalogue order.
func (b *Bridge) entities(named, defaults []string) ([]string, *events.Rejection) {
	switch {
	case len(named) == 0:
		named = defaults
	case len(named) == 1 && named[0] == events.AllEntities:
		return slices.Clone(b.KnownEntities), nil
	case len(named) > len(b.KnownEntities):
		return nil, events.Reject(events.CodeUnknownEntity, events.FieldError{
			Path: "entities", Got: fmt.Sprintf("%d entities", len(named)), Want: fmt.Sprintf("at most the %d known entities", len(b.KnownEntities)),
		})
	}
	if unknown := events.CheckEntities(named, b.KnownEntities); len(unknown) > 0 {
		return nil, events.Reject(events.CodeUnknownEntity, unknown...)
	}
	known := slices.Clone(b.KnownEntities)
	return slices.DeleteFunc(known, func(name string) bool { return !slices.Contains(named, name) }), nil
}

// decodeControl decodes a sync.control. The error is an *events.Rejection if the control can
// never be applied.
func (b *Bridge) decodeControl(m events.Message) (events.Event, ledger.Control, error) {
	event, err := events.Decode(m)
	if err != nil {
		return event, ledger.Control{}, err
	}
	data, err := events.Control.Data(event)
	if err != nil {
		return event, ledger.Control{}, err
	}
	return event, ledger.Control{
		ID: events.RequestID(event.Source(), event.ID()), Source: event.Source(), EventID: event.ID(),
		Action: data.Action, WorkflowID: data.WorkflowID, Target: data.RequestID,
		Reason: workflows.Clip(data.Reason), Actor: workflows.Clip(data.Actor),
		Sequence: controlOrder(m), Message: m, State: ledger.ControlPending, ReceivedAt: b.Now().UTC(),
	}, nil
}

// controlOrder returns the order of a control among all controls: the time when the stream
// stored it, in nanoseconds. Stream sequences restart at 1 when a lost stream is declared
// again, and running workflows would take new controls for old ones.
func controlOrder(m events.Message) uint64 { return uint64(m.Stored.UnixNano()) }

func quote(s string) string { return fmt.Sprintf("%q", s) }
