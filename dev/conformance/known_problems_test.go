package conformance

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/internal/simulator"
)

// TestKnownProblemsOfConnectors has one test for each problem that users of other connectors to
// ServiceTitan report in public.
func TestKnownProblemsOfConnectors(t *testing.T) {
	t.Parallel()
	db := newDatabase(t, entitiesNamed(t, "customers", "jobs", "invoices", "customer_contacts", "campaigns", "ap_bills", "non_job_appointments", "teams",
		"return_types", "appointments", "appointment_assignments", "payroll_settings", "report_categories", "intacct_business_unit_mappings",
		"inventory_bills", "journal_entries", "call_reasons")...)
	for problem, test := range map[string]func(*pipeline){
		"inactive records are missing":                                            inactiveRecordsAreSynced,
		"the endpoint ignores unknown parameters":                                 noParameterIsIgnored,
		"unsorted records abort a run":                                            unsortedRecords,
		"the watermark moves in the middle of unsorted records and some are lost": watermarkMovesAtTheEnd,
		"an edit is missed because the cursor uses a field that does not change":  editsAreSeen,
		"a token that expired during a long wait is sent":                         tokenRenewedAfterWaiting,
		"five attempts are not enough for repeated 429 and 500":                   retriesOutlastErrors,
		"an HTML page instead of JSON hides the error":                            htmlPageIsReported,
		"maintenance of reporting fails the run":                                  maintenanceIsRetried,
		"records of the endpoint whose first page is 0 are lost or repeated":      everyPageFromZero,
		"records that appear late in the API are never read":                      lateRecords,
		"a number instead of a documented text fails the run":                     numberForText,
		"records overwrite each other because the key is wrong":                   settingsOfOneEmployee,
		"a new field is missing or breaks the table":                              newField,
		"a removed contact is never marked deleted":                               removedContact,
		"one inactive customer, answered with 409, empties all contacts":          inactiveParent,
		"the watermark is ahead of the rows and unstored records are never read":  resumePointCommitsWithRows,
		"times without or with another zone are misread":                          timeZones,
		"a full sync is slow: small pages and a call for each parent":             fewCalls,
		"an interrupted full sync starts from the beginning":                      interruptedFull,
		"an edit that does not change modifiedOn is never seen":                   silentEdit,
		"deleted records stay, or existing records are deleted with them":         deletedInList,
		"a removed endpoint stops the sync of all entities":                       removedEndpoint,
		"amounts and long numbers lose digits":                                    numbersKeepDigits,
	} {
		t.Run(problem, func(t *testing.T) {
			t.Parallel()
			test(newPipeline(t, db, simulator.Options{RequestLog: 1000}, "customer_contacts", "campaigns", "ap_bills", "non_job_appointments", "teams",
				"return_types", "appointments", "appointment_assignments", "payroll_settings", "report_categories", "intacct_business_unit_mappings",
				"inventory_bills", "journal_entries", "call_reasons"))
		})
	}
}

// TestExcludedEndpointsHaveAReason: connectors have problems with reports, capacity and advertising
// figures. The catalogue excludes these, with the reason.
func TestExcludedEndpointsHaveAReason(t *testing.T) {
	t.Parallel()
	reasons := map[string]string{}
	for _, x := range entity.Excluded {
		reasons[x.Name] = x.Reason
	}
	for name, reason := range map[string]string{
		"capacity":         "POST",                 // windows of at most 14 days
		"report_data":      "columns of their own", // whose types are not those of the rows
		"attributed_leads": "nothing in a record says which one it is",
		"performance":      "figures summed up",
	} {
		_, synced := entity.Find(name)
		require.False(t, synced, name)
		require.Contains(t, reasons[name], reason, name)
	}
}

func inactiveRecordsAreSynced(p *pipeline) {
	for _, name := range []string{"customers", "invoices", "campaigns", "non_job_appointments", "teams", "return_types", "appointments", "appointment_assignments"} {
		id, err := p.RandomID(name)
		require.NoError(p, err)
		require.NoError(p, p.Deactivate(name, id))
		p.requireSync(events.Full, name)
		p.requireEqual(name)
		require.True(p, value[bool](p, "select not active and deleted_at is null from raw.st_"+name+" where tenant_id = $1 and st_id = $2", p.tenant, id), name)
	}
}

// noParameterIsIgnored uses the statistics of the simulator, which has its own list of the
// parameters.
func noParameterIsIgnored(p *pipeline) {
	for _, name := range []string{"jobs", "invoices", "customer_contacts", "non_job_appointments", "journal_entries", "intacct_business_unit_mappings"} {
		p.requireSync(events.Full, name)
		p.requireSync(events.Incremental, name)
		p.requireNothingIgnored(name)
	}
}

func unsortedRecords(p *pipeline) {
	const name = "ap_bills"
	result := p.requireSync(events.Full, name)
	require.Greater(p, result.Pages, int64(1))
	for _, query := range p.queries(name, "list") {
		require.Empty(p, query.Get("sort"))
	}
	p.requireEqual(name)
}

func watermarkMovesAtTheEnd(p *pipeline) {
	const name = "ap_bills"
	p.requireSync(events.Full, name)
	watermark := func() time.Time {
		return value[time.Time](p, "select resume_since from raw.sync_state where tenant_id = $1 and table_name = 'raw.st_ap_bills'", p.tenant)
	}
	before := watermark()
	p.clock.Advance(time.Hour)
	for _, r := range p.simulatorRecords(name) {
		if r.json.Get("modifiedOn").Type == gjson.String { // no filter finds the others
			require.NoError(p, p.Update(name, r.number))
		}
	}
	p.clock.Advance(time.Hour)
	run := p.begin(events.Incremental, false, name)
	p.slices.Length = 0
	result, err := p.slice(p.Context(), run, name)
	require.NoError(p, err)
	require.Empty(p, result.Status, "the first slice reads one page")
	require.Equal(p, before, watermark())
	p.finish(run, name)
	p.finalize(run)
	require.Greater(p, watermark().Sub(before), 2*time.Hour-time.Minute)
	p.requireEqual(name)
}

func editsAreSeen(p *pipeline) {
	for _, name := range []string{"appointment_assignments", "campaigns", "non_job_appointments", "invoices"} {
		p.requireSync(events.Full, name)
		require.NoError(p, p.Update(name, p.idWithModifiedOn(name)))
		require.Equal(p, int64(1), p.requireSync(events.Incremental, name).Updated, name)
		p.requireEqual(name)
	}
}

func tokenRenewedAfterWaiting(p *pipeline) {
	p.addFault(simulator.Fault{Kind: "429", WaitSeconds: 90, Entity: "customers", On: "export", Skip: 1, Count: 12})
	run := p.begin(events.Full, false, "customers")
	for range 12 {
		_, err := p.slice(p.Context(), run, "customers")
		require.ErrorContains(p, err, "Try again in 90 seconds")
		p.clock.Advance(90 * time.Second)
	}
	p.finish(run, "customers")
	require.Equal(p, int64(records), p.finalize(run).Results[0].Inserted)
	require.Greater(p, p.Stats().TokenCalls, 1)
	for _, call := range p.Stats().Requests {
		require.NotEqual(p, http.StatusUnauthorized, call.Status, "an expired token")
	}
}

func retriesOutlastErrors(p *pipeline) {
	run := p.begin(events.Full, false, "customers")
	for i := range 40 {
		p.addFault(simulator.Fault{Kind: []string{"429", "500", "502", "503html"}[i%4], Entity: "customers", On: "export"})
		_, err := p.slice(p.Context(), run, "customers")
		require.Error(p, err)
	}
	p.finish(run, "customers")
	require.Equal(p, ledger.Completed, p.finalize(run).State)
	p.requireEqual("customers")
}

func htmlPageIsReported(p *pipeline) {
	for _, kind := range []string{"html", "503html"} {
		p.addFault(simulator.Fault{Kind: kind, Entity: "campaigns", On: "list", Skip: 1}) // after the first page
		run := p.begin(events.Full, false, "campaigns")
		_, err := p.slice(p.Context(), run, "campaigns")
		require.ErrorContains(p, err, "<!DOCTYPE html><html><head><title>Service Unavailable</title>")
		p.finish(run, "campaigns")
		p.finalize(run)
	}
}

func maintenanceIsRetried(p *pipeline) {
	const name = "report_categories"
	p.addFault(simulator.Fault{Kind: "maintenance", Entity: name, Count: 2})
	run := p.begin(events.Full, false, name)
	_, err := p.slice(p.Context(), run, name)
	require.ErrorContains(p, err, "suspended for maintenance")
	p.ClearFaults()
	p.finish(run, name)
	require.Equal(p, ledger.Completed, p.finalize(run).State)
	p.requireEqual(name)
}

func everyPageFromZero(p *pipeline) {
	const name = "intacct_business_unit_mappings"
	result := p.requireSync(events.Full, name)
	require.Equal(p, []int64{records, records}, []int64{result.Fetched, result.Inserted})
	p.requireEqual(name)
}

// lateRecords: a change appears in the API some minutes later.
func lateRecords(p *pipeline) {
	for _, name := range []string{"campaigns", "jobs"} {
		late := newPipeline(p.TB, p.database, simulator.Options{Lag: 5 * time.Minute}, name)
		late.requireSync(events.Full, name)
		require.NoError(late, late.Update(name, late.idWithModifiedOn(name)))
		for _, updated := range []int64{0, 1} {
			run := late.begin(events.Incremental, false, name)
			late.finish(run, name)
			require.Equal(late, updated, late.finalize(run).Results[0].Updated, name)
			late.clock.Advance(10 * time.Minute)
		}
		late.requireEqual(name)
	}
}

// resumePointCommitsWithRows stops the worker after a page is read and before it is stored.
func resumePointCommitsWithRows(p *pipeline) {
	const name = "customers"
	p.requireSync(events.Full, name)
	for _, r := range p.simulatorRecords(name)[:3] {
		require.NoError(p, p.Update(name, r.number))
	}
	point := func() string {
		return value[string](p, "select resume_token || resume_since from raw.sync_state where tenant_id = $1 and table_name = 'raw.st_customers'", p.tenant)
	}
	before := point()
	p.clock.Advance(time.Hour)
	run := p.begin(events.Incremental, false, name)
	p.slices.Store = crashAround(p.store, 1, 0)
	_, err := p.slice(p.Context(), run, name)
	require.ErrorContains(p, err, errCrashed.Error())
	require.Equal(p, before, point())
	p.slices.Store = p.store
	p.finish(run, name)
	require.Equal(p, int64(3), p.finalize(run).Results[0].Updated)
	require.NotEqual(p, before, point())
	p.requireEqual(name)
}

func fewCalls(p *pipeline) {
	p.source.pageSize = 0                                                                 // as large as the list allows
	for name, calls := range map[string]int{"campaigns": 1, "customer_contacts": 3 + 1} { // with the count, beside the second page
		p.requireSync(events.Full, name)
		stats := p.Stats().Entities[name]
		require.Equal(p, calls, stats.ListCalls+stats.ExportCalls, name)
	}
	require.Equal(p, "5000", p.queries("campaigns", "list")[0].Get("pageSize"))
}

func interruptedFull(p *pipeline) {
	const name = "customers"
	run := p.begin(events.Full, false, name)
	p.slices.Store = crashAround(p.store, 0, 2) // the second page is stored, but not reported
	_, err := p.slice(p.Context(), run, name)
	require.ErrorContains(p, err, errCrashed.Error())
	p.slices.Store = p.store
	p.finish(run, name)
	result := p.finalize(run).Results[0]
	require.Equal(p, []int64{3, records, records}, []int64{result.Pages, result.Fetched, result.Inserted})
	require.LessOrEqual(p, p.Stats().Entities[name].ExportCalls, 4, "at most the page in flight is read twice")
	p.requireEqual(name)
}

func removedEndpoint(p *pipeline) {
	p.addFault(simulator.Fault{Kind: "404", Entity: "campaigns", Count: -1})
	run := p.begin(events.Full, false, "campaigns", "customers")
	p.finish(run, "campaigns")
	p.finish(run, "customers")
	for _, result := range p.finalize(run).Results {
		if result.Entity == "customers" {
			require.Equal(p, events.StatusCompleted, result.Status)
			continue
		}
		require.Equal(p, events.NotFound, result.Error.Type)
		require.Contains(p, result.Error.Message, "path /marketing/v2/tenant/"+p.tenant+"/campaigns does not exist")
	}
	p.requireEqual("customers")
}

// record returns a record as the simulator has it in memory.
func (p *pipeline) record(name string, number int64) gjson.Result {
	p.Helper()
	for _, r := range p.simulatorRecords(name) {
		if r.number == number {
			return r.json
		}
	}
	require.Fail(p, "no such record", "%s %d", name, number)
	return gjson.Result{}
}

// requireNothingIgnored requires that every parameter sent so far exists at its endpoint.
func (p *pipeline) requireNothingIgnored(name string) {
	p.Helper()
	for _, call := range p.Stats().Requests {
		if call.Entity == name {
			require.Empty(p, call.Ignored, "%s?%s", call.Path, call.Query)
		}
	}
}
