package servicetitan

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/entity"
)

var (
	since  = time.Date(2026, 1, 31, 22, 0, 0, 500_000_000, time.UTC)
	before = time.Date(2026, 3, 3, 1, 0, 0, 999, time.FixedZone("", 3600)) // another zone, and finer than the API is asked
)

// TestSamples reads the samples of the core entities in testdata, written by hand
// from the API's documentation: the exact request and one response to it.
func TestSamples(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"customers", "jobs", "invoices", "estimates"} {
		e := find(t, name)
		for _, feed := range []entity.Feed{entity.Export, entity.List} {
			t.Run(e.Name+"."+string(feed), func(t *testing.T) {
				t.Parallel()
				sample := readSample(t, e.Name+"."+string(feed)+".json")
				api := newFakeAPI(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(sample.Response) })
				at := entity.Cursor{Feed: feed, Since: since, Before: before}

				page, err := api.client().Page(t.Context(), testTenant, e, at, false)

				require.NoError(t, err)
				require.Equal(t, []string{sample.Request}, api.requests())
				require.Equal(t, serverClock, page.Date)
				require.Empty(t, page.Rejected)
				requireRecords(t, sample, e, feed, page)
				requireEnd(t, at, page)
			})
		}
	}
}

type sample struct {
	Request  string
	Response json.RawMessage
}

func readSample(t *testing.T, name string) sample {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	require.NoError(t, err)
	var s sample
	require.NoError(t, json.Unmarshal(text, &s))
	return s
}

// requireRecords compares with what the standard library makes of the sample.
func requireRecords(t *testing.T, s sample, e entity.Entity, feed entity.Feed, page entity.Page) {
	t.Helper()
	var want struct{ Data []json.RawMessage }
	require.NoError(t, json.Unmarshal(s.Response, &want))
	require.Len(t, page.Records, len(want.Data))
	for i, record := range page.Records {
		require.Equal(t, string(want.Data[i]), string(record.Raw), "the record as received")
		var fields struct {
			ID         json.Number
			ModifiedOn *time.Time
			Active     *bool
		}
		require.NoError(t, json.Unmarshal(record.Raw, &fields))
		require.Equal(t, fields.ID.String(), record.ID)
		if fields.ModifiedOn == nil {
			require.Zero(t, record.ModifiedOn)
		} else {
			require.Equal(t, fields.ModifiedOn.Truncate(time.Microsecond), record.ModifiedOn)
		}
		deleted := e.Name == "jobs" && feed == entity.Export && !*fields.Active
		require.Equal(t, deleted, record.Deleted)
	}
}

func requireEnd(t *testing.T, at entity.Cursor, page entity.Page) {
	t.Helper()
	want := at
	if at.Feed == entity.List {
		want.Page = 2
		require.True(t, page.Last)
		require.Equal(t, 2, page.Total)
	} else {
		want.Token = page.Next.Token
		require.Regexp(t, "^eyJ0Ijoi.*==$", want.Token)
		require.False(t, page.Last)
		require.Equal(t, -1, page.Total)
	}
	page.Next.LoopGuard = entity.LoopGuard{}
	require.Equal(t, want, page.Next)
}

func TestQueries(t *testing.T) {
	t.Parallel()
	bare := entity.Entity{Name: "bare", List: "/x/v2/tenant/{tenant}/bare"}
	for name, c := range map[string]struct {
		entity entity.Entity
		at     entity.Cursor
		want   string
	}{
		"export from the beginning": {customers(t), entity.Cursor{Feed: entity.Export},
			"/crm/v2/tenant/7001/export/customers?includeRecentChanges=true"},
		"export token wins over the date": {customers(t), entity.Cursor{Feed: entity.Export, Token: "a+b/c=&d", Since: since},
			"/crm/v2/tenant/7001/export/customers?from=a%2Bb%2Fc%3D%26d&includeRecentChanges=true"},
		"later pages are not counted": {customers(t), entity.Cursor{Feed: entity.List, Page: 3},
			"/crm/v2/tenant/7001/customers?active=Any&page=3&pageSize=5000&sort=%2BId"},
		"jobs have no filter of states": {find(t, "jobs"), entity.Cursor{Feed: entity.List, Page: 2},
			"/jpm/v2/tenant/7001/jobs?page=2&pageSize=5000&sort=%2BId"},
		"a list without any option": {bare, entity.Cursor{Feed: entity.List, Since: since, Before: before},
			"/x/v2/tenant/7001/bare?includeTotal=true&page=1&pageSize=5000"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			api := newFakeAPI(t, respond(200, emptyExport))
			_, err := api.client().Page(t.Context(), testTenant, c.entity, c.at, true)
			require.NoError(t, err)
			require.Equal(t, []string{"GET " + c.want}, api.requests())
		})
	}
}

func TestHeaders(t *testing.T) {
	t.Parallel()
	api := newFakeAPI(t, respond(200, emptyExport))
	api.token = func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost || r.FormValue("grant_type") != "client_credentials" || r.URL.RawQuery != "" ||
			r.PostFormValue("client_id") != "cid.1" || r.PostFormValue("client_secret") != clientSecret {
			w.WriteHeader(400)
		}
		_, _ = w.Write([]byte(`{"access_token":"jwt.1","expires_in":900}`))
	}
	_, err := api.client(func(o *Options) { o.UserAgent = "lazisync/1.2" }).
		Page(t.Context(), testTenant, customers(t), customers(t).Start(), false)
	require.NoError(t, err)

	got := api.calls[0].Header
	require.Equal(t, "Bearer jwt.1", got.Get("Authorization"))
	require.Equal(t, appKey, got.Get("ST-App-Key"))
	require.Equal(t, "lazisync/1.2", got.Get("User-Agent"))
	require.Equal(t, "gzip", got.Get("Accept-Encoding"))
}

func TestCount(t *testing.T) {
	t.Parallel()
	api := newFakeAPI(t, respond(200, `{"page":1,"pageSize":1,"hasMore":true,"totalCount":25417,"data":[{"id":1}]}`))
	count, err := api.client().Count(t.Context(), testTenant, find(t, "invoices"))
	require.NoError(t, err)
	require.Equal(t, 25417, count)
	require.Equal(t, []string{"GET /accounting/v2/tenant/7001/invoices?activeState=All&includeTotal=true&page=1&pageSize=1"}, api.requests())

	count, err = api.client().Count(t.Context(), testTenant, entity.Entity{Name: "invoice_items", Export: "/x"})
	require.NoError(t, err)
	require.Equal(t, -1, count, "no list")

	silent := newFakeAPI(t, respond(200, `{"hasMore":false,"totalCount":null,"data":[]}`))
	count, err = silent.client().Count(t.Context(), testTenant, customers(t))
	require.NoError(t, err)
	require.Equal(t, -1, count, "not said")
}

func TestPageWithoutDateHeader(t *testing.T) {
	t.Parallel()
	requests := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	api := newFakeAPI(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["Date"] = nil
		_, _ = w.Write([]byte(emptyExport))
	})
	page, err := api.client(func(o *Options) { o.Now = func() time.Time { return requests } }).
		Page(t.Context(), testTenant, customers(t), customers(t).Start(), false)
	require.NoError(t, err)
	require.Equal(t, requests, page.Date)
}

func TestEnvironments(t *testing.T) {
	t.Parallel()
	c := New(Options{})
	require.Equal(t, "https://api.servicetitan.io", c.apiURL)
	require.Equal(t, "https://auth.servicetitan.io/connect/token", c.tokenURL)
	c = New(Options{Environment: Integration})
	require.Equal(t, "https://api-integration.servicetitan.io", c.apiURL)
	require.Equal(t, "https://auth-integration.servicetitan.io/connect/token", c.tokenURL)
}

func TestInvalidCalls(t *testing.T) {
	t.Parallel()
	api := newFakeAPI(t, respond(200, emptyExport))
	exportOnly := entity.Entity{Name: "invoice_items", Export: "/x"}
	for name, c := range map[string]struct {
		tenant events.TenantID
		entity entity.Entity
		at     entity.Cursor
		want   string
	}{
		"unknown tenant": {"8", customers(t), customers(t).Start(), `tenant "8" has no credentials`},
		"no such feed":   {testTenant, exportOnly, entity.Cursor{Feed: entity.List}, `cursor: unknown feed "list"`},
		"no feed named":  {testTenant, customers(t), entity.Cursor{}, `cursor: unknown feed ""`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := api.client().Page(t.Context(), c.tenant, c.entity, c.at, false)
			var typed *Error
			require.ErrorAs(t, err, &typed)
			require.Equal(t, "ValidationError", typed.Type())
			require.True(t, typed.Permanent())
			require.ErrorContains(t, err, c.want)
		})
	}
	require.Empty(t, api.requests())
}
