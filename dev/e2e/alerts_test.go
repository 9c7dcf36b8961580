package e2e

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"github.com/lazi/lazisync/dev/fakeslack"
	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/simulator"
)

// alertFault is a fault, and the alerts that must fire in it and stop after it.
type alertFault struct {
	name   string
	alerts []string
	once   bool // the metrics change once, otherwise again every minute as long as the fault lasts
	begin  func(t *testing.T, w *fixture, p *process) (end func())
}

var alertFaults = []alertFault{
	{"an entity fails", []string{"LazisyncRunsFailing", "LazisyncRunBudget"}, false, func(t *testing.T, w *fixture, _ *process) func() {
		require.NoError(t, w.stack.Simulator.AddFault(simulator.Fault{Kind: "403", Entity: "jobs", Count: -1}))
		w.outcome(t, "sync.failed", w.request(t, `{"mode":"incremental","entities":["jobs"]}`))
		return w.stack.Simulator.ClearFaults
	}},
	{"ServiceTitan fails", []string{"LazisyncServiceTitanUnavailable"}, false, func(t *testing.T, w *fixture, _ *process) func() {
		require.NoError(t, w.stack.Simulator.AddFault(simulator.Fault{Kind: "500", Count: -1}))
		request := w.request(t, `{"mode":"incremental"}`)
		return func() { w.stack.Simulator.ClearFaults(); w.completed(t, request) }
	}},
	{"ServiceTitan throttles", []string{"LazisyncThrottled"}, false, func(t *testing.T, w *fixture, _ *process) func() {
		require.NoError(t, w.stack.Simulator.AddFault(simulator.Fault{Kind: "429", WaitSeconds: 10, RetryAfter: true, Count: -1}))
		request := w.request(t, `{"mode":"incremental"}`)
		return func() { w.stack.Simulator.ClearFaults(); w.completed(t, request) }
	}},
	{"records are rejected", []string{"LazisyncRecordsRejected"}, true, func(t *testing.T, w *fixture, _ *process) func() {
		require.NoError(t, w.stack.Simulator.AddFault(simulator.Fault{Kind: "badRecord", Entity: "jobs", On: "export"}))
		w.completed(t, w.request(t, `{"mode":"full","entities":["jobs"]}`))
		return func() {}
	}},
	{"a run is paused", []string{"LazisyncRunPaused"}, false, func(t *testing.T, w *fixture, _ *process) func() {
		w.stack.Simulator.SetPace(pageTime)
		request := w.request(t, `{"mode":"full"}`)
		w.awaitPages(t, w.total()+4)
		w.control(t, `{"action":"pause","requestId":"`+request+`"}`)
		await(t, w, "sync.paused", func(d events.ControlledData) bool { return names(d.RunData, request) })
		return func() {
			w.stack.Simulator.SetPace(0)
			w.control(t, `{"action":"resume","requestId":"`+request+`"}`)
			w.completed(t, request)
		}
	}},
	{"nothing is read", []string{"LazisyncDataStale", "LazisyncFreshnessBudget"}, false, func(t *testing.T, w *fixture, _ *process) func() {
		_, err := w.sql.Exec(t.Context(), `update raw.sync_state set read_as_of = read_as_of - interval '2 hours', resume_since = resume_since - interval '2 hours'`)
		require.NoError(t, err)
		return func() { w.completed(t, w.request(t, `{"mode":"incremental"}`)) }
	}},
	{"a command is malformed", []string{"LazisyncCommandsRejected", "LazisyncDeadLetters"}, true, func(t *testing.T, w *fixture, _ *process) func() {
		require.NoError(t, w.nc.Publish("sync.requested", []byte("full")))
		return func() {}
	}},
	{"webhooks are forged", []string{"LazisyncWebhookSignatures"}, false, func(t *testing.T, w *fixture, p *process) func() {
		require.Equal(t, http.StatusUnauthorized, postWebhook(t, p, "another secret"))
		return func() {}
	}},
	{"NATS is unavailable", []string{"LazisyncWebhooksUnavailable", "LazisyncWebhookBudget"}, false, func(t *testing.T, w *fixture, p *process) func() {
		w.nats.Stop()
		require.Equal(t, http.StatusServiceUnavailable, postWebhook(t, p, w.stack.Variable("SERVICETITAN_WEBHOOK_SECRET")))
		return func() { w.nats.start(t) }
	}},
	{"Slack does not know the channel", []string{"LazisyncNotificationsFailed"}, true, func(t *testing.T, w *fixture, _ *process) func() {
		w.stack.Slack.Answer(&fakeslack.Answer{Status: http.StatusNotFound})
		w.full(t)
		return func() { w.stack.Slack.Answer(nil) }
	}},
	{"Slack is unavailable", []string{"LazisyncRedeliveries"}, false, func(t *testing.T, w *fixture, _ *process) func() {
		w.stack.Slack.Answer(&fakeslack.Answer{Status: http.StatusInternalServerError})
		for range 4 {
			w.full(t)
		}
		return func() { w.stack.Slack.Answer(nil) }
	}},
	{"a stream is almost full", []string{"LazisyncStreamFull"}, false, func(t *testing.T, w *fixture, _ *process) func() {
		found, err := w.js.Stream(t.Context(), "SYNC_DEADLETTER")
		require.NoError(t, err)
		before := found.CachedInfo().Config
		small := before
		small.MaxBytes = int64(found.CachedInfo().State.Bytes) + 100_000
		_, err = w.js.UpdateStream(t.Context(), small)
		require.NoError(t, err)
		require.NoError(t, w.nc.Publish("sync.requested", []byte(strings.Repeat("x", 90_000))))
		return func() {
			_, err := w.js.UpdateStream(t.Context(), before)
			require.NoError(t, err)
		}
	}},
	{"PostgreSQL accepts no connections", []string{"LazisyncLedgerUnreadable", "LazisyncBacklog"}, false, func(t *testing.T, w *fixture, _ *process) func() {
		name := value[string](t, w, "select current_database()")
		admin := w.otherDatabase(t, "postgres")
		allow := func(yes bool) {
			_, err := admin.Exec(t.Context(), fmt.Sprintf("alter database %s allow_connections %t", pgx.Identifier{name}.Sanitize(), yes))
			require.NoError(t, err)
		}
		allow(false)
		_, err := admin.Exec(t.Context(), "select pg_terminate_backend(pid) from pg_stat_activity where datname = $1", name)
		require.NoError(t, err)
		for range 150 {
			w.request(t, `{"mode":"incremental","entities":["jobs"]}`)
		}
		return func() { allow(true) }
	}},
	{"a workflow cannot be executed", []string{"LazisyncWorkflowTasksFailing"}, false, func(t *testing.T, w *fixture, _ *process) func() {
		run, err := w.temporal.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{TaskQueue: "e2e-" + w.tenant}, "OfALaterVersion")
		require.NoError(t, err)
		return func() { require.NoError(t, w.temporal.TerminateWorkflow(t.Context(), run.GetID(), "", "")) }
	}},
	{"somebody terminates workflows", []string{"LazisyncReconcilerBusy"}, false, func(t *testing.T, w *fixture, _ *process) func() {
		w.stack.Simulator.SetPace(pageTime)
		for _, entity := range []string{"customers", "jobs"} {
			request := w.request(t, `{"mode":"full","entities":["`+entity+`"]}`)
			accepted := w.accepted(t, request)
			w.awaitPages(t, w.total()+1)
			require.NoError(t, w.temporal.TerminateWorkflow(t.Context(), accepted.WorkflowID, "", ""))
			w.stack.Simulator.SetPace(pageTime)
		}
		return func() { w.stack.Simulator.SetPace(0) }
	}},
	{"the process is killed", []string{"LazisyncRoleDown"}, false, func(t *testing.T, w *fixture, p *process) func() {
		p.kill(t)
		return func() { *p = *w.start(t, "serve", alertEnviron...) }
	}},
}

var alertEnviron = []string{"SYNC_FRESHNESS=1h"}

// The metrics of a process before, in and after a fault are what Prometheus stores for an hour
// before it, the five hours of the fault and the hours after it.
func TestEveryAlertFiresInAFaultAndStops(t *testing.T) {
	t.Parallel()
	groups, errs := rulefmt.ParseFile(filepath.Join("..", "..", "deploy", "prometheus", "alerts.yml"), false)
	require.Empty(t, errs)
	rules := map[string]rulefmt.Rule{}
	for _, group := range groups.Groups {
		for _, rule := range group.Rules {
			rules[rule.Alert] = rule
		}
	}
	var tested []string
	for _, f := range alertFaults {
		tested = append(tested, f.alerts...)
	}
	require.ElementsMatch(t, slices.Collect(maps.Keys(rules)), tested)
	for faults := range slices.Chunk(alertFaults, 4) {
		t.Run("from "+faults[0].name, func(t *testing.T) {
			t.Parallel()
			w := newFixture(t, options{webhooks: true, simulator: simulator.Options{RecordsPerEntity: 500, ExportPageSize: 50}})
			p := w.start(t, "serve", alertEnviron...)
			w.full(t)
			for _, f := range faults {
				require.True(t, t.Run(f.name, func(t *testing.T) { requireAlerts(t, w, p, f, rules) }))
			}
		})
	}
}

// requireAlerts requires that the alerts of a fault fire in it and stop after it.
func requireAlerts(t *testing.T, w *fixture, p *process, f alertFault, rules map[string]rulefmt.Rule) {
	t.Helper()
	var before, during, after scrape
	require.Eventually(t, func() bool { // the gauges are read in the background
		before = readMetrics(t, p)
		return before.has("lazisync_database_size_bytes") && before.has("lazisync_entity_stale") && before.has("lazisync_stream_bytes") && before.has("lazisync_dead_letters")
	}, waitLimit, 10*tick)
	end := f.begin(t, w, p)
	for _, name := range f.alerts {
		require.Eventually(t, func() bool {
			during = readMetrics(t, p)
			return len(firingMinutes(t, rules[name], f.once, before, during, during)) > 0
		}, waitLimit, 20*tick, "%s does not fire", name)
	}
	end()
	for _, name := range f.alerts {
		require.Eventually(t, func() bool {
			after = readMetrics(t, p)
			minutes := firingMinutes(t, rules[name], f.once, before, during, after)
			return len(minutes) > 0 && minutes[len(minutes)-1] < timelineMinutes-10
		}, waitLimit, 20*tick, "%s does not stop", name)
	}
}

// postWebhook delivers a webhook and returns the status of the response.
func postWebhook(t *testing.T, p *process, secret string) int {
	t.Helper()
	const body = `{"id":4711,"eventId":"2026-01-01T00:00:00Z","eventType":"job.updated"}`
	return call(t, http.MethodPost, p.gateway+"/webhooks/servicetitan", body, "x-servicetitan-signature", sign(secret, body)).status
}

// otherDatabase connects to another database of the same server.
func (w *fixture) otherDatabase(t *testing.T, name string) *pgx.Conn {
	t.Helper()
	address, err := url.Parse(w.stack.Variable("DATABASE_URL"))
	require.NoError(t, err)
	address.Path = "/" + name
	conn, err := pgx.Connect(t.Context(), address.String())
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(t.Context()) })
	return conn
}
