package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"golang.org/x/sync/errgroup"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/legacy"
	"github.com/lazi/lazisync/internal/simulator"
	"github.com/lazi/lazisync/internal/testing/pgserver/pgtest"
	"github.com/lazi/lazisync/workflows"
)

// legacyTables are tables of the legacy worker, with a view and a grant on it.
const legacyTables = `
drop schema raw cascade;
create schema raw;
create table raw.st_customers (st_id bigint primary key, name varchar(255), type varchar(50), active boolean, balance numeric(12,2), full_data jsonb, fetched_at timestamp default now());
create table raw.st_jobs (st_id bigint primary key, job_number text, job_status text, customer_id bigint, total numeric(12,2), full_data jsonb, fetched_at timestamp default now());
create table raw.st_invoices (st_id bigint primary key, total numeric(12,2), balance numeric(12,2), full_data jsonb, fetched_at timestamp default now());
create table raw.st_estimates (st_id bigint primary key, name text, status text, full_data jsonb, fetched_at timestamp default now());
create table raw.sync_state (table_name varchar(100) primary key, last_full_sync timestamp, last_incremental_sync timestamp, records_count integer default 0, sync_status varchar(20) default 'idle');
insert into raw.sync_state (table_name, last_full_sync, last_incremental_sync, records_count, sync_status)
select 'raw.st_' || entity, '2026-01-01 03:00', '2026-01-02 12:00', 1, 'completed' from unnest('{customers,jobs,invoices,estimates}'::text[]) entity;
create view public.balances as select st_id, name, balance from raw.st_customers where active;
grant select on public.balances to public;`

// legacyUpsert is the statement of the legacy worker for a record.
const legacyUpsert = `insert into raw.st_%s (st_id, full_data, fetched_at) values ($1, $2, now())
	on conflict (st_id) do update set full_data = excluded.full_data, fetched_at = excluded.fetched_at`

const legacyState = `insert into raw.sync_state (table_name, last_incremental_sync, records_count, sync_status) values ($1, now(), 2, 'completed')
	on conflict (table_name) do update set last_incremental_sync = excluded.last_incremental_sync, records_count = excluded.records_count, sync_status = excluded.sync_status`

// source is a record as the simulated ServiceTitan has it.
type source struct {
	ID     int64
	Record map[string]any
}

// records returns the records of the simulated ServiceTitan.
func (w *fixture) records(t *testing.T, entity string) (all []source) {
	t.Helper()
	response, err := http.Get(w.stack.Variable("SERVICETITAN_API_URL") + "/_admin/records/" + entity)
	require.NoError(t, err)
	defer response.Body.Close()
	lines := bufio.NewScanner(response.Body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var s source
		require.NoError(t, json.Unmarshal(lines.Bytes(), &s))
		all = append(all, s)
	}
	require.NoError(t, lines.Err())
	require.NotEmpty(t, all)
	return all
}

// stale is an early version of the record, if it has versions.
func (s source) stale() map[string]any {
	if s.Record["modifiedOn"] == nil {
		return s.Record
	}
	old := map[string]any{}
	for name, value := range s.Record {
		old[name] = value
	}
	old["name"], old["modifiedOn"] = "as it was", "2001-01-01T00:00:00Z"
	return old
}

// writeAsLegacyWorker writes early versions of every record repeatedly.
func (w *fixture) writeAsLegacyWorker(ctx context.Context, records map[string][]source, done *atomic.Int64) error {
	for ctx.Err() == nil {
		for entity, all := range records {
			for _, r := range all {
				if ctx.Err() != nil {
					return nil
				}
				if _, err := w.sql.Exec(context.WithoutCancel(ctx), fmt.Sprintf(legacyUpsert, entity), r.ID, r.stale()); err != nil {
					return err
				}
			}
			if _, err := w.sql.Exec(context.WithoutCancel(ctx), legacyState, "raw.st_"+entity); err != nil {
				return err
			}
			done.Add(1)
		}
	}
	return nil
}

// only returns the variable of a tenants file with only the first tenant.
func (w *fixture) only(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(w.stack.Variable(tenantsFile))
	require.NoError(t, err)
	var file struct {
		Tenants []map[string]any `json:"tenants"`
	}
	require.NoError(t, json.Unmarshal(text, &file))
	file.Tenants = slices.DeleteFunc(file.Tenants, func(fields map[string]any) bool { return fields["id"] != w.tenant })
	require.Len(t, file.Tenants, 1)
	text, err = json.Marshal(file)
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "one.json")
	require.NoError(t, os.WriteFile(path, text, 0o600))
	return tenantsFile + "=" + path
}

// TestMigrationFromTheLegacyWorker adopts the database of the legacy worker, runs beside its
// statements, serves a workflow of its type, and then adds a second tenant.
func TestMigrationFromTheLegacyWorker(t *testing.T) {
	t.Parallel()
	w := newFixture(t, options{databaseURL: pgtest.Database(t), others: []simulator.Options{{Seed: 2, RecordsPerEntity: 20}}})
	second, one := w.others[0], w.only(t)
	_, err := w.sql.Exec(t.Context(), legacyTables)
	require.NoError(t, err)
	records := map[string][]source{}
	for _, entity := range core {
		records[entity] = w.records(t, entity)
		batch := &pgx.Batch{}
		for _, r := range records[entity] {
			batch.Queue(fmt.Sprintf(legacyUpsert, entity), r.ID, r.stale())
		}
		require.NoError(t, w.sql.SendBatch(t.Context(), batch).Close())
	}

	refused := w.run(t, "migrate")
	require.Equal(t, 1, refused.code)
	require.Contains(t, refused.errors, "want their tenant in SERVICETITAN_TENANT_ID, got 2 tenants")
	adopted := w.runWith(t, []string{one}, "migrate")
	require.Zero(t, adopted.code, adopted.errors)
	require.Contains(t, adopted.out, "adopted raw.st_customers for tenant "+w.tenant)
	again := w.runWith(t, []string{one}, "migrate")
	require.Contains(t, again.out, "database  up to date")

	p := w.start(t, "serve", one)
	skipped := w.completed(t, w.request(t, `{"mode":"incremental"}`))
	for _, r := range skipped.Results {
		require.Equal(t, events.StatusSkipped, r.Status)
		require.Equal(t, "adopted, needs a full sync", r.SkippedReason)
	}

	writing, stop := context.WithCancel(t.Context())
	var writers errgroup.Group
	var rounds atomic.Int64
	writers.Go(func() error { return w.writeAsLegacyWorker(writing, records, &rounds) })
	run, err := w.temporal.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{
		ID: "nightly-" + w.tenant, TaskQueue: w.stack.Variable("TEMPORAL_TASK_QUEUE"),
	}, legacy.FullSync, map[string]any{"entities": core, "notify": false})
	require.NoError(t, err)
	var result legacy.Result
	require.NoError(t, run.Get(t.Context(), &result))
	require.True(t, result.Success)
	require.Len(t, result.Results, len(core))
	for _, r := range result.Results {
		require.EqualValues(t, len(records[r.Entity]), r.Count, r.Entity)
	}
	outcome := w.completed(t, events.RequestID("/lazisync/workflows/"+run.GetRunID(), "nightly-"+w.tenant))
	require.Empty(t, outcome.Notify)
	written := rounds.Load()
	require.Eventually(t, func() bool { return rounds.Load() >= written+int64(len(core)) }, waitLimit, tick, "it writes on after the sync")
	stop()
	require.NoError(t, writers.Wait())
	w.requireEqual(t)
	require.Zero(t, value[int](t, w, "select count(*) from raw.rejected_records"))
	require.Positive(t, value[int](t, w, "select count(*) from public.balances"))
	run, err = w.temporal.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{
		ID: "hourly-" + w.tenant, TaskQueue: w.stack.Variable("TEMPORAL_TASK_QUEUE"),
	}, legacy.IncrementalSync)
	require.NoError(t, err)
	result = legacy.Result{}
	require.NoError(t, run.Get(t.Context(), &result))
	require.True(t, result.Success)
	require.Len(t, result.Results, len(core))
	incremental := w.completed(t, events.RequestID("/lazisync/workflows/"+run.GetRunID(), "hourly-"+w.tenant))
	require.Equal(t, events.StatusCompleted, incremental.Results[0].Status, "it continues from lazisync's full sync")
	p.stop(t)

	early := w.run(t, "migrate")
	require.Equal(t, 1, early.code)
	require.Contains(t, early.errors, fmt.Sprintf("tenant %s: the database was adopted from the legacy worker for tenant %s and takes no other tenant before lazisync migrate --finish-adoption", second, w.tenant))
	require.Regexp(t, `FAIL +adoption +tenant `+second, w.run(t, "doctor").out)
	finished := w.run(t, "migrate", "--finish-adoption")
	require.Zero(t, finished.code, finished.errors)
	require.Contains(t, finished.out, "finished the adoption of raw.st_customers")
	w.start(t, "serve")
	w.completed(t, w.request(t, `{"mode":"full","tenantId":"`+second+`"}`))
	w.requireTenantEqual(t, second)
	w.requireEqual(t)
	_, err = w.sql.Exec(t.Context(), fmt.Sprintf(legacyUpsert, "customers"), 1, map[string]any{})
	require.ErrorContains(t, err, "ON CONFLICT")
	require.True(t, strings.HasPrefix(w.run(t, "migrate", "--finish-adoption").out, "database  no adoption to finish"))
}

// TestSignalsControlLegacyWorkflows pauses, resumes and cancels the request of a legacy workflow by
// signals to that workflow, and reuses its ID.
func TestSignalsControlLegacyWorkflows(t *testing.T) {
	t.Parallel()
	w := newFixture(t, options{simulator: simulator.Options{RecordsPerEntity: 2000, ExportPageSize: 50}})
	w.start(t, "serve")
	w.stack.Simulator.SetPace(slowPage)
	id := "nightly-" + w.tenant
	begin := func() (client.WorkflowRun, string) {
		run, err := w.temporal.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{
			ID: id, TaskQueue: w.stack.Variable("TEMPORAL_TASK_QUEUE"),
		}, legacy.FullSync, map[string]any{"entities": []string{"customers"}})
		require.NoError(t, err)
		return run, events.RequestID("/lazisync/workflows/"+run.GetRunID(), id)
	}
	signal := func(name string) {
		require.NoError(t, w.temporal.SignalWorkflow(t.Context(), id, "", name, "by signal"))
	}

	run, requestID := begin()
	w.accepted(t, requestID)
	signal(workflows.SignalPause)
	_, paused := await(t, w, "sync.paused", func(d events.ControlledData) bool { return names(d.RunData, requestID) })
	require.Equal(t, "by signal", paused.Reason)
	signal(workflows.SignalResume)
	await(t, w, "sync.resumed", func(d events.ControlledData) bool { return names(d.RunData, requestID) })
	signal(workflows.SignalCancel)
	cancelled := w.outcome(t, "sync.cancelled", requestID)
	require.Equal(t, "by signal", cancelled.Reason)
	var result legacy.Result
	require.NoError(t, run.Get(t.Context(), &result))
	require.False(t, result.Success)

	// The same ID requests another sync, which a cancel in Temporal ends.
	run, second := begin()
	require.NotEqual(t, requestID, second)
	require.False(t, w.accepted(t, second).Duplicate)
	await(t, w, "sync.started", func(d events.StartedData) bool { return names(d.RunData, second) })
	require.NoError(t, w.temporal.CancelWorkflow(t.Context(), id, ""))
	require.Equal(t, "cancelled in Temporal", w.outcome(t, "sync.cancelled", second).Reason)
	require.ErrorContains(t, run.Get(t.Context(), &result), "canceled")
}
