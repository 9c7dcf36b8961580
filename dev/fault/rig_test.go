package fault

import (
	"cmp"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
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

	"github.com/lazi/lazisync/dev/process"
	"github.com/lazi/lazisync/dev/stack"
	"github.com/lazi/lazisync/dev/temporalserver"
	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/app"
	"github.com/lazi/lazisync/internal/cli"
	"github.com/lazi/lazisync/internal/commands"
	"github.com/lazi/lazisync/internal/failpoint"
	"github.com/lazi/lazisync/internal/simulator"
	"github.com/lazi/lazisync/internal/store"
	"github.com/lazi/lazisync/internal/testing/pgserver/pgtest"
)

// rig has everything around lazisync's processes in one test.
type rig struct {
	stack         *stack.Stack // the simulated ServiceTitan, the fake Slack and the environment
	tenant        string
	database      *ownDatabase // nil where the test uses the shared one
	ownerURL      string       // the database as the user of migrate
	separateOwner bool         // the roles use another user
	nats          *server      // nil where the test uses a cluster
	cluster       *natsCluster // nil where the test uses one server
	temporal      *server

	// The rig's own eyes and hands.
	store  *store.Store
	sql    *pgxpool.Pool
	client client.Client
	nc     *nats.Conn
	js     jetstream.JetStream

	mu        sync.Mutex
	roles     []*role
	issued    []*publishedCommand // every command that was published
	archived  history             // of streams that were wiped or set back
	changing  bool                // records changed after the first sync
	restored  bool                // PostgreSQL was restored or created again: events may be of runs that it has forgotten
	natsUsers func() string
	compared  []string           // entities whose rows must equal ServiceTitan's
	refusals  int                // calls that the test makes ServiceTitan reject with 429
	mayFail   []events.ErrorType // errors that the test expects of runs
	waitLimit time.Duration
}

// options of a rig. The zero value is a small company and the shared servers.
type options struct {
	simulator          simulator.Options
	ownDatabase        bool
	databaseDir        string       // where it keeps its data, a temporary folder unless set
	database           *ownDatabase // that the test has started, in place of ownDatabase
	ownerURL           string       // the database as its owner, if that is not the superuser
	ownTemporal        bool
	temporalDir        string        // where a Temporal of its own keeps its data, a temporary folder unless set
	temporalPostgres   string        // PostgreSQL server of a Temporal of its own; "" for SQLite
	continueAsNewAfter int           // events of history, with a Temporal of its own
	natsCluster        bool          // three servers and three replicas
	natsDirs           []string      // where each server of the cluster keeps its streams, temporary folders unless set
	natsDir            string        // where NATS keeps its streams, a temporary folder unless set
	durable            bool          // NATS, and a Temporal of its own, flush each write to the disk, as in production
	natsUsers          func() string // users in NATS configuration syntax, called at each start and reload; nil: no users
	natsCreds          string        // file with the credentials of the rig itself
	ackWait            time.Duration // how long JetStream waits for an acknowledgement, 3 s unless set
	environ            []string      // further variables of lazisync
	program            string        // build of lazisync that migrates an empty database; "" for this version

	// reach returns the URL by which lazisync reaches the database, whose own URL it is
	// given; nil is that one. The rig itself reaches the database directly.
	reach func(t *testing.T, databaseURL string) string
}

// core are the entities of requests that name none.
var core = []string{"customers", "jobs", "invoices", "estimates"}

// tenants numbers the tenants, so that workflows of different tests have different IDs.
var tenants atomic.Int64

// newRig starts everything but lazisync.
func newRig(t *testing.T, o options) *rig {
	t.Helper()
	number := 8000 + tenants.Add(1)
	r := &rig{tenant: strconv.FormatInt(number, 10), waitLimit: waitLimit, compared: core}
	r.startNATS(t, &o)
	databaseURL := r.startDatabase(t, o)
	r.ownerURL, r.separateOwner = databaseURL, o.ownerURL != ""
	reachedURL := databaseURL
	if o.reach != nil {
		reachedURL = o.reach(t, databaseURL)
	}
	r.startTemporal(t, o)
	if o.simulator.RecordsPerEntity == 0 {
		o.simulator.RecordsPerEntity = 300
	}
	o.simulator.Tenant = number
	var err error
	r.stack, err = stack.Start(t.Context(), stack.Options{
		Dir: t.TempDir(), FreePorts: true, Simulator: o.simulator, Log: zerolog.Nop(),
		Environ: slices.Concat([]string{
			"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), "USER=tester",
			"NATS_URL=" + r.natsURL(), "DATABASE_URL=" + reachedURL, "TEMPORAL_ADDRESS=" + r.temporal.addr(),
			"TEMPORAL_TASK_QUEUE=fault-" + r.tenant, "SYNC_SCHEDULE_FULL=off", "SYNC_SCHEDULE_INCREMENTAL=off", "SYNC_WEBHOOK_SECOND_PASS=2s", "SLACK_FOLD_WINDOW=off",
			"SERVICETITAN_WEBHOOK_SECRET=" + webhookSecret, "LOG_LEVEL=debug",
		}, o.environ),
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, r.stack.Stop()) })
	t.Cleanup(r.endRoles)
	r.connect(t, databaseURL, o.natsCreds)
	if o.natsCluster {
		r.awaitPlacement(t)
	}
	if o.program != "" {
		t.Log(r.runProgram(t, o.program, nil, "migrate"))
		require.NoError(t, watch(t.Context(), r.sql))
	} else {
		r.migrate(t)
	}
	r.shortenAckWait(t, o.ackWait)
	return r
}

// webhookSecret is the key of webhooks.
const webhookSecret = "the-secret-that-signs-the-webhooks-of-the-fault-tests"

// run starts a server that ends with the test.
func (s *server) run(t *testing.T) {
	t.Helper()
	require.NoError(t, s.start())
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("log of %s:\n%s", s.options.Kind, s.Log.Tail(15))
		}
		s.Kill()
	})
}

// startNATS starts one server or a cluster.
func (r *rig) startNATS(t *testing.T, o *options) {
	t.Helper()
	if o.natsCluster {
		r.cluster = startNATSCluster(t, o.natsDirs, o.durable)
		o.environ = append(slices.Clone(o.environ), "NATS_REPLICAS=3")
		return
	}
	if o.natsDir == "" {
		o.natsDir = t.TempDir()
	}
	r.nats = newServer(t, serverOptions{Kind: natsKind, Data: o.natsDir, Durable: o.durable})
	r.configureNATS(t, o.natsUsers)
	r.nats.run(t)
}

func (r *rig) natsURL() string {
	if r.cluster != nil {
		return r.cluster.url()
	}
	return "nats://" + r.nats.addr()
}

func (r *rig) startDatabase(t *testing.T, o options) (url string) {
	t.Helper()
	switch {
	case o.database != nil:
		r.database = o.database
	case o.ownDatabase:
		r.database = startDatabase(t, o.databaseDir)
	case o.program != "":
		return pgtest.Database(t)
	default:
		return pgtest.Prepared(t, "fault", prepare)
	}
	url = cmp.Or(o.ownerURL, r.database.URL(""))
	require.NoError(t, prepare(t.Context(), url))
	return url
}

func (r *rig) startTemporal(t *testing.T, o options) {
	t.Helper()
	if !o.ownTemporal {
		r.temporal = sharedTemporal(t)
		return
	}
	r.temporal = newServer(t, serverOptions{
		Kind: temporalKind, Data: filepath.Join(cmp.Or(o.temporalDir, t.TempDir()), "temporal.db"), PostgresURL: o.temporalPostgres,
		ContinueAsNewAfter: o.continueAsNewAfter, Durable: o.durable,
	})
	r.temporal.run(t)
}

// connect connects to everything as other systems do.
func (r *rig) connect(t *testing.T, databaseURL, natsCreds string) {
	t.Helper()
	r.connectDatabase(t, databaseURL)
	var err error
	r.client, err = client.NewLazyClient(client.Options{
		HostPort: r.temporal.addr(), Namespace: temporalserver.Namespace, Logger: sdklog.NewStructuredLogger(discard),
	})
	require.NoError(t, err)
	t.Cleanup(r.client.Close)
	how := []nats.Option{nats.MaxReconnects(-1), nats.ReconnectWait(tick), nats.ReconnectBufSize(-1), nats.PingInterval(2 * time.Second)}
	if natsCreds != "" {
		how = append(how, nats.UserCredentials(natsCreds))
	}
	r.nc, err = nats.Connect(r.natsURL(), how...)
	require.NoError(t, err)
	t.Cleanup(r.nc.Close)
	r.js, err = jetstream.New(r.nc)
	require.NoError(t, err)
	r.listen(t)
}

// connectDatabase connects the rig to the database at a URL.
func (r *rig) connectDatabase(t *testing.T, databaseURL string) {
	t.Helper()
	var err error
	r.store, err = store.Open(t.Context(), databaseURL, store.Options{Application: "oracle"})
	require.NoError(t, err)
	t.Cleanup(r.store.Close)
	r.sql, err = pgxpool.New(t.Context(), databaseURL)
	require.NoError(t, err)
	t.Cleanup(r.sql.Close)
}

var discard = slog.New(slog.DiscardHandler)

// migrate declares the streams, as an operator does.
func (r *rig) migrate(t *testing.T) {
	t.Helper()
	cfg, err := app.Load(r.asOwner(), app.ServeRole)
	require.NoError(t, err)
	require.NoError(t, commands.Migrate(t.Context(), cfg, cli.MigrateOptions{}, zerolog.Nop(), io.Discard))
}

// asOwner returns the environment of migrate. It reaches the database as lazisync does.
func (r *rig) asOwner() []string {
	environ := r.stack.Environ()
	if !r.separateOwner {
		return environ
	}
	return append(slices.DeleteFunc(environ, func(entry string) bool { return strings.HasPrefix(entry, "DATABASE_URL=") }), "DATABASE_URL="+r.ownerURL)
}

// shortenAckWait makes JetStream redeliver unacknowledged messages sooner.
func (r *rig) shortenAckWait(t *testing.T, wait time.Duration) {
	t.Helper()
	if wait == 0 {
		wait = 3 * time.Second
	}
	for stream, names := range consumers {
		for _, name := range names {
			consumer, err := r.js.Consumer(t.Context(), stream, name)
			require.NoError(t, err)
			config := consumer.CachedInfo().Config
			config.AckWait = wait
			_, err = r.js.UpdateConsumer(t.Context(), stream, config)
			require.NoError(t, err)
		}
	}
}

// consumers are lazisync's consumers, by stream.
var consumers = map[string][]string{
	"SYNC_COMMANDS": {"bridge-requests", "bridge-control"},
	"SYNC_EVENTS":   {"notifier"},
}

// role is a lazisync process.
type role struct {
	*process.Process
	name    string
	gateway string // URL, "" where it has none
	admin   string // URL
	before  usage  // when it was ready
}

// allRoles are the four roles, each for itself.
var allRoles = []string{"bridge", "worker", "notifier", "gateway"}

// startAll starts roles and returns when they are ready.
func (r *rig) startAll(t *testing.T, names ...string) {
	t.Helper()
	for _, name := range names {
		r.start(t, name)
	}
}

// start runs a role and returns when it is ready.
func (r *rig) start(t *testing.T, name string, set ...string) *role {
	t.Helper()
	return r.startProgram(t, program(t), name, set...)
}

// startProgram runs a role of some build of lazisync.
func (r *rig) startProgram(t *testing.T, program, name string, set ...string) *role {
	t.Helper()
	one := r.launchProgram(t, program, name, set...)
	require.Eventually(t, func() bool { return one.HasEnded() || process.Answers(t.Context(), one.admin+"/readyz") }, waitLimit, tick, "lazisync %s is not ready", name)
	require.False(t, one.HasEnded(), "lazisync %s ended: %s", name, one.Log.Tail(20))
	one.before = one.usage(t)
	return one
}

// launch runs a role and returns when it listens.
func (r *rig) launch(t *testing.T, name string, set ...string) *role {
	t.Helper()
	return r.launchProgram(t, program(t), name, set...)
}

func (r *rig) launchProgram(t *testing.T, program, name string, set ...string) *role {
	t.Helper()
	one, err := r.spawn(program, name, set...)
	require.NoError(t, err)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("log of lazisync %s:\n%s", name, one.Log.Tail(40))
		}
	})
	return one
}

// spawn runs a role and returns when it listens. It is ended with the rig.
func (r *rig) spawn(program, name string, set ...string) (*role, error) {
	return r.spawnCommand(exec.Command(program, name), name, set...)
}

func (r *rig) spawnCommand(cmd *exec.Cmd, name string, set ...string) (*role, error) {
	cmd.Env = slices.Concat(r.stack.Environ(), []string{"ADMIN_ADDR=127.0.0.1:0"}, set)
	p, err := process.Start(cmd)
	if err != nil {
		return nil, err
	}
	one := &role{Process: p, name: name}
	r.mu.Lock()
	r.roles = append(r.roles, one)
	r.mu.Unlock()
	at, err := p.AwaitListening(waitLimit)
	if err != nil {
		return nil, err
	}
	one.admin, one.gateway = at.Admin, at.Gateway
	return one, nil
}

// endRoles kills every role that is left.
func (r *rig) endRoles() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, one := range r.roles {
		one.Kill() // also one that is frozen
	}
}

// awaitReady waits until a role reports that it is ready. The report is up to two
// seconds old.
func (one *role) awaitReady(t *testing.T) {
	t.Helper()
	require.Eventually(t, func() bool { return process.Answers(t.Context(), one.admin+"/readyz") }, waitLimit, tick, "it is not ready")
}

// awaitNotReady waits until a role reports that it is not ready.
func (one *role) awaitNotReady(t *testing.T) {
	t.Helper()
	require.Eventually(t, func() bool { return !process.Answers(t.Context(), one.admin+"/readyz") }, waitLimit, tick, "it is ready")
}

// failing runs a role that is killed, or freezes, at a failpoint.
func (r *rig) failing(t *testing.T, name, at string) *role {
	t.Helper()
	return r.start(t, name, failpoint.Variable+"="+at)
}

// awaitKilled waits until the role is killed at its failpoint.
func (one *role) awaitKilled(t *testing.T) {
	t.Helper()
	select {
	case <-one.Ended():
	case <-time.After(waitLimit):
		require.Fail(t, "the failpoint was not met", "%s: %s", one.name, one.Log.Tail(20))
	}
	require.True(t, one.Killed(), "%s ended otherwise: %s", one.name, one.Log.Tail(20))
}

// awaitFrozen waits until the role froze at its failpoint.
func (one *role) awaitFrozen(t *testing.T) {
	t.Helper()
	require.Eventually(t, func() bool { return strings.Contains(one.Log.String(), "failpoint ") }, waitLimit, tick, "the failpoint was not met")
}

// awaitLog waits until the role has logged a text.
func (one *role) awaitLog(t *testing.T, text string) {
	t.Helper()
	require.Eventually(t, func() bool { return strings.Contains(one.Log.String(), text) }, waitLimit, tick, "%s does not say %q", one.name, text)
}

// pages returns the number of pages requested from ServiceTitan.
func (r *rig) pages() (n int) {
	for _, e := range r.stack.Simulator.Stats().Entities {
		n += e.ExportCalls + e.ListCalls
	}
	return n
}

// awaitPages waits for a number of further page requests.
func (r *rig) awaitPages(t *testing.T, n int) {
	t.Helper()
	n += r.pages()
	require.Eventually(t, func() bool { return r.pages() >= n }, waitLimit, tick, "waiting for page %d", n)
}
