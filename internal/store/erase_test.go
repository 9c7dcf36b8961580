package store_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/ledger"
)

// The record to erase, the value that identifies the person, and records that exist only for it.
const (
	erasedID = "4711001"
	person   = "Ada Erasable"
	contact  = "4711501"
	site     = "4711601"
)

// newEraseFixture has tables of customers, of what depends on them and of what refers to them.
func newEraseFixture(t *testing.T) *fixture {
	t.Helper()
	var entities []entity.Entity
	for _, name := range []string{"customers", "jobs", "locations", "customer_contacts", "location_contacts", "contacts", "contact_methods", "payroll_settings", "technicians"} {
		entities = append(entities, find(t, name))
	}
	return migratedFixture(t, "erase", entities)
}

// insertRow stores a row past the store, with a document. The trigger of the table computes the typed columns.
func (f *fixture) insertRow(tenant events.TenantID, table, id, document string) {
	f.Helper()
	f.exec(fmt.Sprintf("insert into raw.%s (tenant_id, st_id, full_data, fetched_at, run_number) values ($1, '%s', $2, now(), 1)", table, id), tenant, document)
}

// finished returns a run that ended with its outcome published.
func (f *fixture) finished(eventID string, entities ...string) ledger.Run {
	f.Helper()
	run := f.beginFull(eventID, entities...)
	run = f.finalize(run, ledger.Finalization{State: ledger.Cancelled})
	f.exec("update raw.sync_runs set published_at = now() where run_number = $1", run.Number)
	return run
}

// findings returns the tables with a row that has one of the texts, as text or in bytes.
func (f *fixture) findings(texts ...string) (tables []string) {
	f.Helper()
	names := get[[]string](f, `select array_agg(format('%I.%I', schemaname, tablename)) from pg_tables where schemaname in ('raw', 'raw_rebuild')`)
	for _, name := range names {
		for _, text := range texts {
			if get[bool](f, "select exists (select from "+name+` t where t::text ~ $1 or t::text like '%' || encode(convert_to($2, 'UTF8'), 'hex') || '%')`, `\m`+text+`\M`, text) {
				tables = append(tables, name)
				break
			}
		}
	}
	slices.Sort(tables)
	return tables
}

// plant puts the record and its id wherever the database may have them, and returns the places with counts.
func (f *fixture) plant() (places []ledger.ErasedPlace) {
	f.Helper()
	f.insertRow(tenant, "st_customers", erasedID, `{"name":"`+person+`"}`)
	f.insertRow(tenant, "st_customer_contacts", contact, `{"customerId":4711001,"value":"`+person+`"}`)
	f.insertRow(tenant, "st_locations", site, `{"customerId":4711001}`)
	f.insertRow(tenant, "st_location_contacts", "4711701", `{"locationId":4711601}`)
	run := f.finished("planted", "customers").Number
	quoted := func(text string) string {
		return strings.NewReplacer("ID", erasedID, "PERSON", person, "RUN", fmt.Sprint(run), "TENANT", string(tenant)).Replace(text)
	}
	for _, p := range []struct {
		place ledger.ErasedPlace
		sql   string
	}{
		{ledger.ErasedPlace{Place: "raw.rejected_records"}, `insert into raw.rejected_records (run_number, tenant_id, table_name, st_id, reason, bytes) values (RUN, TENANT, 'raw.st_customers', 'ID', 'bad date', '{"id": ID, "name": "PERSON"}')`},
		{ledger.ErasedPlace{Place: "raw.sync_missed"}, `insert into raw.sync_missed (tenant_id, table_name, st_id, run_number) values (TENANT, 'raw.st_customers', 'ID', RUN)`},
		{ledger.ErasedPlace{Place: "raw.sync_seen"}, `insert into raw.sync_seen (run_number, table_name, st_id) values (RUN, 'raw.st_customers', 'ID')`},
		{ledger.ErasedPlace{Place: "raw.sync_refresh_ids"}, `insert into raw.sync_refresh_ids (run_number, table_name, st_id) values (RUN, 'raw.st_customers', 'ID')`},
		{ledger.ErasedPlace{Place: "raw.schema_drift", How: ledger.EraseRedacted}, `insert into raw.schema_drift (run_number, table_name, column_name, records, st_id, example) values (RUN, 'raw.st_customers', 'balance', 1, 'ID', '"PERSON"')`},
		{ledger.ErasedPlace{Place: "raw.sync_requests", How: ledger.EraseRedacted}, `update raw.sync_requests set ids = '{1,ID}', reason = 'customer ID asks'`},
		{ledger.ErasedPlace{Place: "raw.sync_cursors", How: ledger.EraseRedacted}, `insert into raw.sync_cursors (run_number, table_name, cursor, status, warnings, differences, error) values (RUN, 'raw.st_customers', '{}', 'failed',
			'{"1 record has a value that does not fit column balance, which is NULL there; record ID has \"PERSON\"","another"}', '{"missing":2,"extra":0,"stale":0,"damaged":0,"sample":["1","ID"]}', '{"type":"ApiError","message":"record ID: PERSON"}')`},
		{ledger.ErasedPlace{Place: "raw.sync_runs", How: ledger.EraseRedacted}, `update raw.sync_runs set error = '{"type":"ApiError","message":"record ID: PERSON"}', reason = 'for ID', results = '[{"entity":"customers","status":"failed",
			"warnings":["record ID has \"PERSON\"","another"],"differences":{"missing":2,"extra":0,"stale":0,"damaged":0,"sample":["1","ID"]},"error":{"type":"ApiError","message":"record ID: PERSON"}}]' where run_number = RUN`},
		{ledger.ErasedPlace{Place: "raw.sync_outages", How: ledger.EraseRedacted}, `insert into raw.sync_outages (outage_id, tenant_id, entities, since, cause) values ('o', TENANT, '[]', now(), 'run RUN failed: record ID: PERSON')`},
		{ledger.ErasedPlace{Place: "raw_rebuild.run_RUN"}, `create table raw_rebuild.run_RUN (like raw.st_customers); insert into raw_rebuild.run_RUN select * from raw.st_customers`},
		{ledger.ErasedPlace{Place: "raw_rebuild.run_RUN_customers_diff"}, `create table raw_rebuild.run_RUN_customers_diff (st_id bigint); insert into raw_rebuild.run_RUN_customers_diff values (ID), (5)`},
	} {
		f.exec(quoted(p.sql))
		p.place.Place, p.place.Count = quoted(p.place.Place), 1
		if p.place.How == "" {
			p.place.How = ledger.EraseDeleted
		}
		places = append(places, p.place)
	}
	for _, table := range []string{"customers", "customer_contacts", "locations", "location_contacts"} {
		places = append(places, ledger.ErasedPlace{Place: "raw.st_" + table, Count: 1, How: ledger.EraseDeleted})
	}
	return places
}

func erasure(t *testing.T, name, id string) ledger.Erasure {
	t.Helper()
	return ledger.Erasure{TenantID: tenant, Entity: find(t, name), ID: id}
}

func TestEraseRemovesARecordFromEveryTable(t *testing.T) {
	t.Parallel()
	f := newEraseFixture(t)
	places := f.plant()
	f.exec("insert into raw.changes (run_number, tenant_id, changed_at, table_name, st_id, op) values (1, $1, now(), 'raw.st_customers', $2, 'insert'), (1, $1, now(), 'raw.st_locations', $3, 'insert')", tenant, erasedID, site)
	f.exec("insert into raw.sync_state (tenant_id, table_name, records_count) values ($1, 'raw.st_customers', 2)", tenant)
	f.insertRow(tenant, "st_customers", "4711002", `{"name":"another"}`)
	f.insertRow("43", "st_customers", erasedID, `{"name":"of another tenant"}`)
	f.insertRow(tenant, "st_jobs", "4711801", `{"customerId":4711001}`)
	f.exec(`insert into raw.rejected_records (run_number, tenant_id, table_name, st_id, reason, bytes) values (1, $1, 'raw.st_jobs', '', 'no id', '{"customerId": 4711001}'), (1, $1, 'raw.st_jobs', '', 'no id', '{"customerId": 47110012}')`, tenant)
	all := f.findings(erasedID, person, contact, site)
	require.Len(t, all, len(places)+2, "the places, raw.changes and raw.st_jobs are planted: %v", all)

	what := erasure(t, "customers", erasedID)
	dry, err := f.Erase(t.Context(), what, nil, nil)
	require.NoError(t, err)
	require.ElementsMatch(t, places, dry.Places)
	require.Equal(t, all, f.findings(erasedID, person, contact, site), "nothing is changed")
	require.Equal(t, map[string][]string{"customers": {erasedID}, "customer_contacts": {contact}, "locations": {site}, "location_contacts": {"4711701"}}, dry.IDs())
	changes, err := f.EraseChanges(t.Context(), what, dry.IDs(), false)
	require.NoError(t, err)
	require.EqualValues(t, 2, changes)

	changes, err = f.EraseChanges(t.Context(), what, dry.IDs(), true)
	require.NoError(t, err)
	require.EqualValues(t, 2, changes)
	elsewhere := ledger.ErasedPlace{Place: "raw.changes", Count: 2, How: ledger.EraseDeleted}
	erased, err := f.Erase(t.Context(), what, []ledger.ErasedPlace{elsewhere}, &ledger.AuditEntry{
		ID: "a", At: at(0), Actor: "ops", Role: "command", Action: ledger.ActionErase, Target: what.Target(), TenantID: tenant, Status: 200,
	})
	require.NoError(t, err)
	require.ElementsMatch(t, append(places, elsewhere), erased.Places)
	f.exec("delete from raw.st_jobs")
	f.exec("delete from raw.st_customers where tenant_id = 43 and name = 'of another tenant'") // there it was
	i := slices.IndexFunc(erased.References, func(r ledger.EraseReference) bool { return r.Column == "bytes" })
	require.EqualValues(t, 1, erased.References[i].Rows, "not the one with a longer id")
	require.Equal(t, []string{"raw.rejected_records", "raw.sync_audit"}, f.findings(erasedID, person, contact, site), "the reference and the audit trail")
	f.exec("delete from raw.rejected_records")
	require.Equal(t, []string{"raw.sync_audit"}, f.findings(erasedID, person, contact, site))
	require.NotContains(t, get[string](f, "select row(a.*)::text from raw.sync_audit a"), person)
	require.Contains(t, get[string](f, "select reason from raw.sync_audit"), "raw.changes 2 deleted, raw.sync_requests 1 redacted")

	require.Equal(t, []string{"1"}, get[[]string](f, "select ids from raw.sync_requests"))
	require.EqualValues(t, 1, get[int64](f, "select records_count from raw.sync_state"))
	require.Equal(t, "another", get[string](f, "select name from raw.st_customers"))
	require.Equal(t, `["removed, because it named an erased record", "another"]`, get[string](f, "select results -> 0 ->> 'warnings' from raw.sync_runs"))
	require.Equal(t, `["1"]`, get[string](f, "select results -> 0 -> 'differences' ->> 'sample' from raw.sync_runs"))
	again, err := f.Erase(t.Context(), what, nil, nil)
	require.NoError(t, err)
	require.Empty(t, again.Places, "a repetition finds nothing")
}

func TestEraseReportsWhatRefersToTheRecord(t *testing.T) {
	t.Parallel()
	f := newEraseFixture(t)
	f.insertRow(tenant, "st_customers", "4711009", `{"mergedToId":4711001}`)
	f.insertRow(tenant, "st_jobs", "1", `{"customerId":4711001}`)
	f.insertRow(tenant, "st_jobs", "2", `{"customerId":4711001}`)
	f.insertRow("43", "st_jobs", "3", `{"customerId":4711001}`)
	f.exec(`insert into raw.rejected_records (run_number, tenant_id, table_name, st_id, reason, bytes) values (1, $1, 'raw.st_jobs', '9', 'no date', '{"customerId": 4711001}')`, tenant)
	report, err := f.Erase(t.Context(), erasure(t, "customers", erasedID), nil, nil)
	require.NoError(t, err)
	require.Empty(t, report.Places)
	rows := map[string]int64{}
	for _, r := range report.References {
		rows[r.Table+"."+r.Column] = r.Rows
		var listed []string
		found, err := f.db.Query(t.Context(), r.SQL)
		require.NoError(t, err, r.SQL)
		for found.Next() {
			listed = append(listed, fmt.Sprint(found.Values()))
		}
		require.NoError(t, found.Err(), r.SQL)
		require.Len(t, listed, int(r.Rows), r.SQL)
	}
	require.Equal(t, map[string]int64{"raw.st_customers.merged_to_id": 1, "raw.st_jobs.customer_id": 2, "raw.rejected_records.bytes": 1}, rows)
}

func TestEraseFindsTextKeysInAnyCaseAndEmployeesByType(t *testing.T) {
	t.Parallel()
	f := newEraseFixture(t)
	f.insertRow(tenant, "st_contacts", "ab-c", `{"name":"`+person+`"}`)
	f.insertRow(tenant, "st_contact_methods", "m1", `{"contactId":"ab-c"}`)
	report, err := f.Erase(t.Context(), erasure(t, "contacts", "AB-C"), nil, nil)
	require.NoError(t, err)
	require.Equal(t, map[string][]string{"contacts": {"AB-C", "ab-c"}, "contact_methods": {"m1"}}, report.IDs())
	require.Len(t, report.Places, 2)
	f.exec("insert into raw.rejected_records (run_number, tenant_id, table_name, st_id, reason, bytes) values (1, $1, 'raw.st_contacts', 'Ab-C', 'no date', '{}')", tenant)
	f.exec("insert into raw.changes (run_number, tenant_id, changed_at, table_name, st_id, op) values (1, $1, now(), 'raw.st_contacts', 'Ab-C', 'insert')", tenant)
	report, err = f.Erase(t.Context(), erasure(t, "contacts", "AB-C"), nil, nil)
	require.NoError(t, err)
	require.Contains(t, report.Places, ledger.ErasedPlace{Place: "raw.rejected_records", Count: 1, How: ledger.EraseDeleted})
	changes, err := f.EraseChanges(t.Context(), erasure(t, "contacts", "AB-C"), report.IDs(), false)
	require.NoError(t, err)
	require.EqualValues(t, 1, changes)

	f.insertRow(tenant, "st_payroll_settings", "7/Technician", `{"employeeId":7,"employeeType":"Technician"}`)
	f.insertRow(tenant, "st_payroll_settings", "7/Employee", `{"employeeId":7,"employeeType":"Employee"}`)
	report, err = f.Erase(t.Context(), erasure(t, "technicians", "7"), nil, nil)
	require.NoError(t, err)
	require.Equal(t, []string{"7/Technician"}, report.IDs()["payroll_settings"])
}

// A run that is open may have read the record, and would store it after the erasure.
func TestEraseWaitsForRunsThatMayHaveReadTheRecord(t *testing.T) {
	t.Parallel()
	f := newEraseFixture(t)
	entry := func() *ledger.AuditEntry { return &ledger.AuditEntry{ID: "a", At: at(0), TenantID: tenant} }
	what := erasure(t, "customers", erasedID)
	f.insertRow(tenant, "st_customers", erasedID, `{"name":"`+person+`"}`)
	f.insertRow(tenant, "st_locations", site, `{"customerId":4711001}`)
	for _, name := range []string{"customers", "locations"} {
		run := f.beginFull("open "+name, name)
		_, err := f.Erase(t.Context(), what, nil, entry())
		require.ErrorContains(t, err, fmt.Sprintf("run %d (full) reads %s: wait until it has ended, or end it with lazisync cancel %s", run.Number, name, run.WorkflowID))
		f.finalize(run, ledger.Finalization{State: ledger.Cancelled})
		_, err = f.Erase(t.Context(), what, nil, entry())
		require.ErrorContains(t, err, fmt.Sprintf("the outcome of run %d is not published yet", run.Number))
		f.exec("update raw.sync_runs set published_at = now()")
	}
	f.beginFull("another entity", "jobs")
	q := refresh("waiting", "customers", "5", erasedID)
	f.receive(q)
	dry, err := f.Erase(t.Context(), what, nil, nil)
	require.NoError(t, err)
	require.Len(t, dry.Blockers, 1)
	require.Len(t, dry.Places, 3, "the rows, and the request")
	_, err = f.Erase(t.Context(), what, nil, entry())
	var blocked *ledger.EraseBlockedError
	require.ErrorAs(t, err, &blocked)
	require.ErrorContains(t, err, "request "+q.ID+" waits to read it again")
	require.Equal(t, []string{"raw.st_customers", "raw.st_locations", "raw.sync_requests"}, f.findings(erasedID), "nothing is erased")
	require.Zero(t, get[int](f, "select count(*) from raw.sync_audit"))
}

func TestEraseNeedsTheTable(t *testing.T) {
	t.Parallel()
	f := newEraseFixture(t)
	_, err := f.Erase(t.Context(), erasure(t, "forms", "1"), nil, nil)
	require.ErrorContains(t, err, "erase forms/1: table raw.st_forms does not exist in this database, want a database that lazisync migrate has prepared")
}

func TestForgetMessagesAndDeadLetters(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.beginFull("a", "jobs")
	f.beginFull("b", "jobs")
	f.exec("update raw.sync_requests set message = 'SYNC_COMMANDS-' || event_id || '-1'")
	id := get[string](f, "select request_id from raw.sync_requests where event_id = 'a'")
	require.NoError(t, f.ForgetMessages(t.Context(), []string{"SYNC_COMMANDS-a-1"}))
	require.Equal(t, []string{"", "SYNC_COMMANDS-b-1"}, get[[]string](f, "select array_agg(message order by event_id) from raw.sync_requests"))
	has, err := f.IsReceived(t.Context(), id, "SYNC_COMMANDS-a-1")
	require.NoError(t, err)
	require.False(t, has)
	has, err = f.IsReceived(t.Context(), get[string](f, "select request_id from raw.sync_requests where event_id = 'b'"), "SYNC_COMMANDS-b-1")
	require.NoError(t, err)
	require.True(t, has)

	keys := []ledger.DeadLetterKey{{Sequence: 1, RejectedAt: at(1)}, {Sequence: 2, RejectedAt: at(2)}}
	require.NoError(t, f.DismissDeadLetters(t.Context(), keys, ledger.Dismissal{Reason: "r"}))
	deleted, err := f.ForgetDeadLetters(t.Context(), slices.Concat(keys[:1], []ledger.DeadLetterKey{{Sequence: 2, RejectedAt: at(3)}}))
	require.NoError(t, err)
	require.EqualValues(t, 1, deleted)
	require.EqualValues(t, 2, get[int64](f, "select sequence from raw.sync_dead_letters"))
}
