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

// TestKnownProblemsOfConnectors are what users of other connectors to ServiceTitan complain about in
// public, one test for each.
func TestKnownProblemsOfConnectors(t *testing.T) {
	t.Parallel()
	db := newDatabase(t, few(t, "customers", "jobs", "invoices", "customer_contacts", "campaigns", "ap_bills", "non_job_appointments", "teams",
		"return_types", "appointments", "appointment_assignments", "payroll_settings", "report_categories", "intacct_business_unit_mappings",
		"inventory_bills", "journal_entries", "call_reasons")...)
	for complaint, test := range map[string]func(*pair){
		"inactive records are missing, entity after entity":                       inactiveRecordsAreThere,
		"parameters are sent that the endpoint does not have, and have no effect": noParameterIsIgnored,
		"a run is aborted because records come out of order":                      unsortedRecords,
		"the bookmark was moved in the middle of unsorted records, and some lost": watermarkMovesAtTheEnd,
		"an edit is not seen because the cursor is on a field that does not move": editsAreSeen,
		"the token ran out during a long wait, and was sent all the same":         tokenRenewedAfterWaiting,
		"five tries were not enough for a storm of 429 and 500":                   stormIsOutlasted,
		"a web page in place of JSON hid what was wrong":                          webPageIsShown,
		"maintenance of reporting failed the run":                                 maintenancePasses,
		"records of the endpoint whose first page is 0 were lost or came twice":   everyPageFromZero,
		"records that appear late in the API are never read":                      lateRecords,
		"a number where a text was documented, and the run failed":                numberForText,
		"records overwrite each other because the key was the wrong one":          settingsOfOneEmployee,
		"a field that ServiceTitan added is not there, or breaks the table":       newField,
		"a removed contact stays for ever":                                        removedContact,
		"one inactive customer, answered with 409, blanked all contacts":          inactiveParent,
		"the bookmark was ahead of the data: what was not stored was never read":  bookmarkWithTheRows,
		"times without a zone, or with another one, were taken for others":        timeZones,
		"a full sync takes for ever: small pages, a call for each parent":         fewCalls,
		"a full sync that was interrupted began again":                            interruptedFull,
		"an edit that does not move modifiedOn is never seen":                     silentEdit,
		"records deleted in ServiceTitan stay, or all others go with them":        deletedInList,
		"an endpoint was removed from the API, and nothing was synced any more":   removedEndpoint,
		"amounts lose their cents, and long numbers their digits":                 digits,
	} {
		t.Run(complaint, func(t *testing.T) {
			t.Parallel()
			test(newPair(t, db, simulator.Options{RequestLog: 1000}, "customer_contacts", "campaigns", "ap_bills", "non_job_appointments", "teams",
				"return_types", "appointments", "appointment_assignments", "payroll_settings", "report_categories", "intacct_business_unit_mappings",
				"inventory_bills", "journal_entries", "call_reasons"))
		})
	}
}

// TestExcludedEndpointsHaveAReason: what connectors got wrong about reports, capacity and figures of
// advertising cannot go wrong here; they are omitted, with the reason.
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

func inactiveRecordsAreThere(p *pair) {
	for _, name := range []string{"customers", "invoices", "campaigns", "non_job_appointments", "teams", "return_types", "appointments", "appointment_assignments"} {
		id, err := p.RandomID(name)
		require.NoError(p, err)
		require.NoError(p, p.Deactivate(name, id))
		p.complete(events.Full, name)
		p.requireEqual(name)
		require.True(p, value[bool](p, "select not active and deleted_at is null from raw.st_"+name+" where tenant_id = $1 and st_id = $2", p.tenant, id), name)
	}
}

// noParameterIsIgnored asks the simulator, which knows them by a table of its own.
func noParameterIsIgnored(p *pair) {
	for _, name := range []string{"jobs", "invoices", "customer_contacts", "non_job_appointments", "journal_entries", "intacct_business_unit_mappings"} {
		p.complete(events.Full, name)
		p.complete(events.Incremental, name)
		p.requireNothingIgnored(name)
	}
}

func unsortedRecords(p *pair) {
	const name = "ap_bills"
	result := p.complete(events.Full, name)
	require.Greater(p, result.Pages, int64(1))
	for _, query := range p.asked(name, "list") {
		require.Empty(p, query.Get("sort"))
	}
	p.requireEqual(name)
}

func watermarkMovesAtTheEnd(p *pair) {
	const name = "ap_bills"
	p.complete(events.Full, name)
	watermark := func() time.Time {
		return value[time.Time](p, "select resume_since from raw.sync_state where tenant_id = $1 and table_name = 'raw.st_ap_bills'", p.tenant)
	}
	before := watermark()
	p.clock.Advance(time.Hour)
	for _, r := range p.memory(name) {
		if r.json.Get("modifiedOn").Type == gjson.String { // no filter finds the others
			require.NoError(p, p.Update(name, r.number))
		}
	}
	p.clock.Advance(time.Hour)
	run := p.begin(events.Incremental, false, name)
	p.slices.Length = 0
	result, err := p.slice(p.Context(), run, name)
	require.NoError(p, err)
	require.Empty(p, result.Status, "there is more")
	require.Equal(p, before, watermark())
	p.finish(run, name)
	p.decide(run)
	require.Greater(p, watermark().Sub(before), 2*time.Hour-time.Minute)
	p.requireEqual(name)
}

func editsAreSeen(p *pair) {
	for _, name := range []string{"appointment_assignments", "campaigns", "non_job_appointments", "invoices"} {
		p.complete(events.Full, name)
		require.NoError(p, p.Update(name, p.dated(name)))
		require.Equal(p, int64(1), p.complete(events.Incremental, name).Updated, name)
		p.requireEqual(name)
	}
}

func tokenRenewedAfterWaiting(p *pair) {
	p.goWrong(simulator.Fault{Kind: "429", WaitSeconds: 90, Entity: "customers", On: "export", Skip: 1, Count: 12})
	run := p.begin(events.Full, false, "customers")
	for range 12 {
		_, err := p.slice(p.Context(), run, "customers")
		require.ErrorContains(p, err, "Try again in 90 seconds")
		p.clock.Advance(90 * time.Second)
	}
	p.finish(run, "customers")
	require.Equal(p, int64(records), p.decide(run).Results[0].Inserted)
	require.Greater(p, p.Stats().TokenCalls, 1)
	for _, call := range p.Stats().Requests {
		require.NotEqual(p, http.StatusUnauthorized, call.Status, "a token that has run out")
	}
}

func stormIsOutlasted(p *pair) {
	run := p.begin(events.Full, false, "customers")
	for i := range 40 {
		p.goWrong(simulator.Fault{Kind: []string{"429", "500", "502", "503html"}[i%4], Entity: "customers", On: "export"})
		_, err := p.slice(p.Context(), run, "customers")
		require.Error(p, err)
	}
	p.finish(run, "customers")
	require.Equal(p, ledger.Completed, p.decide(run).State)
	p.requireEqual("customers")
}

func webPageIsShown(p *pair) {
	for _, kind := range []string{"html", "503html"} {
		p.goWrong(simulator.Fault{Kind: kind, Entity: "campaigns", On: "list", Skip: 1}) // behind the count
		run := p.begin(events.Full, false, "campaigns")
		_, err := p.slice(p.Context(), run, "campaigns")
		require.ErrorContains(p, err, "<!DOCTYPE html><html><head><title>Service Unavailable</title>")
		p.finish(run, "campaigns")
		p.decide(run)
	}
}

func maintenancePasses(p *pair) {
	const name = "report_categories"
	p.goWrong(simulator.Fault{Kind: "maintenance", Entity: name, Count: 2})
	run := p.begin(events.Full, false, name)
	_, err := p.slice(p.Context(), run, name)
	require.ErrorContains(p, err, "suspended for maintenance")
	p.ClearFaults()
	p.finish(run, name)
	require.Equal(p, ledger.Completed, p.decide(run).State)
	p.requireEqual(name)
}

func everyPageFromZero(p *pair) {
	const name = "intacct_business_unit_mappings"
	result := p.complete(events.Full, name)
	require.Equal(p, []int64{records, records}, []int64{result.Fetched, result.Inserted})
	p.requireEqual(name)
}

// lateRecords: some minutes pass until a change shows.
func lateRecords(p *pair) {
	for _, name := range []string{"campaigns", "jobs"} {
		late := newPair(p.TB, p.database, simulator.Options{Lag: 5 * time.Minute}, name)
		late.complete(events.Full, name)
		require.NoError(late, late.Update(name, late.dated(name)))
		for _, updated := range []int64{0, 1} {
			run := late.begin(events.Incremental, false, name)
			late.finish(run, name)
			require.Equal(late, updated, late.decide(run).Results[0].Updated, name)
			late.clock.Advance(10 * time.Minute)
		}
		late.requireEqual(name)
	}
}

// bookmarkWithTheRows stops the worker between the reading and the storing of a page.
func bookmarkWithTheRows(p *pair) {
	const name = "customers"
	p.complete(events.Full, name)
	for _, r := range p.memory(name)[:3] {
		require.NoError(p, p.Update(name, r.number))
	}
	point := func() string {
		return value[string](p, "select resume_token || resume_since from raw.sync_state where tenant_id = $1 and table_name = 'raw.st_customers'", p.tenant)
	}
	before := point()
	p.clock.Advance(time.Hour)
	run := p.begin(events.Incremental, false, name)
	p.slices.Store = dying(p.store, 1, 0)
	_, err := p.slice(p.Context(), run, name)
	require.ErrorContains(p, err, errDied.Error())
	require.Equal(p, before, point())
	p.slices.Store = p.store
	p.finish(run, name)
	require.Equal(p, int64(3), p.decide(run).Results[0].Updated)
	require.NotEqual(p, before, point())
	p.requireEqual(name)
}

func fewCalls(p *pair) {
	p.source.pageSize = 0                                                                 // as large as the list allows
	for name, calls := range map[string]int{"campaigns": 2, "customer_contacts": 3 + 1} { // with the count
		p.complete(events.Full, name)
		stats := p.Stats().Entities[name]
		require.Equal(p, calls, stats.ListCalls+stats.ExportCalls, name)
	}
	require.Equal(p, "5000", p.asked("campaigns", "list")[1].Get("pageSize"))
}

func interruptedFull(p *pair) {
	const name = "customers"
	run := p.begin(events.Full, false, name)
	p.slices.Store = dying(p.store, 0, 2) // the second page is stored, but not reported
	_, err := p.slice(p.Context(), run, name)
	require.ErrorContains(p, err, errDied.Error())
	p.slices.Store = p.store
	p.finish(run, name)
	result := p.decide(run).Results[0]
	require.Equal(p, []int64{3, records, records}, []int64{result.Pages, result.Fetched, result.Inserted})
	require.LessOrEqual(p, p.Stats().Entities[name].ExportCalls, 4, "at most the page in flight is read twice")
	p.requireEqual(name)
}

func removedEndpoint(p *pair) {
	p.goWrong(simulator.Fault{Kind: "404", Entity: "campaigns", Count: -1})
	run := p.begin(events.Full, false, "campaigns", "customers")
	p.finish(run, "campaigns")
	p.finish(run, "customers")
	for _, result := range p.decide(run).Results {
		if result.Entity == "customers" {
			require.Equal(p, events.StatusCompleted, result.Status)
			continue
		}
		require.Equal(p, events.NotFound, result.Error.Type)
		require.Contains(p, result.Error.Message, "path /marketing/v2/tenant/"+p.tenant+"/campaigns does not exist")
	}
	p.requireEqual("customers")
}

// record is a record as the simulator has it in memory.
func (p *pair) record(name string, number int64) gjson.Result {
	p.Helper()
	for _, r := range p.memory(name) {
		if r.number == number {
			return r.json
		}
	}
	require.Fail(p, "no such record", "%s %d", name, number)
	return gjson.Result{}
}

// requireNothingIgnored demands that every parameter sent so far is one of its endpoint.
func (p *pair) requireNothingIgnored(name string) {
	p.Helper()
	for _, call := range p.Stats().Requests {
		if call.Entity == name {
			require.Empty(p, call.Ignored, "%s?%s", call.Path, call.Query)
		}
	}
}
