package servicetitan

import (
	"compress/gzip"
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/testing/testserver"
)

// TestEveryStatus covers all statuses except 200: the error type, and whether the error is
// permanent, unexpected, or the response a page.
func TestEveryStatus(t *testing.T) {
	t.Parallel()
	const passes, unexpected = "passes", "unexpected"
	classes := map[int]string{
		302: passes, 303: passes, 307: passes, // moved for now
		408: passes, 425: passes, 429: passes, 499: passes,
	}
	kinds := map[int]Kind{401: AuthError, 403: PermissionError, 404: NotFound, 410: NotFound}
	var status int
	api := newFakeAPI(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
	client := api.client(func(o *Options) { o.RequestsPerSecond = 1e6 })
	for status = 201; status < 600; status++ {
		if status == 203 || status == 204 {
			continue // pages, see below
		}
		err := pageError(t, client)
		require.Equal(t, status, err.Status)
		wantKind, special := kinds[status]
		if !special {
			wantKind = APIError
		}
		class, special := classes[status]
		switch {
		case special:
		case status >= 500:
			class = passes
		default:
			class = unexpected
		}
		require.Equal(t, wantKind, err.Kind, status)
		require.Equal(t, class == unexpected, err.Permanent(), status)
		require.Equal(t, class == unexpected, err.Unexpected(), status)
		require.False(t, err.FromAPI(), status)
		require.Zero(t, err.RetryAfter(), status)
		require.False(t, err.TokenRejected(), status)
		require.Equal(t, status == 429, err.RateLimited(), status)
		require.Equal(t, wantKind == PermissionError, err.Scope == "tn.crm.customers:r", status)
		require.ErrorContains(t, err, "GET "+api.URL+"/crm/v2/tenant/7001/export/customers: status ", "the address that was asked")
	}
}

// TestOtherStatusesWithAPage: a 203 from a proxy is a page, and a second 204 is an empty page.
func TestOtherStatusesWithAPage(t *testing.T) {
	t.Parallel()
	changed := newFakeAPI(t, respond(203, `{"hasMore":false,"continueFrom":"t","data":[{"id":5}]}`))
	page, err := changed.client().Page(t.Context(), testTenant, customers(t), customers(t).Start(), false)
	require.NoError(t, err)
	require.Equal(t, []string{"5"}, ids(page))

	at := entity.Cursor{Feed: entity.Export, Token: "here", Since: since}
	empty := newFakeAPI(t, respond(204, ""))
	page, err = empty.client().Page(t.Context(), testTenant, customers(t), at, false)
	require.NoError(t, err)
	require.Equal(t, entity.Page{Next: at, Last: true, Total: -1, Date: serverClock}, page)
	require.Len(t, empty.requests(), 2)
	_, err = empty.client().Lookup(t.Context(), testTenant, find(t, "bookings"), []string{"5"}, false)
	var typed *Error
	require.ErrorAs(t, err, &typed, "no content does not say that a record is gone")
	require.True(t, typed.Unexpected())

	calls := 0
	once := newFakeAPI(t, func(w http.ResponseWriter, _ *http.Request) {
		if calls++; calls == 1 {
			w.WriteHeader(204)
			return
		}
		fmt.Fprint(w, `{"hasMore":false,"continueFrom":"t","data":[{"id":5}]}`)
	})
	page, err = once.client().Page(t.Context(), testTenant, customers(t), at, false)
	require.NoError(t, err)
	require.Equal(t, []string{"5"}, ids(page))
}

// TestErrorsOfTheAPIAndOfProxies distinguishes errors of the API from those of a proxy.
func TestErrorsOfTheAPIAndOfProxies(t *testing.T) {
	t.Parallel()
	for body, explained := range map[string]bool{
		`{"type":"https://httpstatuses.io/403","title":"Scope validation failed","status":403,"traceId":"1","errors":{},"data":{}}`: true,
		`{"title":"Scope validation failed"}`:                                              true,
		`{"statusCode":403,"message":"Unable to match incoming request to an operation."}`: true,
		`{"title":"Bad gateway","status":502}`:                                             false,
		`{"statusCode":502,"message":"no"}`:                                                false,
		`{"message":"blocked"}`:                                                            false,
		`{"status":403}`:                                                                   false,
		`["title"]`:                                                                        false,
		`<html><title>Forbidden</title></html>`:                                            false,
		`Access denied`:                                                                    false,
		``:                                                                                 false,
	} {
		err := pageError(t, newFakeAPI(t, respond(403, body)).client())
		require.Equal(t, explained, err.FromAPI(), body)
		require.True(t, err.Unexpected())
		require.Equal(t, !explained, strings.Contains(err.Error(), "check the address"), body)
	}
}

// TestRateLimitOfOnePath: a path that always answers 429 does not stop the tenant's others.
func TestRateLimitOfOnePath(t *testing.T) {
	t.Parallel()
	var l pathLimits
	require.False(t, l.limited("/a"))
	require.False(t, l.limited("/a"), "nothing else was asked")
	l.succeeded("/b")
	require.True(t, l.limited("/a"))
	require.True(t, l.limited("/a"), "and stays so")
	require.False(t, l.limited("/b"))
	l.succeeded("/a")
	require.False(t, l.limited("/a"))
}

// TestConflicts: a 409 of reporting during maintenance is transient; other conflicts are permanent.
func TestConflicts(t *testing.T) {
	t.Parallel()
	for title, permanent := range map[string]bool{
		"Reporting is suspended for maintenance, please try again later.": false,
		"MAINTENANCE":              false,
		"The customer is inactive": true,
	} {
		err := pageError(t, newFakeAPI(t, respond(409, fmt.Sprintf(`{"status":409,"title":%q}`, title))).client())
		require.Equal(t, permanent, err.Permanent(), title)
		require.ErrorContains(t, err, "status 409")
		require.ErrorContains(t, err, title)
	}
}

func TestRejectedToken(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		token  string
		status int
		body   string
		want   bool
	}{
		"named":             {"old", 400, `{"errors":{"From":["unknown"]}}`, true},
		"nothing named":     {"old", 400, `{"title":"Bad request"}`, true},
		"not JSON":          {"old", 400, `no`, true},
		"another parameter": {"old", 400, `{"errors":{"tenant":["unknown"]}}`, false},
		"there was none":    {"", 400, `{"errors":{"from":["unknown"]}}`, false},
		"another status":    {"old", 409, `{"errors":{"from":["unknown"]}}`, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			api := newFakeAPI(t, respond(c.status, c.body))
			_, err := api.client().Page(t.Context(), testTenant, customers(t), entity.Cursor{Feed: entity.Export, Token: c.token}, false)
			var typed *Error
			require.ErrorAs(t, err, &typed)
			require.Equal(t, c.want, typed.TokenRejected())
			require.True(t, typed.Permanent())
		})
	}
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	in := func(d time.Duration) string { return serverClock.Add(d).Format(http.TimeFormat) }
	for name, c := range map[string]struct {
		status int
		header string
		title  string
		want   time.Duration
	}{
		"header in seconds":      {429, "37", "", 37 * time.Second},
		"header wins":            {429, "3", "Try again in 50 seconds.", 3 * time.Second},
		"header as date":         {429, in(42 * time.Second), "", 42 * time.Second},
		"date far away":          {429, in(42 * time.Hour), "", 120 * time.Second},
		"date gone":              {429, in(-time.Minute), "Try again in 50 seconds.", 50 * time.Second},
		"title":                  {429, "", "Rate limit is exceeded. Try again in 50 seconds.", 50 * time.Second},
		"title with more digits": {429, "", "Error 429: 60 calls allowed. Try again in 9 seconds.", 9 * time.Second},
		"title in minutes":       {429, "", "Try again in 1 minute", 60 * time.Second},
		"title in many minutes":  {429, "", "Try again in 99999999999999999999 minutes", 120 * time.Second},
		"title without a unit":   {429, "", "Limit of 60 reached; retry in 12.", 12 * time.Second},
		"title without digits":   {429, "", "Slow down", 0},
		"garbage, then title":    {429, "soon", "Try again in 5 seconds.", 5 * time.Second},
		"garbage":                {429, "soon", "", 0},
		"zero":                   {429, "0", "", 0},
		"negative":               {429, "-30", "", 0},
		"not a number":           {429, "NaN", "", 0},
		"a billion":              {429, "1000000000", "", 120 * time.Second},
		"more than a float":      {429, "1e999", "", 120 * time.Second},
		"fraction":               {429, "1.5", "", 1500 * time.Millisecond},
		"nothing":                {429, "", "", 0},
		"503 with header":        {503, "8", "", 8 * time.Second},
		"503 with digits":        {503, "", "Error 50 seconds", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := pageError(t, newFakeAPI(t, func(w http.ResponseWriter, _ *http.Request) {
				if c.header != "" {
					w.Header().Set("Retry-After", c.header)
				}
				w.WriteHeader(c.status)
				if c.title != "" {
					fmt.Fprintf(w, `{"status":%d,"title":%q,"traceId":"00-99-01"}`, c.status, c.title)
				}
			}).client())
			require.Equal(t, c.want, err.RetryAfter())
			require.False(t, err.Permanent())
		})
	}
}

func TestRedirectIsNotFollowed(t *testing.T) {
	t.Parallel()
	elsewhere := testserver.Start(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the redirect was followed") }))
	api := newFakeAPI(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, elsewhere+"/in?key="+appKey, http.StatusMovedPermanently)
	})
	err := pageError(t, api.client(func(o *Options) { o.HTTP = &http.Client{} }))
	require.True(t, err.Permanent())
	require.ErrorContains(t, err, "redirects to "+elsewhere+", which is not followed")
}

func TestResponseSizeIsLimited(t *testing.T) {
	t.Parallel()
	err := pageError(t, newFakeAPI(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		bomb, _ := gzip.NewWriterLevel(w, gzip.BestSpeed)
		fmt.Fprint(bomb, `{"hasMore":true, "data":[`)
		blank := make([]byte, 1<<20)
		for range 80 {
			if _, err := bomb.Write(blank); err != nil {
				return // the client stops reading
			}
		}
		_ = bomb.Close()
	}).client())
	require.True(t, err.Permanent())
	require.ErrorContains(t, err, `larger than 64 MiB after decompression; the body begins with "{\"hasMore\":true, \"data\":["`)
}

func TestGzip(t *testing.T) {
	t.Parallel()
	api := newFakeAPI(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		zipped := gzip.NewWriter(w)
		fmt.Fprint(zipped, `{"hasMore":false,"continueFrom":"t","data":[{"id":5}]}`)
		_ = zipped.Close()
	})
	page, err := api.client().Page(t.Context(), testTenant, customers(t), customers(t).Start(), false)
	require.NoError(t, err)
	require.Equal(t, "5", page.Records[0].ID)
}

func TestConnectionErrors(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		handler http.HandlerFunc
		says    string
	}{
		"cut off": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			fmt.Fprint(w, emptyExport)
		}, `unexpected EOF; the body begins with "{\"hasMore\":false,`},
		"connection dropped": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := pageError(t, newFakeAPI(t, c.handler).client())
			require.Equal(t, "ApiError", err.Type())
			require.False(t, err.Permanent())
			require.ErrorContains(t, err, "no complete response: ")
			require.ErrorContains(t, err, c.says)
		})
	}
	t.Run("connection refused", func(t *testing.T) {
		t.Parallel()
		var client *Client
		t.Run("until the server stops", func(t *testing.T) {
			client = newFakeAPI(t, respond(200, emptyExport)).client()
			_, err := client.Page(t.Context(), testTenant, customers(t), customers(t).Start(), false) // responds with a token
			require.NoError(t, err)
		})
		err := pageError(t, client)
		require.False(t, err.Permanent())
		require.ErrorContains(t, err, "connection refused")
		require.NotContains(t, err.Error()+err.Unwrap().Error(), "includeRecentChanges", "no query string")
	})
}

func TestSlowResponseTimesOut(t *testing.T) {
	t.Parallel()
	api := newFakeAPI(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	client := api.client()
	req, err := http.NewRequest(http.MethodGet, api.URL, nil)
	require.NoError(t, err)
	_, err = client.exchange(t.Context(), call{subject: "customers", timeout: time.Millisecond}, req)
	var typed *Error
	require.ErrorAs(t, err, &typed)
	require.False(t, typed.Permanent(), "the server was slow")
	require.ErrorContains(t, err, "within 1ms")

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = client.Page(ctx, testTenant, customers(t), customers(t).Start(), false)
	require.ErrorIs(t, err, context.Canceled)
	require.NotErrorAs(t, err, &typed, "the caller gave up: nothing is wrong with the API")
}

func TestInvalidBaseURL(t *testing.T) {
	t.Parallel()
	err := pageError(t, New(Options{AuthURL: "http://[", Tenants: map[events.TenantID]Credentials{testTenant: {}}}))
	require.Equal(t, "ValidationError", err.Type())
	require.True(t, err.Permanent())
}
