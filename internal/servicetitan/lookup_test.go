package servicetitan

import (
	"net/http"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/internal/entity"
)

func TestLookup(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		entity   string
		ids      []string
		request  string
		response string
		found    []string
		rejected []string
	}{
		"in every state": {
			entity: "campaigns", ids: []string{"7", "8", "9"},
			request:  "/marketing/v2/tenant/7001/campaigns?active=Any&ids=7%2C8%2C9&page=1&pageSize=5000",
			response: pageOf(`{"id":9,"active":false},{"id":7,"active":true,"modifiedOn":"yesterday"}`),
			found:    []string{"9"}, rejected: []string{"7"},
		},
		"none of them": {
			entity: "campaigns", ids: []string{"7"},
			request:  "/marketing/v2/tenant/7001/campaigns?active=Any&ids=7&page=1&pageSize=5000",
			response: pageOf(``),
		},
		"from page 0, of a list that always counts": {
			entity: "intacct_business_unit_mappings", ids: []string{"1021"},
			request:  "/settings/v2/tenant/7001/business-units/intacct?ids=1021&includeTotal=true&page=0&pageSize=500",
			response: pageOf(`{"id":1021}`),
			found:    []string{"1021"},
		},
		"GUIDs": {
			entity: "journal_entries", ids: []string{"0d4a1c5e-7a0f-4b51-9a3e-5f0c6b1d2e3f"},
			request:  "/accounting/v2/tenant/7001/journal-entries?ids=0d4a1c5e-7a0f-4b51-9a3e-5f0c6b1d2e3f&page=1&pageSize=500",
			response: pageOf(`{"id":"0d4a1c5e-7a0f-4b51-9a3e-5f0c6b1d2e3f"}`),
			found:    []string{"0d4a1c5e-7a0f-4b51-9a3e-5f0c6b1d2e3f"},
		},
		"GUIDs in another case": {
			entity: "journal_entries", ids: []string{"0D4A1C5E-7A0F-4B51-9A3E-5F0C6B1D2E3F"},
			request:  "/accounting/v2/tenant/7001/journal-entries?ids=0D4A1C5E-7A0F-4B51-9A3E-5F0C6B1D2E3F&page=1&pageSize=500",
			response: pageOf(`{"id":"0d4a1c5e-7a0f-4b51-9a3e-5f0c6b1d2e3f"}`),
			found:    []string{"0d4a1c5e-7a0f-4b51-9a3e-5f0c6b1d2e3f"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			api := newFakeAPI(t, respond(http.StatusOK, c.response))
			page, err := api.client().Lookup(t.Context(), testTenant, find(t, c.entity), c.ids, false)
			require.NoError(t, err)
			require.Equal(t, []string{"GET " + c.request}, api.requests())
			require.Equal(t, serverClock, page.Date)
			var found, rejected []string
			for _, r := range page.Records {
				found = append(found, r.ID)
			}
			for _, r := range page.Rejected {
				rejected = append(rejected, r.ID)
			}
			require.Equal(t, c.found, found)
			require.Equal(t, c.rejected, rejected)
		})
	}
}

// Only the feed of some entities has the field active, which is false for deleted records.
func TestLookupWritesRecordsAsTheFeedDoes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ entity, response, want string }{
		{"jobs", `{"id":7,"jobStatus":"Hold"}`, `{"id":7,"jobStatus":"Hold","active":true}`},
		{"jobs", `{"id":7,"active":false}`, `{"id":7,"active":false}`},
		{"jobs", `{"id":7,"customFields":[{"active":false}]}`, `{"id":7,"customFields":[{"active":false}],"active":true}`},
		{"customers", `{"id":7}`, `{"id":7}`},
		{"campaigns", `{"id":7}`, `{"id":7}`},
	} {
		api := newFakeAPI(t, respond(http.StatusOK, pageOf(c.response)))
		page, err := api.client().Lookup(t.Context(), testTenant, find(t, c.entity), []string{"7"}, true)
		require.NoError(t, err)
		require.Len(t, page.Records, 1)
		require.Equal(t, c.want, string(page.Records[0].Raw), c.entity)
		require.False(t, page.Records[0].Deleted)
		if c.want != c.response {
			require.Equal(t, c.response, string(page.Records[0].Received), "a rejected record is stored as it was received")
		}
	}
}

// A list that ignores ids must not look like one without these records.
func TestLookupInAListThatIgnoresIDs(t *testing.T) {
	t.Parallel()
	for want, response := range map[string]string{
		"the response contains record 12, which is not one of the 1 requested IDs: the list ignores ids": pageOf(`{"id":12}`),
		"the response has several pages for 1 requested IDs: the list ignores ids":                       `{"hasMore":true,"data":[{"id":7}]}`,
	} {
		api := newFakeAPI(t, respond(http.StatusOK, response))
		_, err := api.client().Lookup(t.Context(), testTenant, find(t, "campaigns"), []string{"7"}, false)
		require.ErrorContains(t, err, want)
		var typed *Error
		require.ErrorAs(t, err, &typed)
		require.True(t, typed.Permanent())
	}
}

func TestLookupIsUnsupported(t *testing.T) {
	t.Parallel()
	api := newFakeAPI(t, respond(http.StatusOK, pageOf(``)))
	for _, ids := range [][]string{nil, slices.Repeat([]string{"7"}, entity.MaxIDs+1)} {
		_, err := api.client().Lookup(t.Context(), testTenant, find(t, "campaigns"), ids, false)
		require.ErrorContains(t, err, "want 1 to 50 and a list with the parameter ids")
	}
	_, err := api.client().Lookup(t.Context(), testTenant, find(t, "technician_shifts"), []string{"7"}, false)
	require.ErrorContains(t, err, "a list with the parameter ids")
	require.Empty(t, api.requests())
}
