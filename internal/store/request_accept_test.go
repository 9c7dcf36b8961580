package store_test

import (
	"fmt"
	"testing"
	"time"

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

// A pass may claim a request before it is accepted, in particular a second pass: it must still be answered.
func TestARequestThatARunClaimedFirstIsUnstarted(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	q := request(events.Incremental, "early", "jobs")
	f.receive(q)
	_, found, err := f.BeginRun(t.Context(), incremental("exec", 1))
	require.NoError(t, err)
	require.True(t, found)
	require.Equal(t, []string{q.ID}, unstarted(f, 0, q.ID))
	_, err = f.Accept(t.Context(), map[string]string{q.ID: "exec"})
	require.NoError(t, err)
	require.Empty(t, unstarted(f, 0, q.ID))
}

// During a pause, thousands of requests may wait for the workflow that claims all of them.
func TestOneAcceptedRequestOfATenantIsUnstarted(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	firstRuns, want := map[string]string{}, []string{}
	for _, of := range []events.TenantID{tenant, "43", "44"} {
		for i := range 3 {
			q := request(events.Incremental, fmt.Sprint(of, i), "jobs")
			q.TenantID, q.WorkflowID = of, events.Incremental.WorkflowID(of, q.ID)
			f.receive(q)
			firstRuns[q.ID] = "exec"
			if i == 0 {
				want = append(want, q.ID)
			}
		}
	}
	received := f.receive(request(events.Incremental, "not accepted", "jobs"))[0]
	_, err := f.Accept(t.Context(), firstRuns)
	require.NoError(t, err)
	listed, err := f.Unstarted(t.Context(), 0)
	require.NoError(t, err)
	var ids []string
	for _, q := range listed {
		ids = append(ids, q.ID)
	}
	require.Equal(t, append(want, received.ID), ids)
	listed, err = f.Unstarted(t.Context(), time.Hour)
	require.NoError(t, err)
	require.Empty(t, listed)
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
