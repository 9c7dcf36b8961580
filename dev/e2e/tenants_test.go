package e2e

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/dev/compare"
	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/simulator"
)

// tenantsFile is the path in the environment.
const tenantsFile = "SERVICETITAN_TENANTS_FILE"

// editTenants writes a changed tenants file, and returns the variable that names it.
func (w *fixture) editTenants(t *testing.T, change func(id string, fields map[string]any)) string {
	t.Helper()
	text, err := os.ReadFile(w.stack.Variable(tenantsFile))
	require.NoError(t, err)
	var file struct {
		Tenants []map[string]any `json:"tenants"`
	}
	require.NoError(t, json.Unmarshal(text, &file))
	for _, fields := range file.Tenants {
		change(fields["id"].(string), fields)
	}
	text, err = json.Marshal(file)
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "tenants.json")
	require.NoError(t, os.WriteFile(path, text, 0o600))
	return tenantsFile + "=" + path
}

func TestTenantsAreSeparate(t *testing.T) {
	t.Parallel()
	w := newFixture(t, options{webhooks: true, simulator: simulator.Options{Seed: 1}, others: []simulator.Options{
		{Seed: 2, RecordsPerEntity: 250},
		{Seed: 3, RecordsPerEntity: 5},
	}})
	second, locked := w.others[0], w.others[1]
	variable := w.editTenants(t, func(id string, fields map[string]any) {
		if id == locked {
			fields["clientSecret"] = "cs.of-yesterday"
		}
	})
	serving := w.start(t, "serve", variable)
	full := func(tenant string) string { return w.request(t, `{"mode":"full","tenantId":"`+tenant+`"}`) }

	requests := []string{full(w.tenant), full(second), full(locked)}
	require.EqualValues(t, w.tenant, w.completed(t, requests[0]).TenantID)
	require.EqualValues(t, second, w.completed(t, requests[1]).TenantID)
	refused := w.outcome(t, "sync.failed", requests[2])
	require.EqualValues(t, locked, refused.TenantID)
	require.Equal(t, events.AuthError, refused.Error.Type)
	for _, r := range refused.Results {
		require.Equal(t, events.StatusFailed, r.Status)
		require.NotContains(t, r.Error.Message, "cs.of-yesterday")
	}

	w.requireEqual(t)
	w.requireTenantEqual(t, second)
	require.Positive(t, value[int](t, w, "select count(*) from raw.st_jobs a join raw.st_jobs b using (st_id) where a.tenant_id < b.tenant_id"),
		"the same ids in both")
	require.Zero(t, value[int](t, w, "select count(*) from raw.st_customers where tenant_id = $1", locked))

	require.EqualValues(t, 2, value[int](t, w, "select count(*) from raw.call_budgets where tenant_id in ($1::bigint, $2::bigint)", w.tenant, second),
		"each takes its calls from a budget of its own in PostgreSQL")

	t.Run("a request names one of them", func(t *testing.T) {
		want := "want one of " + strings.Join(append([]string{w.tenant}, w.others...), ", ")
		for tenant, got := range map[string]string{"": "nothing", "4711": `"4711"`} {
			data := `{"mode":"incremental"}`
			if tenant != "" {
				data = `{"mode":"incremental","tenantId":"` + tenant + `"}`
			}
			id := w.request(t, data)
			_, d := w.rejected(t, func(d events.RejectedData) bool { return d.RequestID == id })
			require.Equal(t, events.CodeUnknownTenant, d.Code)
			require.Equal(t, "tenantId: got "+got+", "+want, d.Errors[0].String())
		}
		r := w.run(t, "request", "incremental", "--tenant", second, "--entities", "jobs", "--wait")
		require.Zero(t, r.code, r.errors)
	})

	t.Run("status shows one, or all", func(t *testing.T) {
		type status struct {
			Runs, States []struct{ TenantID string }
		}
		seen := func(args ...string) map[string]bool {
			r := w.run(t, append([]string{"status", "--json"}, args...)...)
			require.Zero(t, r.code, r.errors)
			var s status
			require.NoError(t, json.Unmarshal([]byte(r.out), &s))
			tenants := map[string]bool{}
			for _, one := range append(s.Runs, s.States...) {
				tenants[one.TenantID] = true
			}
			return tenants
		}
		require.Equal(t, map[string]bool{w.tenant: true, second: true, locked: true}, seen())
		require.Equal(t, map[string]bool{second: true}, seen("--tenant", second))
		require.Regexp(t, `RECORDS +CHANGED +TENANT `, w.run(t, "status").out)
		require.NotRegexp(t, `RECORDS +CHANGED +TENANT `, w.run(t, "status", "--tenant", second).out)
	})

	t.Run("each has webhooks of its own", func(t *testing.T) {
		const body = `{"id":1,"eventType":"job.updated"}`
		deliver := func(path, key string) int {
			request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, serving.gateway+"/webhooks/servicetitan"+path, strings.NewReader(body))
			require.NoError(t, err)
			request.Header.Set("Content-Type", "application/json")
			request.Header.Set("x-servicetitan-signature", sign(key, body))
			response, err := http.DefaultClient.Do(request)
			require.NoError(t, err)
			defer response.Body.Close()
			_, err = io.Copy(io.Discard, response.Body)
			require.NoError(t, err)
			return response.StatusCode
		}
		keys := map[string]string{}
		w.editTenants(t, func(id string, fields map[string]any) { keys[id] = fields["webhookSecret"].(string) })
		require.Equal(t, http.StatusUnauthorized, deliver("/"+second, keys[w.tenant]))
		require.Equal(t, http.StatusNotFound, deliver("/4711", keys[w.tenant]))
		require.Equal(t, http.StatusOK, deliver("", keys[w.tenant]), "the key identifies the tenant")

		id, err := w.stack.Companies[1].Create("customers") // the simulator delivers it
		require.NoError(t, err)
		_, outcome := await(t, w, "sync.completed", func(d events.OutcomeData) bool {
			return string(d.TenantID) == second && d.Mode == events.Incremental && d.Entities[0] == "customers"
		})
		require.Equal(t, outcome.RunNumber, value[int64](t, w, "select run_number from raw.st_customers where tenant_id = $1 and st_id = $2", second, id))
		w.requireTenantEqual(t, second)
		w.requireEqual(t)
	})

	t.Run("each has schedules of its own", func(t *testing.T) {
		variable := w.editTenants(t, func(id string, fields map[string]any) {
			if id == second {
				fields["scheduleFull"], fields["timezone"] = "0 4 1 1 *", "America/Denver"
			}
		})
		r := w.with(variable).run(t, "migrate")
		require.Zero(t, r.code, r.errors)
		require.Contains(t, r.out, "lazisync-full-"+second+": created, 0 4 1 1 *")
		r = w.with(variable).run(t, "schedules", "ls")
		require.Zero(t, r.code, r.errors)
		require.Regexp(t, `lazisync-full-`+second+` +0 4 1 1 \* +customers, jobs \+2 +America/Denver`, r.out)
		require.NotContains(t, r.out, w.tenant)
		require.Zero(t, w.run(t, "migrate").code, "and loses them where the file does")
	})
}

// with returns the same fixture with other variables for commands.
func (w *fixture) with(set ...string) *fixture {
	other := *w
	other.set = append(other.set, set...)
	return &other
}

// requireTenantEqual is requireEqual for another tenant than the first.
func (w *fixture) requireTenantEqual(t *testing.T, tenant string) {
	t.Helper()
	results, err := compare.Entities(t.Context(), w.stack.Variable("SERVICETITAN_API_URL")+"/_tenants/"+tenant, w.store, tenant, core)
	require.NoError(t, err)
	for _, r := range results {
		require.NotZero(t, r.Records, r.Entity)
		require.True(t, r.Matched(), "tenant %s, %s: %d records, %d rows, %d equal: %v", tenant, r.Entity, r.Records, r.Rows, r.Equal, r.Differences)
	}
}
