package e2e

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/dev/markers"
	processes "github.com/lazi/lazisync/dev/process"
	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/simulator"
	"github.com/lazi/lazisync/internal/testing/testserver"
)

const (
	planted    = "mrkr-of-a-policy-"
	keptMarker = "kept-by-a-policy-"
	policyKey  = "f1e1d5-k3y-0123456789abcdef0123456789"
)

// markingServer is an API whose records have markers in all fields, in one field another one. It can damage its
// responses.
type markingServer struct {
	URL    string
	damage atomic.Pointer[func(body []byte) (status int, damaged []byte)]
}

func startMarkingServer(t *testing.T, behind string) *markingServer {
	t.Helper()
	target, err := url.Parse(behind)
	require.NoError(t, err)
	s := &markingServer{}
	api := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }}
	s.URL = testserver.Start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e, isPage := entityAt(r.URL.Path)
		if !isPage {
			api.ServeHTTP(w, r)
			return
		}
		markers.Serve(api, w, r, func(body []byte) (int, []byte) {
			body = markers.Plant(e, body, planted)
			body = bytes.ReplaceAll(body, []byte(`"type":"`+planted), []byte(`"type":"`+keptMarker))
			if damage := s.damage.Load(); damage != nil && e.Name == "customers" {
				return (*damage)(body)
			}
			return http.StatusOK, body
		})
	}))
	return s
}

// entityAt returns the core entity whose list or export feed is at a path.
func entityAt(path string) (entity.Entity, bool) {
	for _, name := range core {
		e, _ := entity.Find(name)
		for _, listing := range []string{e.List, e.Export} {
			before, after, _ := strings.Cut(listing, "{tenant}")
			if strings.HasPrefix(path, before) && strings.HasSuffix(path, after) {
				return e, true
			}
		}
	}
	return entity.Entity{}, false
}

// policyOfEverything covers all fields of the core entities but one.
func policyOfEverything() string {
	rules := []string{"customers.*=drop", "customers.type=keep", "jobs.*=drop", "estimates.*=drop", "invoices.*=hash"}
	invoices, _ := entity.Find("invoices")
	for _, c := range invoices.Columns {
		rule := entity.FieldRule{Entity: invoices.Name, Path: c.Path, Action: entity.DropField}
		if c.Type != entity.Text && rule.Check(invoices) == nil {
			rules = append(rules, rule.String())
		}
	}
	return strings.Join(rules, ";")
}

// Every value of a field that is dropped or hashed is a marker, as is everything in responses that cannot be read.
// Then everything that people can read is searched for it.
func TestValuesOfDroppedFieldsAppearNowhere(t *testing.T) {
	t.Parallel()
	w := newFixture(t, options{webhooks: true, simulator: simulator.Options{RecordsPerEntity: 20}})
	api := startMarkingServer(t, w.stack.Variable("SERVICETITAN_API_URL"))
	w = w.with("LOG_LEVEL=trace", "SERVICETITAN_API_URL="+api.URL, "SERVICETITAN_AUTH_URL="+w.stack.Variable("SERVICETITAN_API_URL"),
		"SYNC_CHANGES=on", "SYNC_FIELDS="+policyOfEverything(), "SYNC_FIELDS_KEY="+policyKey)
	w.migrate(t)
	p := &probe{fixture: w, secrets: []string{planted, markers.Number, policyKey}}
	serve := w.start(t, "serve")
	p.syncEverything(t, api)
	p.readInterfaces(t, serve.gateway)
	serve.stop(t)
	p.seen("the log of serve", serve.log.String())
	p.readStreams(t)
	p.readHistories(t)
	p.readAllTables(t)
	p.readSlack()
	p.requireFound(t, map[string]string{
		"the log of serve": "is not quoted, because SYNC_FIELDS names the entity", "stream SYNC_EVENTS": "sync.completed", "the history of full-sync-": "SyncSlice",
		"table raw.st_customers": keptMarker, "table raw.st_invoices": p.tenant, "table raw.rejected_records": `"removedBecauseOf":"SYNC_FIELDS"`,
		"table raw.changes": "update", "/api/sync/rejected": "record is not JSON", "/api/sync/runs": "refused",
		"lazisync doctor": "rules of SYNC_FIELDS, applied to all rows",
	})
	p.requireAbsent(t)
}

// syncEverything runs syncs of each mode, and some into responses that cannot be read.
func (p *probe) syncEverything(t *testing.T, api *markingServer) {
	t.Helper()
	p.full(t)
	record := []byte(`{"id":999,"name":"` + planted + `",,"x":` + planted + `,"y":"` + planted + `"},`)
	damaged := func(body []byte) (int, []byte) {
		return http.StatusOK, bytes.Replace(body, []byte(`"data":[{`), append([]byte(`"data":[`), append(record, '{')...), 1)
	}
	api.damage.Store(&damaged)
	require.EqualValues(t, 1, p.completed(t, p.request(t, `{"mode":"full","entities":["customers"]}`)).Results[0].Rejected)
	var requests atomic.Int64
	unreadable := func(body []byte) (int, []byte) {
		switch requests.Add(1) {
		case 1:
			return http.StatusBadRequest, []byte(`{"` + planted + `":"` + planted + `"}`)
		case 2:
			return http.StatusOK, []byte(`{"data":"` + planted + `","hasMore":false}`)
		case 3:
			return http.StatusOK, body[:len(body)/2]
		}
		return http.StatusOK, body
	}
	api.damage.Store(&unreadable)
	p.completed(t, p.request(t, `{"mode":"full","entities":["customers"]}`))
	require.Greater(t, requests.Load(), int64(3))
	refused := func([]byte) (int, []byte) {
		return http.StatusBadRequest, []byte(`{"title":"refused","` + planted + `":"` + planted + `"}`)
	}
	api.damage.Store(&refused)
	p.outcome(t, "sync.failed", p.request(t, `{"mode":"full","entities":["customers"]}`))
	api.damage.Store(nil)

	for _, name := range core {
		id, err := p.stack.Simulator.RandomID(name)
		require.NoError(t, err)
		require.NoError(t, p.stack.Simulator.Update(name, id))
	}
	p.completed(t, p.request(t, `{"mode":"incremental"}`))
	verified := p.completed(t, p.request(t, `{"mode":"verify"}`))
	require.NotNil(t, verified.Results[0].Differences)
	p.completed(t, p.request(t, `{"mode":"rebuild","entities":["invoices"]}`))
}

// readInterfaces reads what the gateway and the commands show, after a webhook with the values.
func (p *probe) readInterfaces(t *testing.T, gateway string) {
	t.Helper()
	body := `{"id":1,"eventType":"job.updated","name":"` + planted + `","data":{"name":"` + planted + `"}}`
	got := callAvailable(t, "POST", gateway+"/webhooks/servicetitan", body, "Content-Type", "application/json",
		"x-servicetitan-signature", sign(p.stack.Variable("SERVICETITAN_WEBHOOK_SECRET"), body))
	require.Equal(t, 200, got.status, got.body)
	await(t, p.fixture, "sync.completed", func(d events.OutcomeData) bool { return d.Mode == events.Incremental && d.Entities[0] == "jobs" })
	run := value[int64](t, p.fixture, "select max(run_number) from raw.sync_runs where tenant_id = $1 and state = 'failed'", p.tenant)
	for _, path := range []string{
		"/", "/metrics", "/readyz", "/api/sync/runs", fmt.Sprint("/api/sync/runs/", run), fmt.Sprintf("/api/sync/runs/%d/events", run), "/api/sync/requests", "/api/sync/state",
		"/api/sync/attention", "/api/sync/rejected", "/api/sync/fields", "/api/deadletters", "/api/temporal/workflows",
	} {
		got := callAvailable(t, "GET", gateway+path, "")
		require.Equal(t, 200, got.status, "%s: %s", path, got.body)
		p.seen(path, got.body)
	}
	for _, args := range [][]string{{"doctor"}, {"config"}, {"status"}, {"runs", "ls"}, {"runs", "show", fmt.Sprint(run)}, {"entities", "--drift"}, {"deadletter", "ls"}} {
		r := p.run(t, args...)
		p.seen("lazisync "+strings.Join(args, " "), r.out+r.errors)
	}
}

// readAllTables reads every row of every table, with bytes as text.
func (p *probe) readAllTables(t *testing.T) {
	t.Helper()
	tables := value[[]string](t, p.fixture, `select array_agg(oid::regclass::text) from pg_class
		where relnamespace in (select oid from pg_namespace where nspname in ('raw', 'raw_rebuild', 'st')) and relkind in ('r', 'v', 'm')`)
	require.Greater(t, len(tables), 100)
	for _, table := range tables {
		text := value[string](t, p.fixture, "select coalesce(string_agg(r::text, ' '), '') from "+table+" r")
		p.seen("table "+table, text)
	}
	p.seen("table raw.rejected_records", value[string](t, p.fixture, "select coalesce(string_agg(convert_from(bytes, 'UTF8'), ' '), '') from raw.rejected_records"))
}

// requireFound requires that each place was read: it contains a known word.
func (p *probe) requireFound(t *testing.T, words map[string]string) {
	t.Helper()
	for where, word := range words {
		found := false
		for _, f := range p.texts {
			found = found || strings.HasPrefix(f.where, where) && strings.Contains(f.text, word)
		}
		require.True(t, found, "%s was not read: no %q", where, word)
	}
}

// requireAbsent searches for every secret, plain and in its encodings.
func (p *probe) requireAbsent(t *testing.T) {
	t.Helper()
	for _, secret := range p.secrets {
		for _, f := range p.texts {
			for _, form := range forms(secret) {
				if at := strings.Index(f.text, form); at >= 0 {
					require.Fail(t, "a value shows", "%s in %s:\n%s", secret, f.where, around(f.text, at))
				}
			}
		}
	}
}

// After a change of the policy, doctor names the table until a rebuild has applied it to all rows.
func TestAChangedFieldPolicyNeedsARebuild(t *testing.T) {
	t.Parallel()
	w := newFixture(t, options{simulator: simulator.Options{RecordsPerEntity: 50}})
	w.start(t, "bridge")
	worker := w.start(t, "worker")
	w.full(t)
	require.Equal(t, doctorCheck{Status: "ok", Check: "fields", Detail: "stored as received, SYNC_FIELDS is not set"}, w.examine(t, 0)["fields"])
	name := value[string](t, w, "select name from raw.st_customers order by st_id limit 1")
	street := value[string](t, w, "select full_data #>> '{address,street}' from raw.st_customers order by st_id limit 1")
	require.NotEmpty(t, street)
	// A row whose record ServiceTitan no longer has.
	_, err := w.sql.Exec(t.Context(), `insert into raw.st_customers (tenant_id, st_id, name, full_data, fetched_at, run_number)
		select tenant_id, 999999, name, full_data || '{"id": 999999}', fetched_at, run_number from raw.st_customers order by st_id limit 1`)
	require.NoError(t, err)

	worker.stop(t)
	w.set = []string{"SYNC_FIELDS=customers.name=hash;customers.address.street=drop", "SYNC_FIELDS_KEY=" + policyKey}
	worker = w.start(t, "worker")
	outdated := doctorCheck{
		Status: "warn", Check: "fields", Detail: "rows were stored under another SYNC_FIELDS or key: customers of tenant " + w.tenant,
		Fix: "lazisync request rebuild --tenant " + w.tenant + " --entities customers",
	}
	require.Equal(t, outdated, w.examine(t, 0)["fields"])
	id, err := w.stack.Simulator.RandomID("customers")
	require.NoError(t, err)
	require.NoError(t, w.stack.Simulator.Update("customers", id))
	w.completed(t, w.request(t, `{"mode":"incremental"}`))
	require.Len(t, value[string](t, w, "select name from raw.st_customers where st_id = $1", id), 64, "a hash")
	require.Equal(t, "warn", w.examine(t, 0)["fields"].Status)

	w.completed(t, w.request(t, `{"mode":"rebuild","entities":["customers"],"allowDeletes":true}`))
	require.Equal(t, "2 rules of SYNC_FIELDS, applied to all rows", w.examine(t, 0)["fields"].Detail)
	require.EqualValues(t, 51, value[int64](t, w, `select count(*) from raw.st_customers
		where coalesce(name, '') ~ '^([0-9a-f]{64}|)$' and name is not distinct from full_data->>'name' and not full_data->'address' ? 'street'`))
	p := &probe{fixture: w, secrets: []string{name, street}}
	p.readAllTables(t)
	for _, f := range p.texts {
		if strings.Contains(f.where, "customers") {
			require.NotContains(t, f.text, name, f.where)
			require.NotContains(t, f.text, street, f.where)
		}
	}

	// A worker with a rule for a field that does not exist reads nothing.
	worker.stop(t)
	w.set = []string{"SYNC_FIELDS=customers.nmae=drop"}
	cmd := exec.Command(program(t), "worker")
	cmd.Env = w.environ()
	running, err := processes.Start(cmd)
	require.NoError(t, err)
	t.Cleanup(running.Kill)
	at, err := running.AwaitListening(waitLimit)
	require.NoError(t, err)
	const reason = "SYNC_FIELDS: got customers.nmae, which no record had, want fields of records"
	require.NoError(t, running.Await(waitLimit, func(log *processes.Log) bool {
		return strings.Contains(log.String(), reason) && strings.Contains(log.String(), "worker not started, retrying")
	}))
	p.askReady(t, at.Admin+"/readyz")
	require.Contains(t, p.texts[len(p.texts)-1].text, `"fields":"failing"`)
	require.Equal(t, "FAIL", w.examine(t, 1)["fields"].Status)
}
