package store_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
)

// One transaction accepts requests of several workflows.
func TestAcceptOfSeveralWorkflows(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	a, b, c := request(events.Full, "a", "jobs"), request(events.Full, "b", "jobs"), request(events.Full, "c", "jobs")
	f.receive(a, b, c)
	_, err := f.Accept(t.Context(), map[string]string{b.ID: "first"})
	require.NoError(t, err)
	accepted, err := f.Accept(t.Context(), map[string]string{a.ID: "exec-a", b.ID: "exec-b", c.ID: "exec-c"})
	require.NoError(t, err)
	require.Equal(t, map[string]string{a.ID: "exec-a", b.ID: "first", c.ID: "exec-c"}, accepted)
	for _, r := range f.receive(a, b, c) {
		require.Equal(t, ledger.Accepted, r.State)
		require.Equal(t, accepted[r.ID], r.FirstRunID)
	}
}

// The new version of an accepted request is in the page of the old one, and no index has an entry for
// it (HOT).
func TestRequestsAreAcceptedInPlace(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	requests, runs := make([]ledger.Request, 500), map[string]string{}
	for i := range requests {
		requests[i] = request(events.Incremental, fmt.Sprint(i), "jobs")
		runs[requests[i].ID] = "0197a8a0-0000-7000-8000-0000000000ab"
	}
	f.receive(requests...)
	const pageOf = "select array_agg((ctid::text::point)[0]::int order by request_id) from raw.sync_requests"
	before := get[[]int32](f, pageOf)
	_, err := f.Accept(t.Context(), runs)
	require.NoError(t, err)
	moved := 0
	for i, page := range get[[]int32](f, pageOf) {
		if page != before[i] {
			moved++
		}
	}
	require.Zero(t, moved, "rows in another page")
	require.Zero(t, get[int](f, `select count(*) from pg_indexes where schemaname = 'raw' and tablename = 'sync_requests' and indexdef ~ 'state|first_run_id'`))
}

// Temporal refused the request, so that it was finalized without being accepted.
func TestARequestWithARunIsNotUnstarted(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	q := request(events.Full, "refused", "jobs")
	f.receive(q)
	require.Equal(t, []string{q.ID}, unstarted(f, 0, q.ID))
	_, err := f.FinalizeUnstarted(t.Context(), q.ID, ledger.Finalization{State: ledger.Failed})
	require.NoError(t, err)
	require.Empty(t, unstarted(f, 0, q.ID))
}

func TestANewRequestHasTheReceiptOfTheLedger(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	q := request(events.Incremental, "a", "jobs")
	q.Reason, q.Channel = "why\x00 not", "#\x00"
	created, repeated := f.receive(q)[0], f.receive(q)[0]
	require.True(t, repeated.Repeated)
	repeated.Repeated = false
	require.Equal(t, repeated, created)
}
