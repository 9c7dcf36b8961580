//go:build fault

package fault

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
)

// user is the PostgreSQL user of lazisync's roles, with the privileges in docs/operations.md. It
// owns nothing, so that its privileges can be revoked.
type user struct{ name, password string }

// newUser returns a user that exists once options.reach of its rig was called.
func newUser() *user {
	return &user{name: "app_" + strings.ToLower(rand.Text()), password: rand.Text()}
}

// reach creates the user and returns its URL of the database.
func (u *user) reach(t *testing.T, databaseURL string) string {
	t.Helper()
	execute := func(statements ...string) {
		ctx := context.WithoutCancel(t.Context())
		conn, err := pgx.Connect(ctx, databaseURL)
		require.NoError(t, err)
		defer func() { require.NoError(t, conn.Close(ctx)) }()
		for _, sql := range statements {
			_, err := conn.Exec(ctx, u.named(sql))
			require.NoError(t, err, sql)
		}
	}
	execute(
		"create role APP login password '"+u.password+"'",
		"grant usage on schema raw to APP",
		"grant select, insert, update, delete on all tables in schema raw to APP",
		"grant usage, select on all sequences in schema raw to APP",
		"grant usage, create on schema raw_rebuild to APP",
		"grant insert on public.went_back to APP", // by the triggers of the oracle
	)
	t.Cleanup(func() { execute("drop owned by APP cascade", "drop role APP") })
	address, err := url.Parse(databaseURL)
	require.NoError(t, err)
	address.User = url.UserPassword(u.name, u.password)
	return address.String()
}

// named replaces APP by the user's name.
func (u *user) named(sql string) string { return strings.ReplaceAll(sql, "APP", u.name) }

// execute executes a statement as the administrator.
func (r *rig) execute(t *testing.T, sql string) {
	t.Helper()
	_, err := r.sql.Exec(t.Context(), sql)
	require.NoError(t, err, sql)
}

// breakage is a change of an administrator, and its repair.
type breakage struct{ inject, repair string }

// A change that is repaired within minutes fails nothing. Meanwhile the worker is not ready.
func TestFault57PermanentErrorsRepairedWithinMinutes(t *testing.T) {
	t.Parallel()
	app := newUser()
	r := newRig(t, options{simulator: manyPages, reach: app.reach})
	r.startAll(t, "bridge", "notifier", "gateway")
	worker := r.start(t, "worker")
	r.stack.Simulator.SetPace(20 * time.Millisecond)
	stop := r.load(t, 100*time.Millisecond)
	a := r.full(t)
	var repaired time.Time
	for _, m := range []breakage{
		{"revoke insert, update on raw.st_customers from APP", "grant insert, update on raw.st_customers to APP"},                                                                                                                               // 42501
		{"alter table raw.st_jobs rename to jobs", "alter table raw.jobs rename to st_jobs"},                                                                                                                                                    // 42P01
		{"alter table raw.st_invoices rename column full_data to data", "alter table raw.st_invoices rename column data to full_data"},                                                                                                          // 42703
		{"revoke all on raw.sync_runs, raw.sync_requests from APP", "grant select, insert, update, delete on raw.sync_runs, raw.sync_requests to APP"},                                                                                          // 42501 of the ledger
		{"alter table raw.sync_cursors rename to cursors", "alter table raw.cursors rename to sync_cursors"},                                                                                                                                    // 42P01 of the ledger
		{"revoke usage on schema raw from APP", "grant usage on schema raw to APP"},                                                                                                                                                             // 42501 of all
		{"create function raw.refuse() returns trigger language plpgsql as $$ begin raise exception 'refused'; end $$; create trigger refuse before update on raw.sync_runs execute function raw.refuse()", "drop function raw.refuse cascade"}, // P0001
	} {
		a = r.fullInProgress(t, a)
		r.awaitPages(t, 10)
		r.execute(t, app.named(m.inject))
		worker.awaitNotReady(t)
		during(t, 5*time.Second)
		r.execute(t, app.named(m.repair))
		repaired = time.Now()
		worker.awaitReady(t)
	}
	stop()
	r.checkOracle(t, repaired)
	require.Equal(t, "completed", r.state(t, a))
}

// A permanent error fails its entities after five minutes, or after one minute while other
// requests are pending. The outcome has the fix. The other entities complete.
func TestFault58PermanentErrorsNotRepaired(t *testing.T) {
	t.Parallel()
	app := newUser()
	r := newRig(t, options{simulator: manyPages, reach: app.reach})
	r.waitLimit = 10 * time.Minute
	r.mayFail = []events.ErrorType{events.StoreError}
	r.startAll(t, "bridge", "notifier", "gateway")
	worker := r.start(t, "worker")
	r.firstSync(t)
	r.changing = true
	r.stack.Simulator.Mutate(4000) // of unchanged records, lazisync compares the fingerprints and writes nothing
	r.stack.Simulator.SetPace(20 * time.Millisecond)
	a := r.full(t)
	r.awaitPages(t, 8)
	breakages := []breakage{
		{"revoke insert, update on raw.st_customers from APP", "grant insert, update on raw.st_customers to APP"},
		{"alter table raw.st_jobs rename to jobs", "alter table raw.jobs rename to st_jobs"},
		{"alter table raw.st_invoices rename column full_data to data", "alter table raw.st_invoices rename column data to full_data"},
	}
	for _, m := range breakages {
		r.execute(t, app.named(m.inject))
	}
	brokenAt := time.Now()
	worker.awaitNotReady(t)
	r.awaitSettled(t)
	require.Less(t, time.Since(brokenAt), 8*time.Minute, "failed after five minutes")
	require.Greater(t, time.Since(brokenAt), 4*time.Minute, "not before an operator can act")
	require.Equal(t, "failed", r.state(t, a))
	messages := r.failures(t, a)
	require.Len(t, messages, len(breakages))
	require.Contains(t, messages["customers"], "permission denied for table st_customers (SQLSTATE 42501): grant")
	require.Contains(t, messages["jobs"], "(SQLSTATE 42P01): run lazisync migrate")
	require.Contains(t, messages["invoices"], "(SQLSTATE 42703): run lazisync migrate")

	r.stack.Simulator.Mutate(200)
	first := r.incremental(t)
	r.awaitRunStarted(t, first)
	second := r.incremental(t)
	began := time.Now()
	require.Eventually(t, func() bool { return r.state(t, first) == "failed" }, r.waitLimit, tick)
	require.Less(t, time.Since(began), 4*time.Minute, "another request waits for it")

	for _, m := range breakages {
		r.execute(t, app.named(m.repair))
	}
	repaired := time.Now()
	worker.awaitReady(t)
	r.awaitSettled(t)
	require.Equal(t, "completed", r.state(t, second))
	r.full(t)
	r.checkOracle(t, repaired)
}

// failures returns the messages of the entities that failed in the run of a request.
func (r *rig) failures(t *testing.T, a *publishedCommand) map[string]string {
	t.Helper()
	var text []byte
	require.NoError(t, r.sql.QueryRow(t.Context(), `
		select results from raw.sync_runs join raw.sync_requests using (run_number) where request_id = $1`, a.requestID()).Scan(&text))
	var results []events.Result
	require.NoError(t, json.Unmarshal(text, &results))
	messages := map[string]string{}
	for _, one := range results {
		if one.Status == events.StatusFailed {
			messages[one.Entity] = one.Error.Message
		}
	}
	return messages
}

// Connections are terminated repeatedly while the database is read-only, and then while it refuses
// connections: 57P01, 25006 and 53300.
func TestFault59TransientErrorsInTheMiddleOfASync(t *testing.T) {
	t.Parallel()
	app := newUser()
	r := newRig(t, options{simulator: manyPages, reach: app.reach})
	r.startAll(t, allRoles...)
	r.stack.Simulator.SetPace(20 * time.Millisecond)
	stop := r.load(t, 100*time.Millisecond)
	a := r.full(t)
	var database string
	require.NoError(t, r.sql.QueryRow(t.Context(), "select current_database()").Scan(&database))
	admin, err := r.sql.Acquire(t.Context()) // this session keeps its own setting
	require.NoError(t, err)
	defer admin.Release()
	var repaired time.Time
	for _, m := range []breakage{
		{"set default_transaction_read_only = on", "reset default_transaction_read_only"},
		{"connection limit 0", "connection limit -1"},
	} {
		a = r.fullInProgress(t, a)
		r.awaitPages(t, 20)
		_, err := admin.Exec(t.Context(), fmt.Sprintf("alter database %s %s", database, m.inject))
		require.NoError(t, err)
		for until := time.Now().Add(15 * time.Second); time.Now().Before(until); during(t, 200*time.Millisecond) {
			r.terminateBackends(t)
		}
		_, err = admin.Exec(t.Context(), fmt.Sprintf("alter database %s %s", database, m.repair))
		require.NoError(t, err)
		repaired = time.Now()
	}
	stop()
	r.checkOracle(t, repaired)
	require.Equal(t, "completed", r.state(t, a))
}
