package e2e

import (
	"context"
	"io"
	"maps"
	"net/url"
	"os"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"

	"github.com/lazi/lazisync/dev/compare"
	"github.com/lazi/lazisync/dev/natsserver"
	"github.com/lazi/lazisync/dev/stack"
	"github.com/lazi/lazisync/dev/temporalserver"
	"github.com/lazi/lazisync/internal/app"
	"github.com/lazi/lazisync/internal/cli"
	"github.com/lazi/lazisync/internal/commands"
	"github.com/lazi/lazisync/internal/simulator"
	"github.com/lazi/lazisync/internal/store"
	"github.com/lazi/lazisync/internal/testing/pgserver/pgtest"
)

// fixture has everything around lazisync in one test: servers, simulators, connections and received
// events.
type fixture struct {
	stack    *stack.Stack // simulated ServiceTitan, fake Slack and the environment
	tenant   string
	others   []string // further tenants
	set      []string // variables that replace those of the environment
	nats     *natsServer
	store    *store.Store
	sql      *pgxpool.Pool
	temporal client.Client
	nc       *nats.Conn
	js       jetstream.JetStream
	journal  *journal
}

// options of a fixture. By default the simulated ServiceTitan has 300 records of each entity.
type options struct {
	simulator simulator.Options
	others    []simulator.Options // of further tenants, whose numbers and credentials newFixture sets
	webhooks  bool
	// Addresses of servers that the test started itself; "" for shared ones.
	databaseURL, temporalAddr string
	natsPassword              string // password of the user lazisync, if NATS requires one
}

// core are the entities of requests that name none.
var core = []string{"customers", "jobs", "invoices", "estimates"}

// tenants numbers the tenants, so that workflow IDs of different tests differ.
var tenants atomic.Int64

// newFixture starts everything except lazisync.
func newFixture(t *testing.T, o options) *fixture {
	t.Helper()
	number := 7000 + tenants.Add(1)
	w := &fixture{tenant: strconv.FormatInt(number, 10), nats: startNATS(t, o.natsPassword)}
	if o.databaseURL == "" {
		o.databaseURL = pgtest.Prepared(t, "migrated", migrate)
	}
	if o.temporalAddr == "" {
		o.temporalAddr = temporalAddr(t)
	}
	o.simulator.Tenant, o.simulator.RequestsPerSecond = number, -1
	if o.simulator.RecordsPerEntity == 0 {
		o.simulator.RecordsPerEntity = 300
	}
	for i := range o.others {
		number := 7000 + tenants.Add(1)
		id := strconv.FormatInt(number, 10)
		w.others = append(w.others, id)
		other := &o.others[i]
		other.Tenant, other.RequestsPerSecond = number, -1
		other.ClientID, other.ClientSecret, other.AppKey = "cid."+id, "cs."+id, "ak."+id
	}
	var err error
	w.stack, err = stack.Start(t.Context(), stack.Options{
		Dir: t.TempDir(), FreePorts: true, Simulator: o.simulator, OtherTenants: o.others, Webhooks: o.webhooks, Log: zerolog.Nop(),
		Environ: []string{
			"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), "USER=tester",
			"NATS_URL=" + w.nats.URL(), "DATABASE_URL=" + o.databaseURL, "TEMPORAL_ADDRESS=" + o.temporalAddr,
			"TEMPORAL_TASK_QUEUE=e2e-" + w.tenant,
			"SERVICETITAN_REQUESTS_PER_SECOND=60",
			"SYNC_SCHEDULE_FULL=off", "SYNC_SCHEDULE_INCREMENTAL=off", // only the syncs that the test requests
		},
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, w.stack.Stop()) })
	w.connect(t, o)

	cfg, err := app.Load(w.stack.Environ(), app.ServeRole)
	require.NoError(t, err)
	require.NoError(t, commands.Migrate(t.Context(), cfg, cli.MigrateOptions{}, zerolog.Nop(), io.Discard))
	w.journal = listen(t, w.nc)
	return w
}

// migrate prepares the database that each test gets a copy of.
func migrate(ctx context.Context, databaseURL string) error {
	s, err := store.Open(ctx, databaseURL, store.Options{})
	if err != nil {
		return err
	}
	defer s.Close()
	if _, err = s.Migrate(ctx); err == nil {
		_, err = s.MigrateViews(ctx, nil)
	}
	return err
}

// connect connects to everything as other systems do.
func (w *fixture) connect(t *testing.T, o options) {
	t.Helper()
	var err error
	w.store, err = store.Open(t.Context(), o.databaseURL, store.Options{})
	require.NoError(t, err)
	t.Cleanup(w.store.Close)
	w.sql, err = pgxpool.New(t.Context(), o.databaseURL)
	require.NoError(t, err)
	t.Cleanup(w.sql.Close)
	w.temporal, err = client.NewLazyClient(client.Options{
		HostPort: o.temporalAddr, Namespace: temporalserver.Namespace, Logger: sdklog.NewStructuredLogger(discard),
	})
	require.NoError(t, err)
	t.Cleanup(w.temporal.Close)
	w.nc, err = nats.Connect(w.nats.URL(), nats.MaxReconnects(-1), nats.ReconnectWait(tick))
	require.NoError(t, err)
	t.Cleanup(w.nc.Close)
	w.js, err = jetstream.New(w.nc)
	require.NoError(t, err)
}

// environ returns the environment for a lazisync process, with some other variables.
func (w *fixture) environ(set ...string) []string {
	return slices.Concat(w.stack.Environ(), []string{"ADMIN_ADDR=127.0.0.1:0"}, w.set, set)
}

// requireEqual requires that PostgreSQL has the records of the simulated ServiceTitan.
func (w *fixture) requireEqual(t *testing.T) {
	t.Helper()
	results, err := compare.Entities(t.Context(), w.stack.Variable("SERVICETITAN_API_URL"), w.store, w.tenant, core)
	require.NoError(t, err)
	for _, r := range results {
		require.NotZero(t, r.Records, r.Entity)
		require.True(t, r.Matched(), "%s: %d records, %d rows, %d equal: %v", r.Entity, r.Records, r.Rows, r.Equal, r.Differences)
	}
}

// equal reports whether PostgreSQL has the records of the simulated ServiceTitan.
func (w *fixture) equal(t *testing.T) bool {
	t.Helper()
	results, err := compare.Entities(t.Context(), w.stack.Variable("SERVICETITAN_API_URL"), w.store, w.tenant, core)
	require.NoError(t, err)
	return !slices.ContainsFunc(results, func(r compare.Result) bool { return !r.Matched() })
}

// value returns the single value of a query.
func value[T any](t *testing.T, w *fixture, query string, args ...any) T {
	t.Helper()
	var v T
	require.NoError(t, w.sql.QueryRow(t.Context(), query, args...).Scan(&v), query)
	return v
}

// natsServer is a NATS server that restarts with the same data and port.
type natsServer struct {
	*natsserver.Server
	options natsserver.Options
}

func startNATS(t *testing.T, password string) *natsServer {
	t.Helper()
	s := &natsServer{options: natsserver.Options{Dir: t.TempDir(), Log: zerolog.Nop()}}
	if password != "" {
		s.options.User, s.options.Password = "lazisync", password
	}
	s.start(t)
	address, err := url.Parse(s.URL())
	require.NoError(t, err)
	s.options.Port, err = strconv.Atoi(address.Port())
	require.NoError(t, err)
	t.Cleanup(func() { s.Stop() })
	return s
}

func (s *natsServer) start(t *testing.T) {
	t.Helper()
	var err error
	s.Server, err = natsserver.Start(t.Context(), s.options)
	require.NoError(t, err)
}

// page is a request for a page of an export feed of the simulated ServiceTitan.
type page struct {
	at    time.Time
	query string // with the continuation token
}

// pages returns the requested pages, by entity.
func (w *fixture) pages() map[string][]page {
	requested := map[string][]page{}
	for _, call := range w.stack.Simulator.Stats().Requests {
		if call.On == "export" {
			requested[call.Entity] = append(requested[call.Entity], page{call.At, call.Query})
		}
	}
	return requested
}

// counts returns the number of requested pages, by entity.
func counts(pages map[string][]page) map[string]int {
	n := map[string]int{}
	for name, list := range pages {
		n[name] = len(list)
	}
	return n
}

// repeatedPages returns how many pages of an entity were requested again. The continuation token
// identifies a page.
func repeatedPages(pages []page) int {
	seen := map[string]bool{}
	for _, p := range pages {
		seen[p.query] = true
	}
	return len(pages) - len(seen)
}

// total returns the number of requested pages.
func (w *fixture) total() int {
	n := 0
	for count := range maps.Values(counts(w.pages())) {
		n += count
	}
	return n
}

// awaitPages waits for a number of requested pages. From then on pages are slow, for what the test
// does during the run.
func (w *fixture) awaitPages(t *testing.T, n int) {
	t.Helper()
	require.Eventually(t, func() bool { return w.total() >= n }, waitLimit, tick, "waiting for page %d", n)
	w.stack.Simulator.SetPace(slowPage)
}
