package store_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/ledger"
)

type ages = map[string]time.Duration

func (f *fixture) freshnessOf(entity string) ledger.Freshness {
	f.Helper()
	all, err := f.Freshness(f.Context())
	require.NoError(f, err)
	for _, v := range all {
		if v.Entity == entity {
			return v
		}
	}
	return ledger.Freshness{}
}

// The age counts from ServiceTitan's clock at the start of the read, and only complete reads count.
func TestFreshnessCountsFromTheStartOfTheLastCompleteRead(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	e := find(t, "customers")
	require.NoError(t, f.SetTargets(t.Context(), map[events.TenantID]ages{tenant: {"customers": time.Hour, "jobs": time.Hour}}))
	require.False(t, f.freshnessOf("customers").Stale)
	f.exec("update raw.sync_targets set since = clock_timestamp() - interval '2 hours'")
	require.NoError(t, f.SetTargets(t.Context(), map[events.TenantID]ages{tenant: {"customers": 90 * time.Minute, "jobs": time.Hour}}))
	v := f.freshnessOf("customers")
	require.True(t, v.Stale, "never read since it is evaluated, and no run has begun")
	require.True(t, v.AsOf.IsZero())
	require.Equal(t, 90*time.Minute, v.Target)

	full := f.beginFull("a", "customers")

	start := time.Now().Add(-30 * time.Minute).Truncate(time.Microsecond)
	p := f.storePage(full, e, f.open(full, e), page(start, "1", false, customer(1, at(1), "a")))
	require.True(t, f.freshnessOf("customers").AsOf.IsZero(), "the read is not complete")
	f.storePage(full, e, p, page(start.Add(20*time.Minute), "2", true, customer(2, at(1), "b")))
	f.finalize(full, completed)
	v = f.freshnessOf("customers")
	require.True(t, v.AsOf.Equal(start), "the first page, not the last")
	require.False(t, v.Stale)
	require.InDelta(t, 30*time.Minute, v.Age, float64(time.Minute))

	pass := f.beginIncremental("b", 1, "customers")
	read := time.Now().Add(-time.Minute).Truncate(time.Microsecond)
	f.storePage(pass, e, f.open(pass, e), page(read, "3", true))
	require.True(t, f.freshnessOf("customers").AsOf.Equal(read))

	f.exec("update raw.sync_state set read_as_of = null, resume_since = $1", read.Add(time.Second))
	require.True(t, f.freshnessOf("customers").AsOf.Equal(read.Add(time.Second)), "what a build stored that does not know read_as_of")

	require.NoError(t, f.SetTargets(t.Context(), map[events.TenantID]ages{tenant: {"jobs": time.Hour}}))
	require.Zero(t, f.freshnessOf("customers").Target)
	require.False(t, f.freshnessOf("customers").Stale)
}

// Several bridges evaluate at the same time, and each may crash between any two steps.
func TestUpdateOutagesOpensAndClosesEachOnce(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	require.NoError(t, f.SetTargets(t.Context(), map[events.TenantID]ages{tenant: {"customers": time.Hour, "jobs": time.Hour, "invoices": 100 * time.Hour}}))
	read := func(age time.Duration, entities ...entity.Entity) {
		for _, e := range entities {
			f.exec(`insert into raw.sync_state (tenant_id, table_name, read_as_of) values ($1::bigint, $2, clock_timestamp() - $3::interval)
				on conflict (tenant_id, table_name) do update set read_as_of = excluded.read_as_of`, 42, "raw.st_"+e.Name, age)
		}
	}
	customers, jobs, invoices := find(t, "customers"), find(t, "jobs"), find(t, "invoices")
	update := func() {
		t.Helper()
		var all sync.WaitGroup
		errs := make(chan error, 4)
		for range cap(errs) {
			all.Go(func() {
				errs <- f.UpdateOutages(t.Context(), func(context.Context, ledger.Outage) string { return "no worker runs" })
			})
		}
		all.Wait()
		for range cap(errs) {
			require.NoError(t, <-errs)
		}
	}
	unpublished := func(want int) []ledger.Outage {
		t.Helper()
		found, err := f.UnpublishedOutages(t.Context())
		require.NoError(t, err)
		require.Len(t, found, want)
		return found
	}
	read(59*time.Minute, customers, jobs, invoices)
	update()
	unpublished(0)

	read(62*time.Minute, customers, jobs)
	update()
	update()
	o := unpublished(1)[0]
	require.Equal(t, []string{"customers", "jobs"}, o.Names())
	require.Equal(t, "no worker runs", o.Cause)
	open, err := f.OpenOutages(t.Context())
	require.NoError(t, err)
	require.Equal(t, []ledger.Outage{o}, open)
	require.InDelta(t, 62*time.Minute, o.Entities[0].Age, float64(time.Minute))
	require.Equal(t, time.Hour, o.Entities[0].Target)
	first, err := o.StaleEvent()
	require.NoError(t, err)
	again, err := unpublished(1)[0].StaleEvent()
	require.NoError(t, err)
	require.Equal(t, first, again, "a bridge that crashed before it marked the event publishes the same")
	require.NoError(t, f.MarkOutagePublished(t.Context(), o.ID, false))
	unpublished(0)

	read(time.Minute, customers)
	update()
	unpublished(0)
	read(time.Minute, jobs)
	update()
	o = unpublished(1)[0]
	require.True(t, o.StalePublished)
	require.InDelta(t, time.Minute, o.FreshEntities[1].Age, float64(time.Minute))
	require.NoError(t, f.MarkOutagePublished(t.Context(), o.ID, true))
	unpublished(0)
	open, err = f.OpenOutages(t.Context())
	require.NoError(t, err)
	require.Empty(t, open)

	read(2*time.Hour, jobs)
	update()
	require.NotEqual(t, o.ID, unpublished(1)[0].ID, "ids are never used again")
}
