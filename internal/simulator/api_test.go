package simulator_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/internal/simulator"
	"github.com/lazi/lazisync/internal/testing/testserver"
)

// api is a running simulator and a client with every scope.
type api struct {
	*simulator.Simulator
	url   string
	token string
}

func start(t testing.TB, o simulator.Options) *api {
	t.Helper()
	a := &api{Simulator: simulator.New(o)}
	server := testserver.Start(t, a.Handler())
	a.url = server
	a.login(t)
	return a
}

func (a *api) login(t testing.TB) {
	t.Helper()
	response, err := http.PostForm(a.url+"/connect/token", url.Values{
		"grant_type":    {"client_credentials"},
		"client_id":     {simulator.DefaultClientID},
		"client_secret": {simulator.DefaultClientSecret},
	})
	require.NoError(t, err)
	var granted struct {
		AccessToken string `json:"access_token"`
	}
	require.NoError(t, json.NewDecoder(response.Body).Decode(&granted))
	require.NoError(t, response.Body.Close())
	require.NotEmpty(t, granted.AccessToken)
	a.token = granted.AccessToken
}

// request sends a call with token and app key; {tenant} in the path is replaced.
func (a *api) request(t testing.TB, path string) *http.Request {
	t.Helper()
	path = strings.ReplaceAll(path, "{tenant}", strconv.Itoa(simulator.DefaultTenant))
	r, err := http.NewRequest(http.MethodGet, a.url+path, nil)
	require.NoError(t, err)
	r.Header.Set("Authorization", "Bearer "+a.token)
	r.Header.Set("ST-App-Key", simulator.DefaultAppKey)
	return r
}

// page is the body of a list or an export.
type page struct {
	Page         int
	PageSize     int
	HasMore      bool
	TotalCount   *int
	ContinueFrom string
	Data         []row
}

type row struct {
	ID         int64
	Active     *bool
	MergedToID *int64
	ModifiedOn *string
}

func (p page) ids() []int64 {
	ids := make([]int64, len(p.Data))
	for i, r := range p.Data {
		ids[i] = r.ID
	}
	return ids
}

func (a *api) get(t testing.TB, path string) (status int, body []byte) {
	t.Helper()
	response, err := http.DefaultClient.Do(a.request(t, path))
	require.NoError(t, err)
	body, err = io.ReadAll(response.Body)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	return response.StatusCode, body
}

func (a *api) page(t testing.TB, path string) page {
	t.Helper()
	status, body := a.get(t, path)
	require.Equal(t, http.StatusOK, status, "%s: %s", path, body)
	var p page
	require.NoError(t, json.Unmarshal(body, &p))
	return p
}

// clock stops until it is advanced.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 2, 11, 16, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

const (
	customersList   = "/crm/v2/tenant/{tenant}/customers"
	customersExport = "/crm/v2/tenant/{tenant}/export/customers"
	jobsList        = "/jpm/v2/tenant/{tenant}/jobs"
	jobsExport      = "/jpm/v2/tenant/{tenant}/export/jobs"
	invoicesList    = "/accounting/v2/tenant/{tenant}/invoices"
	invoicesExport  = "/accounting/v2/tenant/{tenant}/export/invoices"
	estimatesList   = "/sales/v2/tenant/{tenant}/estimates"
	estimatesExport = "/sales/v2/tenant/{tenant}/export/estimates"
)
