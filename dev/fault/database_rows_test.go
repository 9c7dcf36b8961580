//go:build fault

package fault

import (
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestFault27PostgreSQLKilledWhilePagesAreStored(t *testing.T) {
	t.Parallel()
	r := newRig(t, options{ownDatabase: true, simulator: manyPages})
	r.startAll(t, allRoles...)
	r.stack.Simulator.SetPace(20 * time.Millisecond)
	stop := r.load(t, 100*time.Millisecond)
	r.full(t)
	var repairedAt time.Time
	for range 3 {
		r.awaitPages(t, 20)
		require.NoError(t, r.database.kill())
		r.database.start(t)
		repairedAt = time.Now()
		r.awaitPublished(t, 5)
	}
	stop()
	r.checkOracle(t, repairedAt)
}

func TestFault28PostgreSQLFrozen(t *testing.T) {
	t.Parallel()
	r := newRig(t, options{ownDatabase: true, simulator: manyPages})
	r.startAll(t, allRoles...)
	r.firstSync(t)
	r.stack.Simulator.SetPace(20 * time.Millisecond)
	stop := r.load(t, 100*time.Millisecond)
	r.full(t)
	r.awaitPages(t, 20)
	r.database.signalAll(syscall.SIGSTOP)
	during(t, 40*time.Second)
	r.database.signalAll(syscall.SIGCONT)
	thawed := time.Now()
	stop()
	r.checkOracle(t, thawed)
}

func TestFault28RolesStopInTimeWhilePostgreSQLIsFrozen(t *testing.T) {
	t.Parallel()
	r := newRig(t, options{ownDatabase: true, simulator: manyPages})
	r.stopsInTime(t, func() { r.database.signalAll(syscall.SIGSTOP) }, func() { r.database.signalAll(syscall.SIGCONT) })
}

func TestFault29PostgreSQLBackendsTerminated(t *testing.T) {
	t.Parallel()
	r := newRig(t, options{simulator: manyPages})
	r.startAll(t, allRoles...)
	r.stack.Simulator.SetPace(20 * time.Millisecond)
	stop := r.load(t, 100*time.Millisecond)
	r.full(t)
	var repairedAt time.Time
	terminated := 0
	for range 20 {
		r.awaitPages(t, 5)
		terminated += r.terminateBackends(t)
		repairedAt = time.Now()
	}
	require.Greater(t, terminated, 20)
	stop()
	r.checkOracle(t, repairedAt)
}

// terminateBackends terminates the connections of lazisync and returns how many there were.
func (r *rig) terminateBackends(t *testing.T) (n int) {
	t.Helper()
	require.NoError(t, r.sql.QueryRow(t.Context(), `
		select count(pg_terminate_backend(pid)) from pg_stat_activity
		where datname = current_database() and application_name like 'lazisync%'`).Scan(&n))
	return n
}

func TestFault30PostgreSQLReadOnly(t *testing.T) {
	t.Parallel()
	r := newRig(t, options{ownDatabase: true, simulator: manyPages})
	r.startAll(t, allRoles...)
	r.firstSync(t)
	stop := r.load(t, 100*time.Millisecond)
	r.awaitPublished(t, 10)
	readOnly := func(value string) {
		_, err := r.sql.Exec(t.Context(), "set default_transaction_read_only = off")
		require.NoError(t, err)
		_, err = r.sql.Exec(t.Context(), "alter system set default_transaction_read_only = "+value)
		require.NoError(t, err)
		_, err = r.sql.Exec(t.Context(), "select pg_reload_conf()")
		require.NoError(t, err)
		r.terminateBackends(t)
	}
	readOnly("on")
	during(t, 10*time.Second)
	readOnly("off")
	repairedAt := time.Now()
	stop()
	r.checkOracle(t, repairedAt)
}

func TestFault31TablesLockedByAnOutsider(t *testing.T) {
	t.Parallel()
	r := newRig(t, options{simulator: manyPages})
	r.startAll(t, allRoles...)
	r.firstSync(t)
	stop := r.load(t, 100*time.Millisecond)
	r.awaitPublished(t, 10)
	tx, err := r.sql.Begin(t.Context())
	require.NoError(t, err)
	_, err = tx.Exec(t.Context(), "lock table raw.sync_runs, raw.st_customers in access exclusive mode") // in the order of a page: no deadlock
	require.NoError(t, err)
	during(t, 12*time.Second) // longer than lazisync waits for a lock
	require.NoError(t, tx.Rollback(t.Context()))
	repairedAt := time.Now()
	stop()
	r.checkOracle(t, repairedAt)
}

func TestFault32TableAlteredUnderCachedPlans(t *testing.T) {
	t.Parallel()
	r := newRig(t, options{simulator: manyPages})
	r.startAll(t, allRoles...)
	r.firstSync(t)
	stop := r.load(t, 100*time.Millisecond)
	for _, change := range []string{"add column of_an_analyst text", "alter column fetched_at type timestamptz(6)", "drop column of_an_analyst"} {
		r.awaitPublished(t, 10)
		_, err := r.sql.Exec(t.Context(), "alter table raw.st_customers "+change)
		require.NoError(t, err)
	}
	r.awaitPublished(t, 10)
	stop()
	r.checkOracle(t, time.Now())
}
