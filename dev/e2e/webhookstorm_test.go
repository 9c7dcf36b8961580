package e2e

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/internal/simulator"
)

// Thousands of changes, each with an immediate webhook and a delay in the API: the first passes
// run too early for most changes, and the second passes find the rest.
func TestManyWebhooksSyncEveryChange(t *testing.T) {
	t.Parallel()
	changes := 10_000
	if testing.Short() {
		changes = 1000
	}
	w := newFixture(t, options{webhooks: true, simulator: simulator.Options{Lag: 4 * time.Second}})
	w.start(t, "serve", "SYNC_WEBHOOK_SECOND_PASS=8s")
	w.full(t)
	w.stack.Simulator.SetPace(pageTime)

	began := time.Now()
	w.stack.Simulator.Mutate(changes)
	var received int
	require.Eventually(t, func() bool {
		received = value[int](t, w, "select count(*) from raw.sync_requests where source like $1", ledger.WebhookSource+"%")
		return received >= changes*9/10 && value[bool](t, w, `
			select count(*) filter (where run_number is null) = 0 from raw.sync_requests where source like $1`, ledger.WebhookSource+"%")
	}, waitLimit, tick, "every delivery is a request that a pass has claimed")
	took := time.Since(began)
	require.Eventually(t, func() bool {
		return value[bool](t, w, `
			select count(*) > 0 and count(*) filter (where r.state is distinct from 'completed') = 0
			from raw.sync_requests q left join raw.sync_runs r using (run_number) where q.source = $1`, ledger.SecondPassSource)
	}, waitLimit, tick, "every second pass is done")
	w.requireEqual(t)

	passes := func(source string) int {
		return value[int](t, w, "select count(distinct run_number) from raw.sync_requests where source like $1", source)
	}
	first, second := passes(ledger.WebhookSource+"%"), passes(ledger.SecondPassSource)
	t.Logf("%d webhooks in %.1f s led to %d passes and %d second passes", received, took.Seconds(), first, second)
	require.LessOrEqual(t, first+second, 40)
	w.requireNotifiedOnce(t)
}
