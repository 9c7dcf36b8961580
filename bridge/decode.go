package bridge

import (
	"cmp"
	"slices"
	"time"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/workflows"
)

// decodeRequest decodes a sync.requested and fills in the defaults of its tenant. The error
// is an *events.Rejection if the request can never be served; the event then holds as much of
// its identity as could be decoded.
func (b *Bridge) decodeRequest(validator events.Validator, m events.Message) (events.Event, ledger.Request, error) {
	event, err := events.Decode(m)
	if err != nil {
		return event, ledger.Request{}, err
	}
	validator.Now = m.Stored
	data, tenantID, err := validator.Request(event)
	if err != nil {
		return event, ledger.Request{}, err
	}
	tenant := b.tenant(tenantID)
	digest, err := ledger.Digest(data)
	if err != nil {
		return event, ledger.Request{}, err
	}
	r := ledger.Request{
		ID: events.RequestID(event.Source(), event.ID()), Source: event.Source(), EventID: event.ID(), Digest: digest,
		TenantID: tenant.ID, Mode: data.Mode, Entities: b.entities(data.Entities, tenant.Entities), Notify: data.Notify, Channel: cmp.Or(data.Channel, tenant.Channel),
		AllowDeletes: data.AllowDeletes, Reason: workflows.Clip(data.Reason), Traceparent: events.TraceParent(event),
		Message: m.Place(), State: ledger.Received, ReceivedAt: b.Now().UTC(),
	}
	for _, id := range data.IDs {
		if !slices.Contains(r.IDs, string(id)) { // as a number and as a string
			r.IDs = append(r.IDs, string(id))
		}
	}
	if data.Since != nil {
		r.Since = new(data.Since.UTC().Truncate(time.Microsecond)) // down: PostgreSQL would round
	}
	r.WorkflowID = r.Mode.WorkflowID(r.TenantID, r.ID)
	return event, r, nil
}

func (b *Bridge) validator() events.Validator {
	v := events.Validator{Entities: b.KnownEntities, Refreshes: ledger.Refreshes()}
	for _, t := range b.Tenants {
		v.Tenants = append(v.Tenants, t.ID)
	}
	return v
}

// tenant returns the configured tenant with an ID.
func (b *Bridge) tenant(id events.TenantID) Tenant {
	return b.Tenants[slices.IndexFunc(b.Tenants, func(t Tenant) bool { return t.ID == id })]
}

// limits returns the limits of the runs of a tenant, which may not be configured any more.
func (b *Bridge) limits(id events.TenantID) workflows.Limits {
	limits := b.Limits
	for _, t := range b.Tenants {
		if t.ID == id {
			limits.Parallel = cmp.Or(t.Parallel, limits.Parallel)
		}
	}
	return limits
}

// entities resolves the entities of a request, in catalogue order.
func (b *Bridge) entities(named, defaults []string) []string {
	if len(named) == 0 {
		named = defaults
	}
	known := slices.Clone(b.KnownEntities)
	if len(named) == 1 && named[0] == events.AllEntities {
		return known
	}
	return slices.DeleteFunc(known, func(name string) bool { return !slices.Contains(named, name) })
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
		Action: data.Action, WorkflowID: ledger.Text(data.WorkflowID), Target: ledger.Text(data.RequestID), // as a redelivery is compared with it
		Reason: workflows.Clip(data.Reason), Actor: workflows.Clip(data.Actor),
		Sequence: controlOrder(m), Message: m, State: ledger.ControlPending, ReceivedAt: b.Now().UTC(),
	}, nil
}

// controlOrder returns the order of a control among all controls: the time when the stream
// stored it, in nanoseconds. Stream sequences restart at 1 when a lost stream is declared
// again, and running workflows would take new controls for old ones.
func controlOrder(m events.Message) uint64 { return uint64(m.Stored.UnixNano()) }
