//go:build pgbouncer

package fault

import (
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/internal/testing/pgserver/bouncer"
)

// Every role shares a few connections to the server. Transactions are cut off where they
// are, and a commit whose answer is lost may have happened.
func TestFault56PgBouncerKilledRestartedAndFrozen(t *testing.T) {
	t.Parallel()
	var pooler *bouncer.Bouncer
	r := newRig(t, options{simulator: manyPages, reach: func(t *testing.T, databaseURL string) string {
		pooler = bouncer.Start(t, databaseURL, "pool_mode = transaction", "default_pool_size = 5")
		return pooler.URL()
	}})
	r.startAll(t, allRoles...)
	r.stack.Simulator.SetPace(20 * time.Millisecond)
	stop := r.load(t, 100*time.Millisecond)
	r.full(t)
	for range 3 {
		r.awaitPages(t, 20)
		pooler.Signal(syscall.SIGKILL)
		during(t, 2*time.Second) // nothing listens
		require.NoError(t, pooler.Restart())
		r.awaitPublished(t, 5)
	}
	r.full(t)
	r.awaitPages(t, 20)
	require.NoError(t, pooler.Restart()) // a clean shutdown
	r.awaitPages(t, 20)
	pooler.Signal(syscall.SIGSTOP)
	during(t, 40*time.Second)
	pooler.Signal(syscall.SIGCONT)
	thawed := time.Now()
	stop()
	r.checkOracle(t, thawed)
}
