package simulator

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"
)

func TestTenantsHaveTheirOwnCredentialsAndRecords(t *testing.T) {
	t.Parallel()
	all := Tenants{
		New(Options{Tenant: 1, ClientID: "c1", ClientSecret: "s1", AppKey: "k1", Seed: 1, RecordsPerEntity: 3}),
		New(Options{Tenant: 2, ClientID: "c2", ClientSecret: "s2", AppKey: "k2", Seed: 2, RecordsPerEntity: 5}),
	}
	do := func(r *http.Request) (int, string) {
		w := httptest.NewRecorder()
		all.Handler().ServeHTTP(w, r)
		return w.Code, w.Body.String()
	}
	token := func(id, secret string) (int, string) {
		form := url.Values{"grant_type": {"client_credentials"}, "client_id": {id}, "client_secret": {secret}}
		r := httptest.NewRequest(http.MethodPost, "/connect/token", strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		status, body := do(r)
		return status, gjson.Get(body, "access_token").Str
	}
	customers := func(tenant, token, key string) (int, string) {
		r := httptest.NewRequest(http.MethodGet, "/crm/v2/tenant/"+tenant+"/customers?active=Any&includeTotal=true", nil)
		r.Header.Set("Authorization", "Bearer "+token)
		r.Header.Set("ST-App-Key", key)
		return do(r)
	}
	_, second := token("c2", "s2")
	require.NotEmpty(t, second)
	status, _ := token("c2", "s1")
	require.Equal(t, http.StatusBadRequest, status)
	status, _ = token("c3", "s1")
	require.Equal(t, http.StatusBadRequest, status)

	status, body := customers("2", second, "k2")
	require.Equal(t, http.StatusOK, status)
	require.EqualValues(t, 5, gjson.Get(body, "totalCount").Int())
	status, _ = customers("1", second, "k1")
	require.Equal(t, http.StatusUnauthorized, status, "a token is good for its own tenant")
	status, _ = customers("3", second, "k2")
	require.Equal(t, http.StatusUnauthorized, status)

	records := func(path string) int {
		_, body := do(httptest.NewRequest(http.MethodGet, path, nil))
		return strings.Count(body, "\n")
	}
	require.Equal(t, 3, records("/_admin/records/customers"))
	require.Equal(t, 5, records("/_tenants/2/_admin/records/customers"))
}
