package servicetitan

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/internal/entity"
)

// family is a kind of endpoint: its request and response, written by hand from the API's
// documentation.
type family struct {
	entity   string
	at       entity.Cursor
	request  string
	response string
	ids      []string
	deleted  []string
	rejected int
	next     entity.Cursor // zero where the listing ends
}

var (
	fromStart  = entity.Cursor{Feed: entity.Export}
	wholeList  = entity.Cursor{Feed: entity.List}
	sinceJan31 = entity.Cursor{Feed: entity.List, Since: since}
)

func pageOf(data string) string {
	return `{"page":1,"pageSize":50,"hasMore":false,"totalCount":2,"data":[` + data + `]}`
}

func feedOf(data string) string { return `{"hasMore":false,"continueFrom":"c2","data":[` + data + `]}` }

// families are the lists and feeds that differ from those of customers.
var families = map[string]family{
	"a bare array, GUIDs": {
		entity: "contact_preference_definitions", at: wholeList,
		request:  "/crm/v2/tenant/7001/contacts/preferences?",
		response: `[{"id":"0d4a1c5e-7a0f-4b51-9a3e-5f0c6b1d2e3f","name":"No calls"},{"id":"1e5b","name":"No texts"}]`,
		ids:      []string{"0d4a1c5e-7a0f-4b51-9a3e-5f0c6b1d2e3f", "1e5b"},
	},
	"data alone": {
		entity: "wbs_segments", at: wholeList,
		request:  "/jpm/v2/tenant/7001/work-breakdown-structure/segments?includeTotal=true&page=1&pageSize=5000",
		response: `{"data":[{"id":7,"name":"Phase"}]}`,
		ids:      []string{"7"},
	},
	"data and the tenant, a key of two texts": {
		entity: "capacity_warnings", at: wholeList,
		request: "/marketingads/v2/tenant/7001/capacity-warnings?",
		response: `{"tenantId":7001,"tenantName":"Acme","totalCount":2,"data":[{"campaignName":"Heat/Spring 50%","warningType":"Low"},
			{"campaignName":"Heat","warningType":null}]}`,
		ids: []string{"Heat%2FSpring 50%25/Low"}, rejected: 1,
	},
	"data filtered by state": {
		entity: "proposal_types", at: wholeList,
		request:  "/sales/v2/tenant/7001/proposal-types?active=Any",
		response: `{"data":[{"id":3,"active":false}]}`,
		ids:      []string{"3"},
	},
	"an envelope without pages": {
		entity: "material_cost_types", at: wholeList,
		request:  "/pricebook/v2/tenant/7001/materials/costtypes?",
		response: pageOf(`{"id":1,"name":"Pipe"}`),
		ids:      []string{"1"},
	},
	"the first page is 0": {
		entity: "intacct_business_unit_mappings", at: wholeList,
		request:  "/settings/v2/tenant/7001/business-units/intacct?includeTotal=true&page=0&pageSize=500",
		response: `{"page":0,"pageSize":500,"hasMore":true,"totalCount":501,"data":[{"id":1021}]}`,
		ids:      []string{"1021"},
		next:     entity.Cursor{Feed: entity.List, Page: 1, FirstPageAt: serverClock, Total: 501},
	},
	"the second page is 1": {
		entity: "intacct_business_unit_mappings", at: entity.Cursor{Feed: entity.List, Page: 1, FirstPageAt: serverClock, Total: 1001},
		request:  "/settings/v2/tenant/7001/business-units/intacct?includeTotal=true&page=1&pageSize=500",
		response: `{"page":1,"pageSize":500,"hasMore":true,"totalCount":1001,"data":[{"id":1022}]}`,
		ids:      []string{"1022"},
		next:     entity.Cursor{Feed: entity.List, Page: 2, FirstPageAt: serverClock, Total: 1001},
	},
	"a list that does not count": {
		entity: "materials_markup", at: sinceJan31,
		request:  "/pricebook/v2/tenant/7001/materialsmarkup?page=1&pageSize=5000",
		response: `{"page":1,"pageSize":5000,"hasMore":false,"totalCount":null,"data":[{"id":9,"from":0,"to":10,"percent":25}]}`,
		ids:      []string{"9"},
	},
	"GUIDs, sorted": {
		entity: "contacts", at: sinceJan31,
		request:  "/crm/v2/tenant/7001/contacts?includeTotal=true&modifiedOnOrAfter=2026-01-31T22%3A00%3A00.5Z&page=1&pageSize=5000&sort=%2BId",
		response: pageOf(`{"id":"3fa85f64-5717-4562-b3fc-2c963f66afa6","name":"Dana","modifiedOn":"2026-02-01T00:00:00Z"}`),
		ids:      []string{"3fa85f64-5717-4562-b3fc-2c963f66afa6"},
	},
	"a GUID that may be null, pages of 500, no sort": {
		entity: "journal_entries", at: wholeList,
		request:  "/accounting/v2/tenant/7001/journal-entries?includeTotal=true&page=1&pageSize=500",
		response: pageOf(`{"id":"a1b2"},{"id":null,"postDate":"2025-10-13T00:00:00"}`),
		ids:      []string{"a1b2"}, rejected: 1,
	},
	"texts as ids": {
		entity: "technician_skills", at: wholeList,
		request:  "/dispatch/v2/tenant/7001/technician-skills?active=Any&includeTotal=true&page=1&pageSize=5000&sort=%2BId",
		response: pageOf(`{"id":"gas-1","technicianId":5}`),
		ids:      []string{"gas-1"},
	},
	"activeOnly": {
		entity: "non_job_appointments", at: wholeList,
		request:  "/dispatch/v2/tenant/7001/non-job-appointments?activeOnly=false&includeTotal=true&page=1&pageSize=5000&sort=%2BId",
		response: pageOf(`{"id":4,"active":false}`),
		ids:      []string{"4"},
	},
	"includeInactive": {
		entity: "teams", at: wholeList,
		request:  "/dispatch/v2/tenant/7001/teams?includeInactive=true&includeTotal=true&page=1&pageSize=5000&sort=%2BId",
		response: pageOf(`{"id":4,"active":false}`),
		ids:      []string{"4"},
	},
	"activeState": {
		entity: "payments", at: sinceJan31,
		request:  "/accounting/v2/tenant/7001/payments?activeState=All&includeTotal=true&modifiedOnOrAfter=2026-01-31T22%3A00%3A00.5Z&page=1&pageSize=5000",
		response: pageOf(`{"id":4,"active":false}`),
		ids:      []string{"4"},
	},
	"a list that wants a bound": {
		entity: "customer_contacts", at: wholeList,
		request:  "/crm/v2/tenant/7001/customers/contacts?includeTotal=true&modifiedOnOrAfter=1970-01-01T00%3A00%3A00Z&page=1&pageSize=5000",
		response: pageOf(`{"id":4}`),
		ids:      []string{"4"},
	},
	"new records only": {
		entity: "credit_memo_items", at: sinceJan31,
		request: "/accounting/v2/tenant/7001/credit-memos/credit-memo-items?" +
			"active=Any&createdOnOrAfter=2026-01-31T22%3A00%3A00.5Z&includeTotal=true&page=1&pageSize=5000",
		response: pageOf(`{"id":4}`),
		ids:      []string{"4"},
	},
	"submitted records only": {
		entity: "form_submissions", at: sinceJan31,
		request: "/forms/v2/tenant/7001/submissions?active=Any&includeTotal=true&page=1&pageSize=500&sort=%2BId&" +
			"submittedOnOrAfter=2026-01-31T22%3A00%3A00.5Z",
		response: pageOf(`{"id":4,"units":[{"name":"a"}]}`),
		ids:      []string{"4"},
	},
	"a filter that is not used": {
		entity: "user_roles", at: sinceJan31,
		request:  "/settings/v2/tenant/7001/user-roles?active=Any&includeTotal=true&page=1&pageSize=5000",
		response: pageOf(`{"id":4}`),
		ids:      []string{"4"},
	},
	"a key of two numbers": {
		entity: "technician_ratings", at: fromStart,
		request:  "/customer-interactions/v2/tenant/7001/export/technician-ratings?includeRecentChanges=true",
		response: feedOf(`{"technicianId":5521,"jobId":90331205,"active":false},{"technicianId":5521,"rating":9.5}`),
		ids:      []string{"5521/90331205"}, rejected: 1,
	},
	"a key of a number and a text": {
		entity: "payroll_settings", at: fromStart,
		request:  "/payroll/v2/tenant/7001/export/payroll-settings?includeRecentChanges=true",
		response: feedOf(`{"employeeId":7,"employeeType":"Technician"},{"employeeId":7,"employeeType":"Employee"}`),
		ids:      []string{"7/Technician", "7/Employee"},
	},
	"a key of another name": {
		entity: "job_history", at: fromStart,
		request:  "/jpm/v2/tenant/7001/export/job-history?includeRecentChanges=true",
		response: feedOf(`{"jobId":90331205,"history":[{"id":1,"eventType":"Booked","date":"2026-02-09T18:22:41Z"}]},{"id":5}`),
		ids:      []string{"90331205"}, rejected: 1,
	},
	"a feed that hides what is inactive": {
		entity: "appointment_assignments", at: fromStart,
		request:  "/dispatch/v2/tenant/7001/export/appointment-assignments?active=Any&includeRecentChanges=true",
		response: feedOf(`{"id":4,"active":false}`),
		ids:      []string{"4"},
	},
	"a feed of what is deleted": {
		entity: "customer_contacts", at: fromStart,
		request:  "/crm/v2/tenant/7001/export/customers/contacts?includeRecentChanges=true",
		response: feedOf(`{"id":4,"active":false},{"id":5,"active":true},{"id":6}`),
		ids:      []string{"4", "5", "6"}, deleted: []string{"4"},
	},
	"deleted by status": {
		entity: "customer_memberships", at: fromStart,
		request:  "/memberships/v2/tenant/7001/export/memberships?includeRecentChanges=true",
		response: feedOf(`{"id":4,"active":false,"status":"Canceled"},{"id":5,"active":true,"status":"Deleted"}`),
		ids:      []string{"4", "5"}, deleted: []string{"5"},
	},
	"a feed of another version than the list": {
		entity: "calls", at: fromStart,
		request:  "/telecom/v2/tenant/7001/export/calls?includeRecentChanges=true",
		response: feedOf(`{"id":4,"direction":"Inbound","createdOn":"2026-02-09T18:22:41Z"}`),
		ids:      []string{"4"},
	},
}

func TestFamilies(t *testing.T) {
	t.Parallel()
	for name, f := range families {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			api := newFakeAPI(t, respond(200, f.response))
			page, err := api.client().Page(t.Context(), testTenant, find(t, f.entity), f.at, false)
			require.NoError(t, err)
			require.Equal(t, []string{"GET " + f.request}, api.requests())
			var ids, deleted []string
			for _, r := range page.Records {
				ids = append(ids, r.ID)
				if r.Deleted {
					deleted = append(deleted, r.ID)
				}
			}
			require.Equal(t, f.ids, ids)
			require.Equal(t, f.deleted, deleted)
			require.Len(t, page.Rejected, f.rejected)
			if f.next == (entity.Cursor{}) {
				require.True(t, page.Last)
			} else {
				page.Next.LoopGuard = entity.LoopGuard{}
				require.Equal(t, f.next, page.Next)
				require.False(t, page.Last)
			}
		})
	}
}

// TestResponseOfAnotherFamilyIsRejected decodes a response of another shape than requested.
func TestResponseOfAnotherFamilyIsRejected(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ entity, response, want string }{
		"object for an array":        {"contact_preference_definitions", `{"data":[]}`, "the response is an object, want an array"},
		"array for pages":            {"contacts", `[]`, "the response is an array, want an object with data and hasMore"},
		"array for data":             {"wbs_segments", `[]`, "the response is an array, want an object with data"},
		"data missing":               {"wbs_segments", `{}`, "data is missing, want an array"},
		"more of what has no pages":  {"material_cost_types", `{"hasMore":true,"data":[{"id":1}]}`, "hasMore is true, but the list is not paged"},
		"pages without hasMore":      {"contacts", `{"data":[]}`, "hasMore is missing"},
		"page 0 empty with hasMore":  {"intacct_business_unit_mappings", `{"hasMore":true,"data":[]}`, "page 0 is empty although hasMore is true"},
		"a list that wants a parent": {"job_notes", `{}`, `cursor: unknown feed "list" for this entity`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := newFakeAPI(t, respond(200, c.response)).client().Page(t.Context(), testTenant, find(t, c.entity), wholeList, false)
			require.ErrorContains(t, err, c.want)
		})
	}
}

// TestListWithoutHasMoreEndsAtAShortPage continues while pages are full.
func TestListWithoutHasMoreEndsAtAShortPage(t *testing.T) {
	t.Parallel()
	e := find(t, "wbs_segments")
	e.PageSize = 2
	for records, last := range map[string]bool{`{"id":1}`: true, `{"id":1},{"id":2}`: false, `{"id":1},{"id":1}`: false, `{"id":1},{"id":2},{"id":3}`: true} {
		page, err := decodePage(e, wholeList, fmt.Appendf(nil, `{"data":[%s]}`, records), nil)
		require.NoError(t, err)
		require.Equal(t, last, page.Last, records)
	}
}

func TestCountIsRequestedOnlyWhereSupported(t *testing.T) {
	t.Parallel()
	api := newFakeAPI(t, respond(200, pageOf("")))
	for _, name := range []string{"contact_preference_definitions", "wbs_segments", "material_cost_types", "materials_markup", "job_notes"} {
		count, err := api.client().Count(t.Context(), testTenant, find(t, name))
		require.NoError(t, err)
		require.Equal(t, -1, count, name)
	}
	require.Empty(t, api.requests())
	_, err := api.client().Count(t.Context(), testTenant, find(t, "location_contacts"))
	require.NoError(t, err)
	require.Equal(t, []string{"GET /crm/v2/tenant/7001/locations/contacts?includeTotal=true&modifiedOnOrAfter=1970-01-01T00%3A00%3A00Z&page=1&pageSize=1"}, api.requests())
}
