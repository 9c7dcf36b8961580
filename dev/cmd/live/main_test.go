package main

import (
	"bytes"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/simulator"
	"github.com/lazi/lazisync/internal/testing/testserver"
)

// rig is the command, with a simulated ServiceTitan for the real one.
type rig struct {
	*simulator.Simulator
	environ map[string]string
	rewrite [2]string // a part of every answer, and what it becomes
}

func newRig(t *testing.T, o simulator.Options) *rig {
	t.Helper()
	o.RequestsPerSecond = -1
	r := &rig{Simulator: simulator.New(o)}
	api := r.Handler()
	server := testserver.Start(t, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		answer := httptest.NewRecorder()
		api.ServeHTTP(answer, req)
		body := strings.ReplaceAll(answer.Body.String(), r.rewrite[0], r.rewrite[1])
		if r.rewrite[0] == "" {
			body = answer.Body.String()
		}
		for name, values := range answer.Header() {
			w.Header()[name] = values
		}
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		w.WriteHeader(answer.Code)
		_, _ = w.Write([]byte(body))
	}))
	r.environ = map[string]string{
		"SERVICETITAN_API_URL": server, "SERVICETITAN_AUTH_URL": server, "SERVICETITAN_TENANT_ID": strconv.Itoa(simulator.DefaultTenant),
		"SERVICETITAN_CLIENT_ID": simulator.DefaultClientID, "SERVICETITAN_CLIENT_SECRET": simulator.DefaultClientSecret, "SERVICETITAN_APP_KEY": simulator.DefaultAppKey,
		"SERVICETITAN_REQUESTS_PER_SECOND": "60",
	}
	return r
}

func (r *rig) run(t *testing.T, args ...string) (code int, out, err string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	var environ []string
	for name, value := range r.environ {
		environ = append(environ, name+"="+value)
	}
	code = run(t.Context(), args, environ, &stdout, &stderr)
	return code, stdout.String(), stderr.String()
}

// TestCatalogueMatchesTheSimulator: what was written down of the API twice, agrees.
func TestCatalogueMatchesTheSimulator(t *testing.T) {
	t.Parallel()
	r := newRig(t, simulator.Options{RecordsPerEntity: 20})
	r.environ["SERVICETITAN_ENVIRONMENT"] = "integration"
	code, out, err := r.run(t)
	require.Zero(t, code, "%s%s", out, err)
	listings := 0
	for _, e := range entity.Catalogue {
		for _, path := range []string{e.Export, e.List} {
			if path != "" {
				listings++
			}
		}
	}
	require.Equal(t, listings, strings.Count(out, " reachable "))
	require.NotContains(t, out, "unknown fields")
	require.NotContains(t, out, "columns without a field")
	require.Contains(t, out, fmt.Sprintf("\n%d entities: %d × reachable\n", len(entity.Catalogue), listings))
}

func TestDifferencesAreReported(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		options simulator.Options
		fault   string
		rewrite [2]string
		code    int
		says    string
	}{
		"all is well":   {code: 0, says: `(?m)^campaigns +list +reachable +50 records$`},
		"scope":         {options: simulator.Options{WithoutScopes: []string{"tn.mrk.campaigns:r"}}, code: 0, says: `(?m)^campaigns +list +missing scope tn\.mrk\.campaigns:r$`},
		"path":          {fault: "404", code: 1, says: `(?m)^campaigns +list +path is gone  path /marketing/v2/tenant/\d+/campaigns does not exist`},
		"shape":         {rewrite: [2]string{`"data":[`, `"items":[`}, code: 1, says: `(?m)^campaigns +list +wrong shape +data is missing, want an array; the body begins with "{`},
		"refused":       {fault: "400", code: 1, says: `(?m)^campaigns +list +failed +One or more validation errors`},
		"unknown field": {rewrite: [2]string{`"name":`, `"reach":7,"name":`}, code: 0, says: `(?m)^campaigns +list +reachable +50 records; unknown fields: reach$`},
		"renamed field": {
			rewrite: [2]string{`"name":`, `"title":`}, code: 0,
			says: `(?m)^campaigns +list +reachable +50 records; unknown fields: title; columns without a field: name \(name\)$`,
		},
		"no id": {rewrite: [2]string{`"id":`, `"identity":`}, code: 1, says: `(?m)^campaigns +list +wrong shape +cannot be stored: id is missing`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, c.options)
			r.rewrite = c.rewrite
			if c.fault != "" {
				require.NoError(t, r.AddFault(simulator.Fault{Kind: c.fault, Entity: "campaigns", Count: -1}))
			}
			code, out, err := r.run(t, "campaigns", "forms")
			require.Equal(t, c.code, code, "%s%s", out, err)
			require.Regexp(t, c.says, out)
			require.Regexp(t, `(?m)^forms +list `, out, "the others are looked at all the same")
			require.Regexp(t, `(?m)^2 entities: `, out)
		})
	}
}

// TestRequestsOnlyRead asks the simulator what it was asked.
func TestRequestsOnlyRead(t *testing.T) {
	t.Parallel()
	r := newRig(t, simulator.Options{RecordsPerEntity: 20})
	code, _, _ := r.run(t, "customers")
	require.Zero(t, code)
	calls := r.Stats().Requests
	require.Len(t, calls, 3, "a token, one page of the feed and one of the list")
	require.Contains(t, calls[2].Query, "pageSize=50")
}

func TestWaitsForRetryAfter(t *testing.T) {
	t.Parallel()
	r := newRig(t, simulator.Options{})
	require.NoError(t, r.AddFault(simulator.Fault{Kind: "429", WaitSeconds: 1, Entity: "campaigns", Count: 2}))
	code, out, _ := r.run(t, "campaigns")
	require.Zero(t, code)
	require.Contains(t, out, "reachable")
}

func TestRequiredVariables(t *testing.T) {
	t.Parallel()
	r := newRig(t, simulator.Options{})
	all := r.environ

	r.environ = map[string]string{"SERVICETITAN_ENVIRONMENT": "production"}
	code, out, err := r.run(t)
	require.Equal(t, 2, code)
	require.Empty(t, out)
	require.Equal(t, `live: 4 problems with the configuration:
  SERVICETITAN_TENANT_ID: not set, want the tenant's number
  SERVICETITAN_CLIENT_ID: not set, want client id of the app in this tenant
  SERVICETITAN_CLIENT_SECRET: not set, want client secret
  SERVICETITAN_APP_KEY: not set, want key of the app, sent as ST-App-Key
`, err)

	r.environ = maps.Clone(all)
	delete(r.environ, "SERVICETITAN_API_URL")
	code, _, err = r.run(t)
	require.Equal(t, 2, code)
	require.Equal(t, "live: SERVICETITAN_ENVIRONMENT: got \"production\", want integration; only SERVICETITAN_API_URL can select another environment\n", err)

	r.environ = all
	code, _, err = r.run(t, "custommers")
	require.Equal(t, 2, code)
	require.Contains(t, err, `entity "custommers" is not in the catalogue; did you mean customers?`)

	all["SERVICETITAN_REQUESTS_PER_SECOND"] = "many"
	code, _, err = r.run(t, "customers")
	require.Equal(t, 2, code)
	require.Contains(t, err, `SERVICETITAN_REQUESTS_PER_SECOND: got "many", want a number from `)
	delete(all, "SERVICETITAN_REQUESTS_PER_SECOND")

	all["SERVICETITAN_CLIENT_SECRET"] = "cs1.wrong"
	code, _, err = r.run(t, "customers")
	require.Equal(t, 1, code)
	require.Contains(t, err, "rejected the client ID or secret")
	require.NotContains(t, err, "cs1.wrong")
}

func TestSecretFromFile(t *testing.T) {
	t.Parallel()
	r := newRig(t, simulator.Options{RecordsPerEntity: 1})
	file := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(file, []byte(simulator.DefaultClientSecret+"\n"), 0o600))
	r.environ["SERVICETITAN_CLIENT_SECRET"], r.environ["SERVICETITAN_CLIENT_SECRET_FILE"] = "", file
	code, out, err := r.run(t, "customers")
	require.Zero(t, code, out+err)
	r.environ["SERVICETITAN_CLIENT_SECRET_FILE"] = file + ".not"
	code, _, err = r.run(t, "customers")
	require.Equal(t, 2, code)
	require.Contains(t, err, "SERVICETITAN_CLIENT_SECRET_FILE: ")
}
