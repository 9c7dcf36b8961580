package store_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
)

// A second pass waits: no pass that begins before its time serves it, not even one that
// takes all that waits with it.
func TestASecondPassIsNotClaimedBeforeItIsDue(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	first, second := request(events.Incremental, "webhook", "jobs"), request(events.Incremental, "second", "customers")
	second.Source, second.Wait = ledger.SecondPassSource, time.Hour
	f.receive(first, second)

	run, found, err := f.BeginRun(t.Context(), incremental("exec", 1))
	require.NoError(t, err)
	require.True(t, found)
	require.Equal(t, []string{"jobs"}, run.Entities)
	finalized := f.finalize(run, ledger.Finalization{State: ledger.Cancelled, ClaimQueued: true})
	require.Len(t, finalized.Requests, 1)
	_, found, err = f.BeginRun(t.Context(), incremental("exec", 2))
	require.NoError(t, err)
	require.False(t, found)
	require.Empty(t, unstarted(f, 0, second.ID))

	f.exec("update raw.sync_requests set received_at = clock_timestamp() where request_id = $1", second.ID)
	require.Equal(t, []string{second.ID}, unstarted(f, time.Minute, second.ID), "at once, whatever the age of others must be")
	run, found, err = f.BeginRun(t.Context(), incremental("exec", 2))
	require.NoError(t, err)
	require.True(t, found)
	require.Equal(t, []string{"customers"}, run.Entities)
}

// unstarted lists which of some requests are unstarted.
func unstarted(f *fixture, age time.Duration, ids ...string) (found []string) {
	f.Helper()
	all, err := f.Unstarted(f.Context(), age)
	require.NoError(f, err)
	for _, r := range all {
		for _, id := range ids {
			if r.ID == id {
				found = append(found, id)
			}
		}
	}
	return found
}
