package servicetitan

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/testing/testserver"
)

const (
	testTenant   = "7001"
	clientSecret = "cs1.s3cret+/&value"
	appKey       = "ak1.keyvalue9"
	emptyExport  = `{"hasMore":false,"continueFrom":"t1","data":[]}`
)

var serverClock = time.Date(2026, 3, 3, 10, 0, 0, 0, time.UTC)

// fakeAPI responds as the test defines. It records requests, and issues the tokens token-1,
// token-2, … .
type fakeAPI struct {
	URL string
	t   *testing.T

	api   http.HandlerFunc // every call but those for a token
	token http.HandlerFunc // nil: a good token for 900 s

	mu     sync.Mutex
	calls  []*http.Request
	issued int
}

func newFakeAPI(t *testing.T, api http.HandlerFunc) *fakeAPI {
	t.Helper()
	f := &fakeAPI{t: t, api: api}
	f.URL = testserver.Start(t, http.HandlerFunc(f.serve))
	return f
}

func (f *fakeAPI) serve(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Date", serverClock.Format(http.TimeFormat))
	f.mu.Lock()
	if r.URL.Path != "/connect/token" {
		f.calls = append(f.calls, r)
		f.mu.Unlock()
		f.api(w, r)
		return
	}
	f.issued++
	n := f.issued
	f.mu.Unlock()
	if f.token != nil {
		f.token(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, `{"access_token":"token-%d","expires_in":900,"token_type":"Bearer","scope":"tn.crm.customers:r"}`, n)
}

func (f *fakeAPI) tokens() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.issued
}

// asked returns the calls as "GET /path?query".
func (f *fakeAPI) requests() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []string
	for _, r := range f.calls {
		out = append(out, r.Method+" "+r.URL.RequestURI())
	}
	return out
}

func (f *fakeAPI) client(change ...func(*Options)) *Client {
	o := Options{
		APIURL: f.URL, AuthURL: f.URL + "/", RequestsPerSecond: 1000,
		Tenants: map[events.TenantID]Credentials{testTenant: {ClientID: "cid.1", ClientSecret: clientSecret, AppKey: appKey}},
	}
	for _, c := range change {
		c(&o)
	}
	return New(o)
}

// respond answers every call with the same status and body.
func respond(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}
}

func customers(t testing.TB) entity.Entity { return find(t, "customers") }

func find(t testing.TB, name string) entity.Entity {
	t.Helper()
	e, ok := entity.Find(name)
	require.True(t, ok, name)
	return e
}

// pageError reads the first page of customers and returns the error.
func pageError(t *testing.T, c *Client) *Error {
	t.Helper()
	e := customers(t)
	_, err := c.Page(t.Context(), testTenant, e, e.Start(), false)
	var typed *Error
	require.ErrorAs(t, err, &typed)
	return typed
}

// clock is a time that a test advances.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

func bearer(r *http.Request) string {
	return strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
}
