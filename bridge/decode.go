package bridge

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/workflows"
)

// request reads the request a message holds and fills in what it left to the
// configuration. A request that can never be served is an *events.Rejection; the
// event then still holds what could be read of its identity.
func (b *Bridge) request(m events.Message) (events.Event, ledger.Request, error) {
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

// entities resolves what a request names, in catalogue order.
func (b *Bridge) entities(named, byDefault []string) ([]string, *events.Rejection) {
	switch {
	case len(named) == 0:
		named = byDefault
	case len(named) == 1 && named[0] == events.AllEntities:
		return slices.Clone(b.KnownEntities), nil
	case len(named) > len(b.KnownEntities):
		return nil, events.Reject(events.CodeUnknownEntity, events.FieldError{
			Path: "entities", Got: fmt.Sprintf("%d of them", len(named)), Want: fmt.Sprintf("at most the %d there are", len(b.KnownEntities)),
		})
	}
	if unknown := events.CheckEntities(named, b.KnownEntities); len(unknown) > 0 {
		return nil, events.Reject(events.CodeUnknownEntity, unknown...)
	}
	known := slices.Clone(b.KnownEntities)
	return slices.DeleteFunc(known, func(name string) bool { return !slices.Contains(named, name) }), nil
}

// control reads the control a message holds.
func (b *Bridge) control(m events.Message) (events.Event, ledger.Control, error) {
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
		Sequence: order(m), Message: m, State: ledger.ControlPending, ReceivedAt: b.Now().UTC(),
	}, nil
}

// order is the place of a control among all: when it was stored, in nanoseconds. The
// sequence of its message would begin again at 1 with a stream that was lost and declared
// anew, and a run that goes on would take new controls for old ones.
func order(m events.Message) uint64 { return uint64(m.Stored.UnixNano()) }

func quote(s string) string { return fmt.Sprintf("%q", s) }
