package gateway

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"time"

	"github.com/rs/zerolog"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/internal/probe"
)

// Publisher publishes events to JetStream. It returns nil once the event is stored.
type Publisher interface {
	Publish(ctx context.Context, event events.Event) error
}

// Ledger has the requests, runs and states that the gateway returns.
type Ledger interface {
	// Request returns a request, or ledger.ErrUnknown.
	Request(ctx context.Context, id string) (ledger.Receipt, error)
	// ListRequests lists requests, newest first, or returns ledger.ErrUnknown for the cursor.
	ListRequests(ctx context.Context, f ledger.RequestFilter, limit int) ([]ledger.Receipt, error)
	// Workflow returns what is known about a workflow ID.
	Workflow(ctx context.Context, id string) (ledger.WorkflowState, error)
	// Runs lists every open run and then the latest others, at most limit, newest first.
	Runs(ctx context.Context, limit int) ([]ledger.Run, error)
	FindRuns(ctx context.Context, f ledger.RunFilter, limit int) ([]ledger.Run, error)
	RunHeader(ctx context.Context, number int64) (ledger.Run, error)
	// Unfinalized lists the open runs.
	Unfinalized(ctx context.Context) ([]ledger.Run, error)
	// Waiting lists the requests that no run serves yet, of a tenant or, for "", of all.
	Waiting(ctx context.Context, tenant events.TenantID) ([]ledger.Waiting, error)
	// Freshness returns the freshness of every entity.
	Freshness(ctx context.Context) ([]ledger.Freshness, error)
	// OpenOutages lists the outages that are not closed.
	OpenOutages(ctx context.Context) ([]ledger.Outage, error)
	// RejectedRecords lists the records that the filter selects, newest first, at most limit and
	// those that were rejected at the same time as the last one.
	RejectedRecords(ctx context.Context, f ledger.RejectedFilter, limit int) ([]ledger.RejectedRecord, error)
	// NewFields lists the fields that ServiceTitan has added, of one tenant and entity, or of all with "".
	NewFields(ctx context.Context, tenant events.TenantID, entity string) ([]ledger.NewField, error)
	// RejectedCounts counts the records that were rejected since a time, by tenant and entity.
	RejectedCounts(ctx context.Context, since time.Time) ([]ledger.RejectedCount, error)
	// CallSpans returns the API calls of runs since a time, and the rate budgets of all tenants.
	CallSpans(ctx context.Context, since time.Time) ([]ledger.CallSpan, []ledger.CallBudget, error)
	// States lists the freshness of all tables of a tenant, or of all tenants if tenant is
	// "".
	States(ctx context.Context, tenant events.TenantID) ([]ledger.EntityState, error)
}

// Audit is the audit trail.
type Audit interface {
	// RecordAction stores an entry. Storing it again has no effect.
	RecordAction(ctx context.Context, e ledger.AuditEntry) error
	// Actions lists the entries that the filter selects, at most limit, newest first.
	Actions(ctx context.Context, f ledger.AuditFilter, limit int) ([]ledger.AuditEntry, error)
}

// Options configure a Gateway. Fields without a default are required.
type Options struct {
	Publisher Publisher
	Ledger    Ledger
	Audit     Audit
	Temporal  Temporal

	DeadLetters DeadLetters
	Handlings   DeadLetterHandlings
	// History calls fn for the stored events with one of the subjects since a time, oldest first,
	// until fn returns false, limit events or the last one that is stored now was read.
	History func(ctx context.Context, subjects []string, since time.Time, limit int, fn func(events.Message) bool) error

	// Subscribe returns once it is subscribed, and delivers the events published from then
	// on until ctx ends.
	Subscribe func(ctx context.Context, deliver func(events.Message)) error

	Tenants  []events.TenantID // configured tenants; a request may omit the only one
	Entities []string          // the entities that can be requested
	Webhooks Webhooks
	// RequestsPerSecond is the limit of ServiceTitan API calls by tenant.
	RequestsPerSecond map[events.TenantID]float64
	Tokens            []Token // clients of the API; none: everyone on this machine

	Ready   *probe.Readiness // check of /readyz; nil: always ready
	Metrics http.Handler     // handler of /metrics; nil: none
	Logger  zerolog.Logger
	Now     func() time.Time // default: time.Now
}

// Gateway serves webhooks, the REST API, live events and the dashboard page over HTTP. New returns
// it; Serve runs it.
type Gateway struct {
	Options
	handler   http.Handler
	page      page
	attention attentionCache
	trail     *auditTrail
	streams   chan struct{} // one slot per open event stream
	waiters   chan struct{} // one slot per client that waits for an outcome
	closing   chan struct{} // closed to end event streams and waits
}

const (
	maxBody    = 256 << 10
	maxHeader  = 64 << 10 // proxies that sign people in send large cookies
	maxStreams = 100

	publishTimeout = 5 * time.Second
	runIDTimeout   = 2 * time.Second
	// writeTimeout leaves room for publishing and for waiting on a run ID.
	writeTimeout    = 15 * time.Second
	shutdownTimeout = 10 * time.Second
	// idleTimeout exceeds those of common proxies (nginx and AWS 60 s, Go 90 s, Google Cloud 600 s), so
	// that the proxy ends an idle connection: one that the gateway ends may just carry a new webhook.
	idleTimeout = 620 * time.Second
)

// New returns a Gateway. The error joins those of all webhook keys that are too short.
func New(o Options) (*Gateway, error) {
	if o.Ready == nil {
		o.Ready = probe.New("gateway", o.Logger)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	o.Webhooks = o.Webhooks.withDefaults()
	if err := o.Webhooks.check(); err != nil {
		return nil, err
	}
	g := &Gateway{Options: o, streams: make(chan struct{}, maxStreams), waiters: make(chan struct{}, maxWaiters), closing: make(chan struct{})}
	g.page = newPage(o.Entities)
	g.trail = &auditTrail{store: o.Audit, log: o.Logger}
	g.handler = g.withLogging(g.withSecurityHeaders(g.withRecovery(g.router())))
	return g, nil
}

// Serve serves a listener until ctx ends, then waits for requests in progress. It can be
// called once.
func (g *Gateway) Serve(ctx context.Context, listener net.Listener) error {
	server := &http.Server{
		Handler:           g.handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          log.New(g.Logger, "", 0),
	}
	stored := make(chan struct{})
	defer func() { <-stored }()
	background, end := context.WithCancel(context.WithoutCancel(ctx)) // until the last request is served
	defer end()
	go func() { defer close(stored); g.trail.retry(background) }()
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	select {
	case err := <-served:
		return fmt.Errorf("serve HTTP on %s: %w", listener.Addr(), err)
	case <-ctx.Done():
	}
	close(g.closing)
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	if err := server.Shutdown(stop); err != nil {
		return errors.Join(fmt.Errorf("stop HTTP on %s: %w", listener.Addr(), err), server.Close())
	}
	return nil
}
