package e2e

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/internal/simulator"
)

// A plan has the number of calls that the next full sync makes, and makes one call for each entity itself.
func TestPlanTellsTheCallsOfASync(t *testing.T) {
	t.Parallel()
	w := newFixture(t, options{simulator: simulator.Options{RecordsPerEntity: 230, ExportPageSize: 50}})
	w.set = []string{"SYNC_ENTITIES=customers,jobs,zones"}
	w.start(t, "serve")
	type planned struct {
		Calls    int64
		AtLeast  bool
		Entities []struct {
			Entity, SkippedReason, Note string
			Records, Calls              int64
			Rows, Difference            *int64
			AtLeast                     bool
		}
	}
	plan := func(args ...string) (p planned) {
		printed := w.run(t, append([]string{"plan", "--json"}, args...)...)
		require.Zero(t, printed.code, printed.errors)
		require.NoError(t, json.Unmarshal([]byte(printed.out), &p), printed.out)
		return p
	}
	calls := func() (all int64) {
		for _, e := range w.stack.Simulator.Stats().Entities {
			all += int64(e.ListCalls + e.ExportCalls)
		}
		return all
	}

	first := plan("full")
	require.True(t, first.AtLeast, "the page size of feeds is not known yet")
	require.EqualValues(t, 3, calls(), "of the plan")
	require.Equal(t, "never fully synced: request a full sync first", plan("incremental").Entities[0].SkippedReason)
	require.Empty(t, w.outcomes(t))

	w.completed(t, w.request(t, `{"mode":"full"}`))
	second := plan("full")
	require.False(t, second.AtLeast)
	for _, e := range second.Entities {
		require.Positive(t, e.Records, e.Entity)
		require.Equal(t, e.Records, *e.Rows, e.Entity)
		require.Zero(t, *e.Difference, e.Entity)
	}
	w.stack.Simulator.ResetStats()
	w.completed(t, w.request(t, `{"mode":"full"}`))
	require.Equal(t, calls(), second.Calls)
	verify := plan("verify")
	w.stack.Simulator.ResetStats()
	w.completed(t, w.request(t, `{"mode":"verify"}`))
	require.Equal(t, calls(), verify.Calls)

	for range 3 {
		_, err := w.stack.Simulator.Create("customers")
		require.NoError(t, err)
	}
	incremental := plan("incremental", "--entities", "customers,zones")
	require.EqualValues(t, 3, incremental.Entities[0].Records)
	require.EqualValues(t, 1, incremental.Entities[0].Calls)
	require.EqualValues(t, 1, incremental.Entities[1].Calls)
	changed := plan("full", "--entities", "customers")
	require.EqualValues(t, -3, *changed.Entities[0].Difference)
	text := w.run(t, "plan", "full")
	require.Zero(t, text.code, text.errors)
	require.Regexp(t, `(?m)^customers +feed +[\d,]+ +\d+ +[\d,]+ +-3`, text.out)
}
