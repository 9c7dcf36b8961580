package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/simulator"
)

// damage are manual changes to the table.
var damage = []string{
	"delete from raw.st_%[1]s where st_id in (select st_id from raw.st_%[1]s order by st_id limit 100)",
	"update raw.st_%[1]s set active = null where st_id in (select st_id from raw.st_%[1]s order by st_id limit 50)",
	"update raw.st_%[1]s set full_data = '{}' where st_id in (select st_id from raw.st_%[1]s order by st_id offset 50 limit 50)",
	"insert into raw.st_%[1]s (tenant_id, st_id, full_data, fetched_at, run_number) select tenant_id, n, '{\"made\": \"up\"}', min(fetched_at) - interval '1 hour', 1 from raw.st_%[1]s, generate_series(1, 3) n group by tenant_id, n",
}

func (w *fixture) damage(t *testing.T, name string) {
	t.Helper()
	for _, what := range damage {
		_, err := w.sql.Exec(t.Context(), fmt.Sprintf(what, name))
		require.NoError(t, err)
	}
}

// forget removes the rows that were invented, which must be marked deleted.
func (w *fixture) forget(t *testing.T, name string, want int64) {
	t.Helper()
	tag, err := w.sql.Exec(t.Context(), "delete from raw.st_"+name+" where full_data ? 'made' and deleted_at is not null")
	require.NoError(t, err)
	require.Equal(t, want, tag.RowsAffected())
}

// rows returns the content of a table as one value.
func (w *fixture) rows(t *testing.T, name string) string {
	t.Helper()
	return value[string](t, w, "select md5(string_agg(r::text, ',' order by st_id)) from raw.st_"+name+" r")
}

func (w *fixture) stagingTables(t *testing.T) int {
	t.Helper()
	return value[int](t, w, "select count(*) from pg_class where relnamespace = 'raw_rebuild'::regnamespace and relkind = 'r'")
}

// awaitLoaded waits until a rebuild has loaded a number of pages. From then on pages are slow, for
// what the test does during the rebuild. There must be many more pages: a busy machine looks late.
func (w *fixture) awaitLoaded(t *testing.T, requestID string, pages int) {
	t.Helper()
	require.Eventually(t, func() bool {
		return value[int](t, w, `select coalesce(max(c.pages), 0) from raw.sync_cursors c
			join raw.sync_requests q using (run_number) where q.request_id = $1`, requestID) >= pages
	}, waitLimit, tick)
	w.stack.Simulator.SetPace(slowPage)
}

func TestRebuildRepairsATableInUse(t *testing.T) {
	t.Parallel()
	w := newFixture(t, options{simulator: simulator.Options{RecordsPerEntity: 1000, ExportPageSize: 20}})
	p := w.start(t, "serve")
	w.full(t)
	reader := fmt.Sprintf("reader_%s", w.tenant)
	for _, statement := range []string{
		"create view live_customers as select st_id, active, full_data, run_number from raw.st_customers where deleted_at is null",
		"create role " + reader,
		"grant usage on schema raw to " + reader,
		"grant select on raw.st_customers to " + reader,
	} {
		_, err := w.sql.Exec(t.Context(), statement)
		require.NoError(t, err)
	}
	t.Cleanup(func() {
		_, err := w.sql.Exec(context.Background(), "drop owned by "+reader+"; drop role "+reader)
		require.NoError(t, err)
	})
	w.damage(t, "customers")
	damaged, err := w.look(t.Context())
	require.NoError(t, err)
	seen, stop := w.watch(t)

	// Over HTTP, with changes during the rebuild and an incremental that syncs them.
	w.stack.Simulator.SetPace(pageTime)
	status, answer := post(t, p.gateway+"/sync/rebuild", `{"entities":["customers"],"reason":"by hand"}`)
	require.Equal(t, 202, status, answer)
	requestID := answer["requestId"].(string)
	require.Equal(t, "rebuild-"+requestID, answer["workflowId"])
	w.awaitLoaded(t, requestID, 5)
	require.Equal(t, 1, w.stagingTables(t))
	made, err := w.stack.Simulator.Create("customers")
	require.NoError(t, err)
	edited := value[int64](t, w, "select max(st_id) from raw.st_customers")
	require.NoError(t, w.stack.Simulator.Update("customers", edited))
	incremental := w.completed(t, w.request(t, `{"mode":"incremental","entities":["customers"]}`))
	require.Empty(t, all[events.OutcomeData](t, w, "sync.failed"))
	require.Equal(t, incremental.RunNumber, value[int64](t, w, "select run_number from raw.st_customers where st_id = $1", made), "it does not wait for the rebuild")

	w.stack.Simulator.SetPace(0)
	outcome := w.completed(t, requestID)
	close(stop)
	require.Equal(t, events.Rebuild, outcome.Mode)
	result := outcome.Results[0]
	require.EqualValues(t, 100, result.Inserted)
	require.EqualValues(t, 100, result.Updated)
	require.EqualValues(t, 3, result.Deleted)
	require.EqualValues(t, 203, value[int64](t, w, "select count(*) from raw.st_customers where run_number = $1", outcome.RunNumber))
	w.forget(t, "customers", 3)
	w.requireEqual(t)
	for _, id := range []int64{made, edited} {
		require.Equal(t, incremental.RunNumber, value[int64](t, w, "select run_number from raw.st_customers where st_id = $1", id), "what was read later stays")
	}
	require.Zero(t, w.stagingTables(t))
	looks, later := 0, damaged
	later.live++ // the new customer appears at some time before
	for s := range seen {
		looks++
		require.Contains(t, []tableView{damaged, later, {live: 1001}}, s, "damaged or mended, and nothing between")
	}
	require.Greater(t, looks, 10)
	require.True(t, value[bool](t, w, "select has_table_privilege($1, 'raw.st_customers', 'select')", reader))
	for _, phase := range []events.Phase{events.PhaseReading, events.PhaseDone} {
		await(t, w, "sync.progress", func(d events.ProgressData) bool { return names(d.RunData, requestID) && d.Phase == phase })
	}
	w.requireNotifiedOnce(t)
}

// tableView is what a reader of the view sees.
type tableView struct{ live, noActive, noDocument, invented int }

func (w *fixture) look(ctx context.Context) (s tableView, err error) {
	err = w.sql.QueryRow(ctx, `select count(*), count(*) filter (where active is null), count(*) filter (where full_data = '{}'), count(*) filter (where full_data ? 'made') from live_customers`).
		Scan(&s.live, &s.noActive, &s.noDocument, &s.invented)
	return s, err
}

// watch observes the table until stop is closed, and then returns what it observed.
func (w *fixture) watch(t *testing.T) (seen <-chan tableView, stop chan struct{}) {
	t.Helper()
	all, stop := make(chan tableView, 10_000), make(chan struct{})
	go func() {
		defer close(all)
		for look := time.NewTicker(tick); ; <-look.C {
			select {
			case <-stop:
				return
			default:
			}
			if s, err := w.look(t.Context()); err == nil && len(all) < cap(all) {
				all <- s
			}
		}
	}()
	return all, stop
}

// post sends a request to the gateway.
func post(t *testing.T, url, body string) (status int, answer map[string]any) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	require.NoError(t, err)
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	require.NoError(t, json.NewDecoder(response.Body).Decode(&answer))
	return response.StatusCode, answer
}

func TestFailedRebuildChangesNothing(t *testing.T) {
	t.Parallel()
	w := newFixture(t, options{simulator: simulator.Options{RecordsPerEntity: 1000, ExportPageSize: 20}})
	w.start(t, "serve")
	w.full(t)
	w.damage(t, "jobs")
	before := w.rows(t, "jobs")
	w.stack.Simulator.SetPace(pageTime)
	const request = `{"mode":"rebuild","entities":["jobs"]}`

	requestID := w.request(t, request)
	w.awaitLoaded(t, requestID, 5)
	cancelled := w.run(t, "cancel", requestID, "--reason", "not now")
	require.Zero(t, cancelled.code, cancelled.errors)
	outcome := w.outcome(t, "sync.cancelled", requestID)
	require.Equal(t, "not now", outcome.Reason)
	require.Positive(t, outcome.Results[0].Fetched)
	require.Zero(t, outcome.Results[0].Inserted)
	require.Zero(t, w.stagingTables(t))

	w.stack.Simulator.SetPace(pageTime)
	requestID = w.request(t, request)
	w.awaitLoaded(t, requestID, 5)
	require.NoError(t, w.temporal.TerminateWorkflow(t.Context(), "rebuild-"+requestID, "", "by hand"))
	require.Equal(t, events.Terminated, w.outcome(t, "sync.failed", requestID).Error.Type)
	require.Zero(t, w.stagingTables(t))

	// Most records are missing: the delete guard stops the rebuild.
	_, err := w.sql.Exec(t.Context(), `insert into raw.st_jobs (tenant_id, st_id, full_data, fetched_at, run_number)
		select tenant_id, n, '{"made": "up"}', min(fetched_at) - interval '1 hour', 1 from raw.st_jobs, generate_series(4, 400) n group by tenant_id, n`)
	require.NoError(t, err)
	stored := w.rows(t, "jobs")
	w.stack.Simulator.SetPace(0)
	rebuild := w.run(t, "request", "rebuild", "--entities", "jobs", "--wait")
	require.Equal(t, 1, rebuild.code, rebuild.out)
	require.Contains(t, rebuild.out, "the rebuild did not find 400 of 1")
	require.Zero(t, w.stagingTables(t))
	require.Equal(t, stored, w.rows(t, "jobs"))
	require.NotEqual(t, before, stored)

	allowed := w.run(t, "request", "rebuild", "--entities", "jobs", "--allow-deletes", "--wait")
	require.Zero(t, allowed.code, allowed.out)
	w.forget(t, "jobs", 400)
	w.requireEqual(t)
	w.requireNotifiedOnce(t)
}

func TestRebuildResumesAfterAWorkerIsKilled(t *testing.T) {
	t.Parallel()
	w := newFixture(t, options{simulator: simulator.Options{RecordsPerEntity: 1000, ExportPageSize: 20}})
	w.start(t, "bridge")
	worker := w.start(t, "worker")
	w.full(t)
	w.damage(t, "customers")
	w.stack.Simulator.ResetStats()
	w.stack.Simulator.SetPace(pageTime)
	requestID := w.request(t, `{"mode":"rebuild","entities":["customers"]}`)
	w.awaitLoaded(t, requestID, 10)
	worker.kill(t)
	require.Equal(t, 1, w.stagingTables(t))

	w.stack.Simulator.SetPace(0)
	w.start(t, "worker")
	outcome := w.completed(t, requestID)
	require.EqualValues(t, 1000, outcome.Results[0].Fetched)
	require.EqualValues(t, 100, outcome.Results[0].Inserted)
	require.LessOrEqual(t, repeatedPages(w.pages()["customers"]), inFlight)
	require.Zero(t, w.stagingTables(t))
	w.forget(t, "customers", 3)
	w.requireEqual(t)
	w.requireNotifiedOnce(t)
}
