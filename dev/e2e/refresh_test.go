package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
)

// resumePoints returns where the incremental syncs of all entities continue.
func (w *fixture) resumePoints(t *testing.T) string {
	t.Helper()
	return value[string](t, w, `select string_agg(concat(table_name, ' ', resume_token, ' ', resume_since, ' ', resume_version, ' ', read_as_of), ';' order by table_name) from raw.sync_state`)
}

// apiCalls returns the calls of the API for an entity so far.
func (w *fixture) apiCalls(name string) (list, export int) {
	of := w.stack.Simulator.Stats().Entities[name]
	return of.ListCalls, of.ExportCalls
}

// changed updates records of the simulated ServiceTitan and returns their ids.
func (w *fixture) changed(t *testing.T, name string, n int) (ids []string) {
	t.Helper()
	for len(ids) < n {
		id, err := w.stack.Simulator.RandomID(name)
		require.NoError(t, err)
		if text := fmt.Sprint(id); !slices.Contains(ids, text) && w.stack.Simulator.Update(name, id) == nil {
			ids = append(ids, text)
		}
	}
	return ids
}

// A refresh is requested by an event, as bare JSON, on the command line and over HTTP. It reads what is
// named and nothing else.
func TestRefreshIsRequestedInEveryForm(t *testing.T) {
	t.Parallel()
	w := newFixture(t, options{})
	w.start(t, "serve")
	w.full(t)
	before := w.resumePoints(t)

	jobs := w.changed(t, "jobs", 4)
	w.publish(t, "sync.requested", `{"mode":"incremental","entities":["jobs"],"ids":[`+jobs[0]+`]}`) // as `nats pub` does
	isBare := func(d events.AcceptedData) bool { return d.Event.Source == "nats://SYNC_COMMANDS" }
	_, bare := await(t, w, "sync.accepted", isBare)
	outcome := w.completed(t, bare.RequestID)
	require.True(t, outcome.Refresh)
	require.Equal(t, events.Counts{Pages: 1, Fetched: 1, Updated: 1}, outcome.Results[0].Counts)
	others := func(d events.AcceptedData) bool { return !isBare(d) }
	require.Len(t, slices.DeleteFunc(all[events.AcceptedData](t, w, "sync.accepted"), others), 1, "it is accepted once")

	outcome = w.completed(t, w.request(t, `{"mode":"incremental","entities":["jobs"],"ids":["`+jobs[1]+`"],"reason":"repaired"}`))
	require.Equal(t, int64(1), outcome.Results[0].Updated)

	ran := w.run(t, "request", "incremental", "--entities", "jobs", "--ids", jobs[2]+",1", "--wait")
	require.Zero(t, ran.code, ran.errors)
	require.Contains(t, ran.out, "ServiceTitan did not return 1 of 2 ids: 1;")
	shown := w.run(t, "runs", "show", fmt.Sprint(value[int64](t, w, "select max(run_number) from raw.sync_runs")))
	require.Contains(t, shown.out, "refresh of chosen records of tenant "+w.tenant)

	got := callAvailable(t, http.MethodPost, w.stack.GatewayURL()+"/sync/incremental?wait=1m", `{"entities":["jobs"],"ids":[`+jobs[3]+`]}`)
	require.Equal(t, http.StatusOK, got.status, got.body)
	var ended struct {
		Run struct {
			Refresh bool            `json:"refresh"`
			Results []events.Result `json:"results"`
		} `json:"run"`
	}
	require.NoError(t, json.Unmarshal([]byte(got.body), &ended))
	require.True(t, ended.Run.Refresh)
	require.Equal(t, int64(1), ended.Run.Results[0].Updated)

	since := time.Now().UTC().Format(time.RFC3339Nano)
	w.changed(t, "invoices", 3)
	ran = w.run(t, "request", "incremental", "--entities", "invoices", "--since", since, "--wait", "--json")
	require.Zero(t, ran.code, ran.errors)
	require.Contains(t, ran.out, `"updated":3`)

	w.requireEqual(t)
	require.Equal(t, before, w.resumePoints(t))
	refused := w.run(t, "request", "incremental", "--entities", "job_notes", "--ids", "1")
	require.Equal(t, 2, refused.code)
	_, rejected := w.rejectionOf(t, `{"mode":"incremental","entities":["job_notes"],"ids":[1]}`)
	require.Equal(t, []events.FieldError{{
		Path: "ids", Got: "ids of job_notes", Want: "since, or a request for the whole entity: ServiceTitan has no list of it",
	}}, rejected.Errors)
	w.requireNotifiedOnce(t)
}

// rejectionOf publishes a request that is rejected, and returns the rejection.
func (w *fixture) rejectionOf(t *testing.T, data string) (receivedEvent, events.RejectedData) {
	t.Helper()
	id := w.request(t, data)
	return w.rejected(t, func(d events.RejectedData) bool { return d.RequestID == id })
}

// A webhook that names a record reads that record with one call of the API. The row is there before
// anything else of the entity is read; the second pass still follows.
func TestWebhookReadsItsRecordAtOnce(t *testing.T) {
	t.Parallel()
	w := newFixture(t, options{webhooks: true})
	w.start(t, "serve")
	w.full(t)
	before := w.resumePoints(t)
	list, export := w.apiCalls("customers")

	id, err := w.stack.Simulator.RandomID("customers")
	require.NoError(t, err)
	require.NoError(t, w.stack.Simulator.Update("customers", id)) // sends a webhook
	_, outcome := await(t, w, "sync.completed", func(d events.OutcomeData) bool { return d.Refresh })
	require.Equal(t, []string{"customers"}, outcome.Entities)
	require.Equal(t, events.Counts{Pages: 1, Fetched: 1, Updated: 1}, outcome.Results[0].Counts)
	require.Equal(t, outcome.RunNumber, value[int64](t, w, "select run_number from raw.st_customers where st_id = $1", id))
	w.requireEqual(t)
	lists, exports := w.apiCalls("customers")
	require.Equal(t, []int{list + 1, export}, []int{lists, exports}, "one call")
	require.Equal(t, before, w.resumePoints(t))
	require.True(t, value[bool](t, w, `
		select ids is null and entities = array['customers'] and run_number is null from raw.sync_requests where source = $1`, ledger.SecondPassSource))
	w.requireNotifiedOnce(t)
}

// Webhooks for one record that wait are served by one call.
func TestWebhooksOfOneRecordAreOneCall(t *testing.T) {
	t.Parallel()
	w := newFixture(t, options{})
	w.set = []string{"SERVICETITAN_WEBHOOK_SECRET=" + strings.Repeat("k", 32)}
	w.start(t, "bridge")
	gateway := w.start(t, "gateway").gateway
	worker := w.start(t, "worker")
	w.full(t)
	worker.stop(t)
	list, export := w.apiCalls("customers")

	const deliveries = 20
	customer := w.changed(t, "customers", 1)[0]
	body := `{"eventType":"customer.updated","id":` + customer + `}`
	for range deliveries {
		got := callAvailable(t, http.MethodPost, gateway+"/webhooks/servicetitan", body,
			"X-ServiceTitan-Signature", sign(strings.Repeat("k", 32), body))
		require.Equal(t, http.StatusOK, got.status, got.body)
	}
	require.Eventually(t, func() bool {
		return value[int](t, w, "select count(*) from raw.sync_requests where source like $1 and state = 'accepted'", ledger.WebhookSource+"%") == deliveries
	}, waitLimit, tick, "every delivery is a request")

	w.start(t, "worker")
	_, outcome := await(t, w, "sync.completed", func(d events.OutcomeData) bool { return d.Refresh })
	require.Len(t, outcome.Requests, deliveries, "each has its outcome")
	require.Equal(t, events.Counts{Pages: 1, Fetched: 1, Updated: 1}, outcome.Results[0].Counts)
	lists, exports := w.apiCalls("customers")
	require.Equal(t, []int{list + 1, export}, []int{lists, exports}, "one call")
	w.requireEqual(t)
}
