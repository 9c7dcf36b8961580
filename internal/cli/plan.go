package cli

import (
	"context"
	"errors"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/backoff"
	"github.com/lazi/lazisync/internal/config"
	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/ledger"
)

// PlanModes are the modes that can be planned.
var PlanModes = []string{string(events.Full), string(events.Incremental), string(events.Verify)}

// PlanOptions are those of `lazisync plan`.
type PlanOptions struct {
	Mode     events.Mode
	Entities []string // default: those of the tenant
	TenantID string
	JSON     bool

	// Overlap is how much of a list an incremental sync reads again.
	Overlap time.Duration
}

// Counter asks ServiceTitan for numbers of records.
type Counter interface {
	// CountSince returns the number of records in the list of an entity that changed since a time or,
	// if that is zero, of all. It is -1 if the list does not count them.
	CountSince(ctx context.Context, tenant events.TenantID, e entity.Entity, since time.Time) (int, error)
}

// PlanStore has what is known of earlier syncs.
type PlanStore interface {
	States(ctx context.Context, tenant events.TenantID) ([]ledger.EntityState, error)
	Freshness(ctx context.Context) ([]ledger.Freshness, error)
	FindRuns(ctx context.Context, f ledger.RunFilter, limit int) ([]ledger.Run, error)
}

// Plan prints what a sync would read, from the numbers of records that ServiceTitan reports. It
// publishes and reads nothing else. The store is nil if no database is configured. If an entity cannot
// be counted, the error has exit code 1.
func Plan(ctx context.Context, c Counter, s PlanStore, cfg *config.Config, o PlanOptions, out io.Writer) error {
	tenant, entities, err := o.resolve(cfg)
	if err != nil {
		return UsageError(err)
	}
	p := planner{counter: c, tenant: tenant, o: o}
	if err := p.readStore(ctx, s, entities); err != nil {
		return err
	}
	p.planAll(ctx, entities)
	if err := ctx.Err(); err != nil {
		return err
	}
	view := p.view()
	if o.JSON {
		err = printAnswer(out, true, view, "")
	} else {
		err = view.print(out)
	}
	if err == nil && slices.ContainsFunc(p.planned, func(e plannedEntity) bool { return e.Error != "" }) {
		return &ExitError{Code: ExitFailed, Message: "not every entity could be counted"}
	}
	return err
}

// resolve returns the tenant and the entities of the plan.
func (o PlanOptions) resolve(cfg *config.Config) (tenant config.Tenant, entities []entity.Entity, err error) {
	e, err := events.Requested.New(events.Attributes{ID: "plan", Source: Source, Time: time.Now()},
		events.RequestData{Mode: o.Mode, TenantID: o.TenantID, Entities: o.Entities})
	if err != nil {
		return tenant, nil, err
	}
	_, id, err := events.Validator{Tenants: cfg.TenantIDs(), Entities: entity.Names()}.Request(e)
	if err != nil {
		return tenant, nil, err
	}
	i := slices.IndexFunc(cfg.Tenants, func(t config.Tenant) bool { return t.ID == id })
	if i < 0 {
		return tenant, nil, errors.New("SERVICETITAN_TENANT_ID: not set, want the tenant's number")
	}
	tenant = cfg.Tenants[i]
	names := o.Entities
	switch {
	case len(names) == 0:
		names = tenant.Entities
	case names[0] == events.AllEntities:
		names = entity.Names()
	}
	for _, name := range names {
		if e, known := entity.Find(name); known {
			entities = append(entities, e)
		}
	}
	return tenant, entities, nil
}

// planner makes a plan.
type planner struct {
	counter Counter
	tenant  config.Tenant
	o       PlanOptions

	hasStore bool
	states   map[string]ledger.EntityState
	readAsOf map[string]time.Time
	feeds    map[string]events.Counts // of the last full read of a feed

	planned []plannedEntity
}

// readStore reads what is known of earlier syncs.
func (p *planner) readStore(ctx context.Context, s PlanStore, entities []entity.Entity) error {
	p.states, p.readAsOf, p.feeds = map[string]ledger.EntityState{}, map[string]time.Time{}, map[string]events.Counts{}
	if s == nil {
		return nil
	}
	p.hasStore = true
	states, err := s.States(ctx, p.tenant.ID)
	if err != nil {
		return err
	}
	for _, state := range states {
		p.states[state.Entity] = state
	}
	freshness, err := s.Freshness(ctx)
	if err != nil {
		return err
	}
	for _, f := range freshness {
		if f.TenantID == p.tenant.ID {
			p.readAsOf[f.Entity] = f.AsOf
		}
	}
	for _, e := range entities {
		if e.Export == "" {
			continue
		}
		runs, err := s.FindRuns(ctx, ledger.RunFilter{TenantID: p.tenant.ID, Mode: events.Full, State: ledger.Completed, Entity: e.Name}, 1)
		if err != nil {
			return err
		}
		for _, run := range runs {
			for _, result := range run.Results {
				if result.Entity == e.Name {
					p.feeds[e.Name] = result.Counts
				}
			}
		}
	}
	return nil
}

// planCalls is the number of calls for counts at once.
const planCalls = 8

// planAll plans every entity.
func (p *planner) planAll(ctx context.Context, entities []entity.Entity) {
	p.planned = make([]plannedEntity, len(entities))
	slots := make(chan struct{}, planCalls)
	var all sync.WaitGroup
	for i, e := range entities {
		all.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			p.planned[i] = p.plan(ctx, e)
		})
	}
	all.Wait()
}

// plan plans one entity.
func (p *planner) plan(ctx context.Context, e entity.Entity) plannedEntity {
	v := plannedEntity{Entity: e.Name, Reads: "list"}
	if e.Export != "" {
		v.Reads = "feed"
	}
	state, isKnown := p.states[e.Name]
	if isKnown {
		v.Rows = &state.Records
	}
	asOf := p.readAsOf[e.Name]
	if p.o.Mode != events.Full && p.hasStore && asOf.IsZero() {
		v.Skipped = "never fully synced: request a full sync first"
		return v
	}
	var since time.Time
	if p.o.Mode == events.Incremental {
		if since = asOf; since.IsZero() {
			v.Calls, v.IsLeast, v.Note = 1, true, "the last read is not known without DATABASE_URL"
			return v
		}
		if e.Export == "" {
			since = since.Add(-p.o.Overlap)
		}
	}
	records, err := p.count(ctx, e, since)
	if err != nil {
		v.Error = err.Error()
		return v
	}
	if records >= 0 {
		v.Records = new(int64(records))
		if v.Rows != nil && since.IsZero() {
			v.Difference = new(*v.Rows - *v.Records)
		}
	}
	v.Calls, v.IsLeast, v.Note = callsOf(e, p.o.Mode, records, p.feeds[e.Name])
	return v
}

const (
	countTries   = 10
	countBackoff = time.Second
)

// count counts, and waits for the rate limit, which running syncs use, too.
func (p *planner) count(ctx context.Context, e entity.Entity, since time.Time) (records int, err error) {
	for range countTries {
		records, err = p.counter.CountSince(ctx, p.tenant.ID, e, since)
		limited, ok := errors.AsType[interface {
			error
			RateLimited() bool
			RetryAfter() time.Duration
		}](err)
		if !ok || !limited.RateLimited() {
			break
		}
		if !backoff.Sleep(ctx, max(limited.RetryAfter(), countBackoff)) {
			break
		}
	}
	return records, err
}

// plannedEntity is what a sync would read of one entity. Its JSON is public.
type plannedEntity struct {
	Entity     string `json:"entity"`
	Reads      string `json:"reads"`                // feed or list
	Records    *int64 `json:"records,omitempty"`    // absent if ServiceTitan does not count them
	Calls      int64  `json:"calls"`                // to the API
	IsLeast    bool   `json:"atLeast,omitempty"`    // it may be more calls
	Rows       *int64 `json:"rows,omitempty"`       // live ones in PostgreSQL
	Difference *int64 `json:"difference,omitempty"` // rows less records
	Skipped    string `json:"skippedReason,omitempty"`
	Error      string `json:"error,omitempty"` // why it could not be counted
	Note       string `json:"note,omitempty"`
}
