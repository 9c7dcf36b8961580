package simulator_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/internal/simulator"
)

func itoa(id int64) string { return strconv.FormatInt(id, 10) }

// walk reads all pages of a list and returns the ids in their order.
func (a *api) walk(t *testing.T, path string, first int) []int64 {
	t.Helper()
	var ids []int64
	for n := first; ; n++ {
		p := a.page(t, path+"&page="+strconv.Itoa(n))
		require.Equal(t, n, p.Page)
		ids = append(ids, p.ids()...)
		if !p.HasMore {
			return ids
		}
	}
}

// TestListOrder: a sortable list is ordered by id. Another list has another order, in which every
// record appears once.
func TestListOrder(t *testing.T) {
	t.Parallel()
	a := start(t, simulator.Options{RecordsPerEntity: 1, RequestsPerSecond: -1})
	for path, sorted := range map[string]bool{
		"/inventory/v2/tenant/{tenant}/vendors?active=Any":                                                true,
		"/equipmentsystems/v2/tenant/{tenant}/equipment-types?active=Any&sort=%2BID":                      true,
		"/settings/v2/tenant/{tenant}/technicians?active=Any":                                             false,
		"/settings/v2/tenant/{tenant}/technicians?active=Any&sort=%2BId":                                  false,
		"/jpm/v2/tenant/{tenant}/job-types?active=Any":                                                    false,
		"/accounting/v2/tenant/{tenant}/inventory-bills/paginated?":                                       false,
		"/crm/v2/tenant/{tenant}/locations/contacts?createdOnOrAfter=2000-01-01":                          false,
		"/jpm/v2/tenant/{tenant}/project-types?includeTotal=true&modifiedOnOrAfter=2100-01-01&active=any": false,
	} {
		ids := a.walk(t, path, 1)
		require.Equal(t, sorted, slices.IsSorted(ids), path)
		require.Equal(t, ids, a.walk(t, path, 1), "the same order again")
		slices.Sort(ids)
		require.GreaterOrEqual(t, len(slices.Compact(ids)), 180, path)
	}
}

// TestPageZero: Intacct's mappings begin with page 0 and require includeTotal.
func TestPageZero(t *testing.T) {
	t.Parallel()
	const list = "/settings/v2/tenant/{tenant}/business-units/intacct"
	a := start(t, simulator.Options{RecordsPerEntity: 1})
	ids := a.walk(t, list+"?includeTotal=true&pageSize=60", 0)
	require.Len(t, ids, 200)
	slices.Sort(ids)
	require.Len(t, slices.Compact(ids), 200)
	require.Equal(t, 200, *a.page(t, list+"?includeTotal=true").TotalCount)
	require.Zero(t, a.page(t, list+"?includeTotal=true").Page, "the default")
	status, body := a.get(t, list+"?page=0")
	require.Equal(t, http.StatusBadRequest, status)
	require.Contains(t, string(body), `"includeTotal":[`)
}

// TestTextIDs: lists of records with text ids are sorted by that text, and looked up by it.
func TestTextIDs(t *testing.T) {
	t.Parallel()
	const list = "/accounting/v2/tenant/{tenant}/journal-entries"
	a := start(t, simulator.Options{RecordsPerEntity: 1})
	var ids []string
	for _, r := range a.rows(t, list, "sort=%2BId", "pageSize=500") {
		ids = append(ids, r["id"].(string))
		require.Regexp(t, `^\d{4}-\d\d-\d\dT00:00:00$`, r["postDate"], "without a zone")
	}
	require.Len(t, ids, 200)
	require.True(t, slices.IsSorted(ids))
	found := a.rows(t, list, "ids="+ids[3]+","+ids[5])
	require.Len(t, found, 2)
	status, _ := a.get(t, list+"?pageSize=501")
	require.Equal(t, http.StatusBadRequest, status)
}

// TestOneParent: contacts of one customer. An inactive customer is an error, an unknown one has no
// contacts.
func TestOneParent(t *testing.T) {
	t.Parallel()
	a := start(t, simulator.Options{RecordsPerEntity: 8, Records: map[string]int{"customer_contacts": 60}})
	id, err := a.RandomID("customers")
	require.NoError(t, err)
	contacts := "/crm/v2/tenant/{tenant}/customers/" + itoa(id) + "/contacts"
	childKind := a.rows(t, contacts, "pageSize=100")
	require.NotEmpty(t, childKind)
	for _, r := range childKind {
		require.InDelta(t, float64(id), r["customerId"], 0)
		require.NotContains(t, r, "active", "which the export alone shows")
	}
	bulk := a.rows(t, "/crm/v2/tenant/{tenant}/customers/contacts", "customerIds="+itoa(id), "pageSize=100")
	require.ElementsMatch(t, childKind, bulk)

	require.NoError(t, a.Delete("customers", id))
	status, body := a.get(t, contacts)
	require.Equal(t, http.StatusConflict, status)
	require.Contains(t, string(body), `"status":409`)
	status, _ = a.get(t, "/crm/v2/tenant/{tenant}/customers/1/contacts")
	require.Equal(t, http.StatusNotFound, status)
	require.Equal(t, 2, a.Stats().Entities["customer_contacts_by_customer"].Refused)
}

// TestListRowsDiffer: lists that have other fields than the export.
func TestListRowsDiffer(t *testing.T) {
	t.Parallel()
	a := start(t, simulator.Options{RecordsPerEntity: 3, RequestsPerSecond: -1})
	exported := a.rows(t, "/telecom/v2/tenant/{tenant}/export/calls")[0]
	require.NotContains(t, exported, "leadCall")
	listed := a.rows(t, "/telecom/v3/tenant/{tenant}/calls")[0]
	require.Contains(t, listed["leadCall"], "modifiedOn")
	require.NotContains(t, listed, "modifiedOn")

	require.Contains(t, a.rows(t, "/pricebook/v2/tenant/{tenant}/services")[0], "calculatedPrice")
	require.NotContains(t, a.rows(t, "/pricebook/v2/tenant/{tenant}/export/services")[0], "calculatedPrice")

	note := a.rows(t, "/jpm/v2/tenant/{tenant}/export/job-notes")[0]
	require.Subset(t, note, map[string]any{"active": true})
	job := itoa(int64(note["jobId"].(float64)))
	for _, r := range a.rows(t, "/jpm/v2/tenant/{tenant}/jobs/"+job+"/notes") {
		require.NotContains(t, r, "id")
		require.NotContains(t, r, "active")
		require.Contains(t, r, "text")
	}
}

// TestUndocumentedValues: values that differ from the documentation, or from those of other
// entities.
func TestUndocumentedValues(t *testing.T) {
	t.Parallel()
	a := start(t, simulator.Options{RecordsPerEntity: 3, RequestsPerSecond: -1})
	values := func(entity, field string) map[string]int {
		seen := map[string]int{}
		for _, l := range a.memory(t, entity) {
			text, err := json.Marshal(l.Record[field])
			require.NoError(t, err)
			seen[string(text)]++
		}
		return seen
	}
	require.Contains(t, values("inventory_bills", "landedCostMethod"), "0")
	require.Contains(t, values("ap_bills", "landedCostMethod"), `"ByValue"`)
	for _, entity := range []string{"ap_bills", "inventory_bills", "bank_deposits", "projects", "tasks"} {
		require.Contains(t, values(entity, "modifiedOn"), "null", entity)
	}
	require.Contains(t, values("purchase_orders", "status"), `"Canceled"`)
	twice := 0
	for _, n := range values("payroll_settings", "employeeId") {
		twice += n / 2
	}
	require.Equal(t, 20, twice, "some employees have two")
}

// TestExportStates: the two feeds with a filter for active records.
func TestExportStates(t *testing.T) {
	t.Parallel()
	const feed = "/jpm/v2/tenant/{tenant}/export/appointments"
	a := start(t, simulator.Options{Seed: 1, RecordsPerEntity: 1, ExportPageSize: 30})
	all, _ := a.feed(t, feed, "", "")
	active, _ := a.feed(t, feed, "", "&active=True")
	inactive, _ := a.feed(t, feed, "", "&active=False")
	require.Len(t, all, 200)
	require.Len(t, active, 200-len(inactive))
	require.NotEmpty(t, inactive)
	status, _ := a.get(t, feed+"?active=yes")
	require.Equal(t, http.StatusBadRequest, status)
	status, _ = a.get(t, customersExport+"?active=yes")
	require.Equal(t, http.StatusOK, status, "customers know no such parameter")
}

// TestBadRecordOfText: invalid ids differ where ids are text.
func TestBadRecordOfText(t *testing.T) {
	t.Parallel()
	a := start(t, simulator.Options{RecordsPerEntity: 1})
	require.NoError(t, a.AddFault(simulator.Fault{Kind: "badRecord", Entity: "schedulers"}))
	_, body := a.get(t, "/schedulingpro/v2/tenant/{tenant}/schedulers")
	require.Contains(t, string(body), `{"id":{"of":"no form"}`)
}
