package workflows_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
)

// Refreshes of a tenant are served together, in a pass of their own, by the activity RefreshSlice.
func TestRefreshesAreAPassOfTheirOwn(t *testing.T) {
	t.Parallel()
	r := newRig()
	requests := []ledger.Request{
		r.Ledger.RefreshIDs("jobs", "7", "8"),
		r.Ledger.Request(events.Incremental, "jobs"),
		r.Ledger.RefreshIDs("jobs", "8", "9"),
		r.Ledger.RefreshIDs("customers", "1"),
	}
	r.API.Found = []string{"7", "8", "9", "1"}
	slices := map[string]bool{}
	r.prepare = func(int) {
		r.env.SetOnActivityCompletedListener(func(info *activity.Info, _ converter.EncodedValue, _ error) {
			slices[info.ActivityType.Name] = true
		})
	}
	result, err := r.incremental()
	require.NoError(t, err)
	require.Equal(t, 2, result.Passes)
	require.Equal(t, ledger.Completed, result.Last.State)
	runs := r.Ledger.Runs()
	require.True(t, runs[0].Refresh, "the oldest request comes first")
	require.Equal(t, []string{"customers", "jobs"}, runs[0].Entities)
	require.Len(t, runs[0].Requests, 3)
	require.False(t, runs[1].Refresh)
	require.ElementsMatch(t, [][]string{{"7", "8", "9"}, {"1"}}, r.API.LookedUp())
	for _, request := range requests {
		require.Equal(t, 1, r.outcomesOf(t)[request.ID])
	}
	outcomes := r.Events.Outcomes()
	require.True(t, outcomes[0].Refresh)
	require.False(t, outcomes[1].Refresh)
	require.True(t, slices["RefreshSlice"] && slices["SyncSlice"], "%v", slices)
}

// A refresh that continues in another execution is still one.
func TestRefreshContinuesAsNew(t *testing.T) {
	t.Parallel()
	r := newRig()
	ids := make([]string, 0, 120)
	for id := 1000; id < 1120; id++ {
		ids = append(ids, fmt.Sprint(id))
	}
	r.Ledger.RefreshIDs("jobs", ids...)
	r.slices.Length = 0 // one lookup for each slice
	r.prepare = func(executions int) {
		if executions <= 2 {
			r.env.SetContinueAsNewSuggested(true)
		}
	}
	result, err := r.incremental()
	require.NoError(t, err)
	require.Equal(t, ledger.Completed, result.Last.State)
	require.Greater(t, r.executions, 1)
	require.Len(t, r.API.LookedUp(), 3)
	require.Empty(t, r.API.RequestedPages("jobs"))
	require.True(t, r.outcome(t).Refresh)
}
