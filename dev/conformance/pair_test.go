package conformance

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
	sdklog "go.temporal.io/sdk/log"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"

	"github.com/lazi/lazisync/activities"
	"github.com/lazi/lazisync/dev/compare"
	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/internal/ratelimit"
	"github.com/lazi/lazisync/internal/servicetitan"
	"github.com/lazi/lazisync/internal/simulator"
	"github.com/lazi/lazisync/internal/store"
	"github.com/lazi/lazisync/internal/testing/pgserver/pgtest"
	"github.com/lazi/lazisync/internal/testing/testserver"
)

// database is a migrated database. Each pipeline in it uses its own tenant.
type database struct {
	store   *store.Store
	pool    *pgxpool.Pool
	address string
	tenants atomic.Int64
}

func newDatabase(t testing.TB, entities ...entity.Entity) *database {
	t.Helper()
	return newDatabaseWithOverlap(t, store.DefaultOverlap, entities...)
}

// newDatabaseWithOverlap sets how far before its watermark an incremental sync begins.
func newDatabaseWithOverlap(t testing.TB, overlap time.Duration, entities ...entity.Entity) *database {
	t.Helper()
	address := pgtest.Database(t)
	d := &database{address: address}
	var err error
	d.store, err = store.Open(t.Context(), address, store.Options{MaxConns: 6, Overlap: overlap, Entities: entities, Logger: zerolog.Nop()})
	require.NoError(t, err)
	t.Cleanup(d.store.Close)
	_, err = d.store.Migrate(t.Context())
	require.NoError(t, err)
	d.pool, err = pgxpool.New(t.Context(), address)
	require.NoError(t, err)
	t.Cleanup(d.pool.Close)
	return d
}

// clock is ServiceTitan's clock. Each read advances it a little.
type clock struct{ nanoseconds atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.nanoseconds.Store(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC).UnixNano())
	return c
}

func (c *clock) Now() time.Time {
	return time.Unix(0, c.nanoseconds.Add(int64(time.Microsecond))).UTC()
}
func (c *clock) Advance(by time.Duration) { c.nanoseconds.Add(int64(by)) }

// source is the client with callbacks around its pages.
type source struct {
	*servicetitan.Client
	replaced atomic.Pointer[servicetitan.Client] // reads pages in place of Client, nil for none
	pageSize int                                 // of lists, below their maximum; 0 leaves it unchanged
	before   func()
	after    func(e entity.Entity, page entity.Page)
	lookedUp func(page entity.Page) // after a lookup
}

func (s *source) Page(ctx context.Context, tenant events.TenantID, e entity.Entity, at entity.Cursor, interactive bool) (entity.Page, error) {
	if s.before != nil {
		runAndWait(s.before)
	}
	if s.pageSize > 0 {
		e.PageSize = s.pageSize
	}
	page, err := s.reader().Page(ctx, tenant, e, at, interactive)
	if s.after != nil {
		runAndWait(func() { s.after(e, page) })
	}
	return page, err
}

func (s *source) Lookup(ctx context.Context, tenant events.TenantID, e entity.Entity, ids []string, interactive bool) (entity.Page, error) {
	page, err := s.reader().Lookup(ctx, tenant, e, ids, interactive)
	if s.lookedUp != nil && err == nil {
		runAndWait(func() { s.lookedUp(page) })
	}
	return page, err
}

// reader returns the client that reads pages.
func (s *source) reader() *servicetitan.Client { return cmp.Or(s.replaced.Load(), s.Client) }

// runAndWait calls f in another goroutine and waits for it. A failed requirement in f then fails
// the test and does not leave the request without a response, for which the slice would wait.
func runAndWait(do func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		do()
	}()
	<-done
}

// discard drops events: no consumer receives them.
type discard struct{}

func (discard) Publish(context.Context, events.Event) error { return nil }

// pipeline is a simulated ServiceTitan with the client, the slices and the store that copy it.
type pipeline struct {
	testing.TB
	*simulator.Simulator
	*database
	url      string // of the simulator
	tenant   string
	clock    *clock
	source   *source
	slices   *activities.Slices
	requests int
	order    sync.Mutex // guards requests: each gets its own run

	// answer, if set, responds to the client in place of the API.
	answer func(api http.Handler, w http.ResponseWriter, r *http.Request)
}

// records is the initial number of records of each entity, and page the number of records in a
// page.
const (
	records = 120
	page    = 50
)

// data is the seed of the simulated records unless a test sets its own. No result may depend on it:
//
//	go test ./conformance -data 17
var data = flag.Int64("data", 1, "seed of the simulated records of tests that have none of their own")

func newPipeline(t testing.TB, db *database, o simulator.Options, entities ...string) *pipeline {
	t.Helper()
	number := db.tenants.Add(1)
	p := &pipeline{TB: t, database: db, tenant: strconv.FormatInt(number, 10), clock: newClock()}
	o.Seed, o.Tenant, o.Now = cmp.Or(o.Seed, *data), number, p.clock.Now
	o.RecordsPerEntity, o.ExportPageSize, o.RequestsPerSecond = records, page, -1
	o.Records = map[string]int{}
	for _, name := range entities {
		o.Records[name] = records
	}
	p.Simulator = simulator.New(o)
	api := p.Handler()
	p.url = testserver.Start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p.answer != nil {
			p.answer(api, w, r)
			return
		}
		api.ServeHTTP(w, r)
	}))
	p.source = &source{pageSize: page, Client: p.newClient(nil)}
	p.slices = &activities.Slices{Source: p.source, Store: p.store, Publisher: discard{}, Logger: zerolog.Nop(), Length: time.Minute}
	return p
}

// newClient returns a client with a field policy, nil for none.
func (p *pipeline) newClient(fields *servicetitan.FieldPolicy) *servicetitan.Client {
	return servicetitan.New(servicetitan.Options{
		APIURL: p.url, AuthURL: p.url, RateLimiter: unlimited{}, Now: p.clock.Now, Fields: fields,
		Tenants: map[events.TenantID]servicetitan.Credentials{events.TenantID(p.tenant): {
			ClientID: simulator.DefaultClientID, ClientSecret: simulator.DefaultClientSecret, AppKey: simulator.DefaultAppKey,
		}},
	})
}

// unlimited grants every call at once: its waits would use another clock than the pipeline.
type unlimited struct{}

func (unlimited) Lease(_ context.Context, w ratelimit.LeaseRequest) (ratelimit.LeaseGrant, error) {
	return ratelimit.LeaseGrant{Calls: w.Calls}, nil
}

func (unlimited) Throttle(context.Context, events.TenantID, float64, time.Duration) error { return nil }

// begin begins a run for a new request.
func (p *pipeline) begin(mode events.Mode, allowDeletes bool, names ...string) ledger.Run {
	p.Helper()
	return p.beginFor(ledger.Request{Mode: mode, AllowDeletes: allowDeletes, Entities: names})
}

// beginFor begins a run for new requests of one mode, which need only say what they read.
func (p *pipeline) beginFor(requests ...ledger.Request) ledger.Run {
	p.Helper()
	p.order.Lock()
	defer p.order.Unlock()
	begin := ledger.BeginInput{TenantID: events.TenantID(p.tenant), Mode: requests[0].Mode, FirstRunID: "conformance", Pass: 1, Refreshes: true}
	for i := range requests {
		q := &requests[i]
		p.requests++
		q.EventID = fmt.Sprint(p.requests)
		q.Source, q.Digest, q.TenantID = "/conformance/"+p.tenant, q.EventID, begin.TenantID
		q.ID = events.RequestID(q.Source, q.EventID)
		// Each run has its own workflow, so that incremental runs may overlap: a new pass fails the runs
		// that the same workflow left open.
		q.WorkflowID = cmp.Or(begin.WorkflowID, "incremental-sync-"+p.tenant+"-"+q.EventID)
		if q.Mode != events.Incremental {
			q.WorkflowID = string(q.Mode) + "-sync-" + q.ID
			begin.RequestID = q.ID
		}
		begin.WorkflowID = q.WorkflowID
	}
	_, err := p.store.Receive(p.Context(), requests)
	require.NoError(p, err)
	run, found, err := p.store.BeginRun(p.Context(), begin)
	require.NoError(p, err)
	require.True(p, found)
	return run
}

// slice continues an entity of a run, as a worker does.
func (p *pipeline) slice(ctx context.Context, run ledger.Run, name string) (activities.SliceResult, error) {
	p.Helper()
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(sdklog.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	env := suite.NewTestActivityEnvironment()
	env.SetTestTimeout(time.Minute)
	env.SetWorkerOptions(worker.Options{BackgroundActivityContext: ctx})
	slice := p.slices.SyncSlice
	if run.Refresh {
		slice = p.slices.RefreshSlice
	}
	env.RegisterActivity(slice)
	in := activities.SliceInput{RunNumber: run.Number, TenantID: events.TenantID(p.tenant), Mode: run.Mode, Entity: name, Execution: run.Ref().Execution}
	value, err := env.ExecuteActivity(slice, in)
	if err != nil {
		return activities.SliceResult{}, err
	}
	var result activities.SliceResult
	require.NoError(p, value.Get(&result))
	return result, nil
}

// finish reads an entity of a run to its end. It fails the test if a slice fails.
func (p *pipeline) finish(run ledger.Run, name string) {
	p.Helper()
	for {
		result, err := p.slice(p.Context(), run, name)
		require.NoError(p, err)
		if result.Status != "" {
			return
		}
	}
}

func (p *pipeline) finalize(run ledger.Run) ledger.Run {
	p.Helper()
	finalized, err := p.store.Finalize(p.Context(), run.Ref(), ledger.Finalization{State: ledger.Completed})
	require.NoError(p, err)
	return finalized
}

// sync syncs an entity, a few minutes after the previous action.
func (p *pipeline) sync(mode events.Mode, name string) events.Result {
	p.Helper()
	p.clock.Advance(20 * time.Minute)
	run := p.begin(mode, false, name)
	p.finish(run, name)
	return p.finalize(run).Results[0]
}

// requireSync syncs an entity and requires that it completes.
func (p *pipeline) requireSync(mode events.Mode, name string) events.Result {
	p.Helper()
	result := p.sync(mode, name)
	require.Nil(p, result.Error)
	require.Equal(p, events.StatusCompleted, result.Status)
	return result
}

func (p *pipeline) compare(name string) compare.Result {
	p.Helper()
	results, err := compare.Entities(p.Context(), p.url, p.store, p.tenant, []string{name})
	require.NoError(p, err)
	return results[0]
}

// requireEqual requires that every row equals its record.
func (p *pipeline) requireEqual(name string) {
	p.Helper()
	r := p.compare(name)
	require.True(p, r.Matched(), "%s: %d records, %d rows, %d equal, %d gone: %v", name, r.Records, r.Rows, r.Equal, r.Gone, r.Differences)
	require.NotZero(p, r.Equal)
}

// queries returns the queries of the calls for an entity so far, oldest first.
func (p *pipeline) queries(name, on string) (queries []url.Values) {
	p.Helper()
	for _, call := range p.Stats().Requests {
		if call.Entity == name && call.On == on {
			query, err := url.ParseQuery(call.Query)
			require.NoError(p, err)
			queries = append(queries, query)
		}
	}
	return queries
}

// addFault lets a call fail.
func (p *pipeline) addFault(f simulator.Fault) {
	p.Helper()
	require.NoError(p, p.AddFault(f))
}

// value returns the single value of a query.
func value[T any](p *pipeline, query string, args ...any) (v T) {
	p.Helper()
	require.NoError(p, p.pool.QueryRow(p.Context(), query, args...).Scan(&v), query)
	return v
}
