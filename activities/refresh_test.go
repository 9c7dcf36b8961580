package activities_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/activities"
	"github.com/lazi/lazisync/activities/activitytest"
	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
)

// refresh begins a run for the refreshes that wait, and runs one slice of it.
func (r *rig) refresh(t *testing.T) (activities.SliceResult, error) {
	t.Helper()
	run, found, err := r.Ledger.BeginRun(t.Context(), ledger.BeginInput{
		TenantID: activitytest.Tenant, Mode: events.Incremental, WorkflowID: "refresh", FirstRunID: "first", Pass: 1, Refreshes: true,
	})
	require.NoError(t, err)
	require.True(t, found)
	require.True(t, run.Refresh)
	r.run = run
	r.in = activities.SliceInput{RunNumber: run.Number, TenantID: activitytest.Tenant, Mode: run.Mode, Entity: "customers", Execution: run.Ref().Execution}
	return execute[activities.SliceResult](r, r.slices.RefreshSlice, r.in)
}

func TestRefreshSliceLooksUpTheIDsOfAllRequests(t *testing.T) {
	inTime(t, func(t *testing.T, r *rig) {
		r.Ledger.RefreshIDs("customers", missing(40)...)
		r.Ledger.RefreshIDs("customers", missing(70)...)
		r.API.Found = []string{"1003"}
		result, err := r.refresh(t)
		require.NoError(t, err)
		require.Equal(t, events.StatusCompleted, result.Status)
		require.Equal(t, [][]string{missing(70)[:50], missing(70)[50:]}, r.API.LookedUp(), "each id once")
		require.Empty(t, r.API.RequestedPages("customers"))
		require.Equal(t, 1, r.Ledger.Rows("customers"))
		require.Zero(t, position(r).Deleted)
	})
}

func TestRefreshSliceReadsChangesBeforeIDs(t *testing.T) {
	inTime(t, func(t *testing.T, r *rig) {
		since := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
		r.Ledger.RefreshIDs("customers", "1000")
		r.Ledger.RefreshSince("customers", since.Add(time.Hour))
		r.Ledger.RefreshSince("customers", since)
		result, err := r.refresh(t)
		require.NoError(t, err)
		require.Equal(t, events.StatusCompleted, result.Status)
		pages := r.API.PageRequests("customers")
		require.Len(t, pages, 3)
		require.Equal(t, since, pages[0].Cursor.Since)
		require.Empty(t, pages[0].Cursor.Token)
		require.True(t, pages[0].Interactive)
		require.Equal(t, [][]string{{"1000"}}, r.API.LookedUp())
	})
}
