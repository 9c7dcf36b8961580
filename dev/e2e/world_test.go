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

// world is everything around lazisync in one test.
type world struct {
	stack    *stack.Stack // the simulated ServiceTitan, the fake Slack and the environment
	tenant   string
	others   []string // further tenants
	set      []string // variables that are set otherwise
	nats     *natsServer
	store    *store.Store
	sql      *pgxpool.Pool
	temporal client.Client
	nc       *nats.Conn
	js       jetstream.JetStream
	heard    *journal
}

// options of a world. The zero value is a small company.
type options struct {
	simulator simulator.Options
	others    []simulator.Options // of further tenants, which get their numbers and credentials here
	webhooks  bool
	// The addresses of servers that the test started for itself.
	databaseURL, temporalAddr string
	natsPassword              string // of user lazisync, if NATS is to ask for one
}

// core are the entities that are synced where a request names none.
var core = []string{"customers", "jobs", "invoices", "estimates"}

// tenants numbers the tenants, so that workflows of different tests do not meet.
var tenants atomic.Int64

// newWorld starts everything but lazisync.
func newWorld(t *testing.T, o options) *world {
	t.Helper()
	number := 7000 + tenants.Add(1)
	w := &world{tenant: strconv.FormatInt(number, 10), nats: startNATS(t, o.natsPassword)}
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
			"SYNC_SCHEDULE_FULL=off", "SYNC_SCHEDULE_INCREMENTAL=off", // nothing but what the test asks for
		},
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, w.stack.Stop()) })
	w.connect(t, o)

	cfg, err := app.Load(w.stack.Environ(), app.ServeRole)
	require.NoError(t, err)
	require.NoError(t, commands.Migrate(t.Context(), cfg, cli.MigrateOptions{}, zerolog.Nop(), io.Discard))
	w.heard = listen(t, w.nc)
	return w
}

// migrate fills the database that every test begins with a copy of.
func migrate(ctx context.Context, databaseURL string) error {
	s, err := store.Open(ctx, databaseURL, store.Options{})
	if err != nil {
		return err
	}
	defer s.Close()
	_, err = s.Migrate(ctx)
	return err
}

// connect connects to everything as other systems do.
func (w *world) connect(t *testing.T, o options) {
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

// environ is the environment for a lazisync process, with some variables set otherwise.
func (w *world) environ(set ...string) []string {
	return slices.Concat(w.stack.Environ(), []string{"ADMIN_ADDR=127.0.0.1:0"}, w.set, set)
}

// requireEqual proves that PostgreSQL holds what the simulated ServiceTitan has.
func (w *world) requireEqual(t *testing.T) {
	t.Helper()
	results, err := compare.Entities(t.Context(), w.stack.Variable("SERVICETITAN_API_URL"), w.store, w.tenant, core)
	require.NoError(t, err)
	for _, r := range results {
		require.NotZero(t, r.Records, r.Entity)
		require.True(t, r.Matched(), "%s: %d records, %d rows, %d equal: %v", r.Entity, r.Records, r.Rows, r.Equal, r.Differences)
	}
}

// equal says whether PostgreSQL holds what the simulated ServiceTitan has.
func (w *world) equal(t *testing.T) bool {
	t.Helper()
	results, err := compare.Entities(t.Context(), w.stack.Variable("SERVICETITAN_API_URL"), w.store, w.tenant, core)
	require.NoError(t, err)
	return !slices.ContainsFunc(results, func(r compare.Result) bool { return !r.Matched() })
}

// value is the single value a query answers with.
func value[T any](t *testing.T, w *world, query string, args ...any) T {
	t.Helper()
	var v T
	require.NoError(t, w.sql.QueryRow(t.Context(), query, args...).Scan(&v), query)
	return v
}

// natsServer is a NATS server that can be started again where it was.
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

// page is one page of an export feed that the simulated ServiceTitan was asked for.
type page struct {
	at    time.Time
	query string // the feed's token, above all
}

// pages lists the pages asked for, by entity.
func (w *world) pages() map[string][]page {
	asked := map[string][]page{}
	for _, call := range w.stack.Simulator.Stats().Requests {
		if call.On == "export" {
			asked[call.Entity] = append(asked[call.Entity], page{call.At, call.Query})
		}
	}
	return asked
}

// counts says how many pages of each entity were asked for.
func counts(pages map[string][]page) map[string]int {
	n := map[string]int{}
	for name, list := range pages {
		n[name] = len(list)
	}
	return n
}

// twice counts how many pages of an entity were asked for again. A page is known by
// the token it begins at, which the page before handed out.
func twice(pages []page) int {
	seen := map[string]bool{}
	for _, p := range pages {
		seen[p.query] = true
	}
	return len(pages) - len(seen)
}

// total is how many pages were asked for so far.
func (w *world) total() int {
	n := 0
	for count := range maps.Values(counts(w.pages())) {
		n += count
	}
	return n
}

// awaitPages waits until so many pages were asked for.
func (w *world) awaitPages(t *testing.T, n int) {
	t.Helper()
	require.Eventually(t, func() bool { return w.total() >= n }, patience, tick, "waiting for page %d", n)
}
