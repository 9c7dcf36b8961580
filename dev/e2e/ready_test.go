package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	processes "github.com/lazi/lazisync/dev/process"
)

// TestReadyzSharesItsReport: fifty callers without a token request the gateway and the admin port
// as fast as they can; they share a report.
func TestReadyzSharesItsReport(t *testing.T) {
	t.Parallel()
	const callers, calls = 50, 40
	w := newFixture(t, options{})
	p := w.start(t, "serve")
	transactions := func() (n int64) {
		require.NoError(t, w.sql.QueryRow(t.Context(), `
			select xact_commit + xact_rollback from pg_stat_database where datname = current_database()`).Scan(&n))
		return n
	}
	for _, address := range []string{p.admin, p.gateway} {
		before := transactions()
		var all sync.WaitGroup
		for range callers {
			all.Go(func() {
				for range calls {
					response, err := http.Get(address + "/readyz")
					if err == nil {
						_ = response.Body.Close()
					}
				}
			})
		}
		all.Wait()
		require.Less(t, transactions()-before, int64(callers*calls/4), "%s", address)
	}
}

// TestBridgeWithoutWritePrivilegesIsNotReady: the database answers queries and rejects writes.
func TestBridgeWithoutWritePrivilegesIsNotReady(t *testing.T) {
	t.Parallel()
	w := newFixture(t, options{})
	p := w.start(t, "bridge")
	var name string
	require.NoError(t, w.sql.QueryRow(t.Context(), "select current_database()").Scan(&name))
	set := func(to string) {
		_, err := w.sql.Exec(t.Context(), fmt.Sprintf("alter database %q set default_transaction_read_only = %s", name, to))
		require.NoError(t, err)
		_, err = w.sql.Exec(t.Context(), "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and application_name like 'lazisync%'")
		require.NoError(t, err)
	}
	set("on")
	require.Eventually(t, func() bool { return !processes.Answers(t.Context(), p.admin+"/readyz") }, waitLimit, tick)
	found := w.examine(t, 1, "--role", "bridge")
	require.Equal(t, "FAIL", found["database"].Status)
	set("off")
	require.Eventually(t, func() bool { return processes.Answers(t.Context(), p.admin+"/readyz") }, waitLimit, tick)
}

// TestHealthcheckRejectsAnotherRole: a check of another role's port fails.
func TestHealthcheckRejectsAnotherRole(t *testing.T) {
	t.Parallel()
	w := newFixture(t, options{})
	p := w.start(t, "notifier")
	at := []string{"ADMIN_ADDR=" + p.admin[len("http://"):]}
	for _, role := range [][]string{{"notifier"}, nil} {
		require.Eventually(t, func() bool { return w.runWith(t, at, append([]string{"healthcheck"}, role...)...).code == 0 }, waitLimit, tick)
	}
	require.Eventually(t, func() bool {
		other := w.runWith(t, at, "healthcheck", "bridge")
		return other.code == 1 && strings.Contains(other.errors, `got role "notifier", want bridge`)
	}, waitLimit, tick)
}
