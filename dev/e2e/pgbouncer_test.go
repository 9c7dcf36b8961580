//go:build pgbouncer

package e2e

import (
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/simulator"
	"github.com/lazi/lazisync/internal/testing/pgserver/bouncer"
	"github.com/lazi/lazisync/internal/testing/pgserver/pgtest"
)

// TestEverythingWorksThroughPgBouncer uses a pool of three for all roles together, and
// restarts PgBouncer while pages are stored.
func TestEverythingWorksThroughPgBouncer(t *testing.T) {
	t.Parallel()
	address := pgtest.Prepared(t, "migrated", migrate)
	b := bouncer.Start(t, address, "pool_mode = transaction", "default_pool_size = 3")
	w := newFixture(t, options{databaseURL: b.URL(), simulator: simulator.Options{RecordsPerEntity: 2000, ExportPageSize: 100}})
	direct, err := pgxpool.New(t.Context(), address) // the test itself keeps prepared statements
	require.NoError(t, err)
	t.Cleanup(direct.Close)
	w.sql = direct
	w.start(t, "serve")

	w.full(t)
	w.requireEqual(t)
	require.Equal(t, core, w.completed(t, w.request(t, `{"mode":"incremental"}`)).Entities)
	w.damage(t, "customers")
	w.completed(t, w.request(t, `{"mode":"rebuild","entities":["customers"]}`))
	w.forget(t, "customers", 3)
	w.requireEqual(t)

	require.Zero(t, w.run(t, "migrate").code)
	done := w.run(t, "doctor")
	require.Regexp(t, `ok +database +PostgreSQL 1\d\S* through a pooler in transaction mode`, done.out, done.errors)
	require.Zero(t, w.run(t, "status").code)

	w.stack.Simulator.SetPace(pageTime)
	command := w.begin(t, "request", "full", "--wait")
	_, started := await(t, w, "sync.started", func(d events.StartedData) bool { return d.RunNumber == 4 })
	w.awaitPages(t, w.total()+10)
	require.NoError(t, b.Restart())
	w.awaitPages(t, w.total()+10)
	require.Zero(t, w.run(t, "cancel", started.WorkflowID).code)
	require.Equal(t, 3, command.wait(t).code)

	w.stack.Simulator.SetPace(0)
	again := w.request(t, `{"mode":"full"}`)
	w.accepted(t, again)
	require.NoError(t, b.Restart())
	w.completed(t, again)
	w.requireEqual(t)
}
