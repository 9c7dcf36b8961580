package store_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/ledger"
)

// TestStall: the ledger knows for how long a run has made no progress, who waits for it, and
// by which entities to tell whether ServiceTitan answers.
func TestStall(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	customers, jobs := find(t, "customers"), find(t, "jobs")
	held := func(run ledger.Run, e entity.Entity) ledger.Stall {
		t.Helper()
		h, err := f.Stall(t.Context(), run.Target(e))
		require.NoError(t, err)
		require.GreaterOrEqual(t, h.Idle, time.Duration(0))
		require.Less(t, h.Idle, 10*time.Minute)
		h.Idle = 0
		return h
	}
	full := f.beginFull("f", "customers", "jobs", "estimates")
	p := f.open(full, customers)
	require.Equal(t, ledger.Stall{ProbeEntities: []string{"estimates", "jobs"}}, held(full, customers), "those that the run has not begun")
	f.storePage(full, customers, p, page(at(1), "t1", true, customer(1, at(0), "a")))
	f.open(full, jobs)
	require.Equal(t, ledger.Stall{ProbeEntities: []string{"customers", "estimates"}}, held(full, jobs), "what was read comes first")
	require.Equal(t, ledger.Stall{ProbeEntities: []string{"estimates"}}, held(full, customers), "not what is not read yet")

	f.receive(request(events.Incremental, "other", "jobs", "customers"))
	require.False(t, held(full, jobs).BlocksOthers, "no incremental waits for a full")

	f.exec("update raw.sync_cursors set updated_at = clock_timestamp() - interval '1 hour' where table_name = 'raw.st_customers'")
	h, err := f.Stall(t.Context(), full.Target(jobs))
	require.NoError(t, err)
	require.Less(t, h.Idle, 10*time.Minute, "the run got on in the other")
	f.exec("update raw.sync_cursors set updated_at = clock_timestamp() - interval '1 hour'")
	h, err = f.Stall(t.Context(), full.Target(jobs))
	require.NoError(t, err)
	require.InDelta(t, time.Hour, h.Idle, float64(10*time.Minute))
}

// TestStallOfAPass: only requests that want something else wait for an entity.
func TestStallOfAPass(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	customers := find(t, "customers")
	full := f.beginFull("f", "customers")
	f.storePage(full, customers, f.open(full, customers), page(at(1), "t1", true, customer(1, at(0), "a")))
	pass := f.beginIncremental("i", 1, "customers")
	f.open(pass, customers)
	awaited := func() bool {
		h, err := f.Stall(t.Context(), pass.Target(customers))
		require.NoError(t, err)
		return h.BlocksOthers
	}
	require.False(t, awaited())
	f.receive(request(events.Incremental, "same", "customers"))
	require.False(t, awaited(), "it wants the entity itself")
	f.receive(request(events.Full, "full", "jobs"))
	require.False(t, awaited(), "no full waits for a pass")
	later := request(events.Incremental, "later", "jobs")
	later.Source = ledger.SecondPassSource
	f.receive(later)
	f.exec("update raw.sync_requests set received_at = clock_timestamp() + interval '1 hour' where event_id = 'later'")
	require.False(t, awaited(), "its time has not come")
	f.receive(request(events.Incremental, "another", "jobs", "customers"))
	require.True(t, awaited())
}
