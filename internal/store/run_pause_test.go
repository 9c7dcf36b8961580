package store_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/internal/ledger"
)

// reported is the state of a run in the view for other systems.
func (f *fixture) reported(run ledger.Run) string {
	f.Helper()
	return get[string](f, "select concat_ws(' ', state, nullif(paused_by, ''), nullif(pause_reason, '')) from raw.sync_run_states where run_number = $1", run.Number)
}

func TestRecordPause(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	run := f.beginFull("a", "jobs")
	record := func(number int, paused bool) ledger.Run {
		t.Helper()
		got, err := f.RecordPause(t.Context(), run.Ref(), ledger.Pause{Since: at(number), Actor: "ann", Reason: "lunch", Number: number}, paused)
		require.NoError(t, err)
		require.Equal(t, ledger.Running, got.State, "builds that know no pause continue the run")
		return got
	}
	require.Equal(t, "running", f.reported(run))

	paused := record(3, true)
	require.Equal(t, ledger.Paused, paused.ReportedState())
	require.True(t, paused.Pause.Since.Equal(at(3)))
	require.Equal(t, "paused ann lunch", f.reported(run))
	require.Len(t, paused.Requests, 1, "its events name the requests")
	require.Equal(t, paused, record(3, true), "a repeated call changes nothing")
	record(2, false)
	require.Equal(t, "paused ann lunch", f.reported(run), "a late resume changes nothing")

	require.Nil(t, record(4, false).Pause)
	require.Equal(t, "running", f.reported(run))
	record(3, true)
	require.Equal(t, "running", f.reported(run), "a late pause changes nothing")

	record(5, true)
	listed, err := f.Runs(t.Context(), 10)
	require.NoError(t, err)
	require.Equal(t, ledger.Paused, listed[0].ReportedState())

	// Cancelled while it is paused.
	cancelled := f.finalize(run, ledger.Finalization{State: ledger.Cancelled, Reason: "enough"})
	require.Equal(t, ledger.Cancelled, cancelled.ReportedState())
	require.Equal(t, "cancelled", f.reported(run))
	_, err = f.RecordPause(t.Context(), run.Ref(), ledger.Pause{Since: at(6), Number: 6}, true)
	require.ErrorIs(t, err, ledger.ErrFinalized)

	other := run.Ref()
	other.Execution.FirstRunID = "another"
	_, err = f.RecordPause(t.Context(), other, ledger.Pause{Since: at(7), Number: 7}, true)
	require.ErrorIs(t, err, ledger.ErrUnknown)
}

func TestBeginRunPaused(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.receive(request("incremental", "a", "jobs"))
	begin := incremental("exec", 2)
	begin.Pause = &ledger.Pause{Since: at(1), Actor: "ann", Reason: "lunch", Number: 4}
	run, found, err := f.BeginRun(t.Context(), begin)
	require.NoError(t, err)
	require.True(t, found)
	require.Equal(t, "paused ann lunch", f.reported(run))
	require.Equal(t, 4, run.Pause.Number)

	_, err = f.RecordPause(t.Context(), run.Ref(), ledger.Pause{Since: at(2), Number: 5}, false)
	require.NoError(t, err)
	again, _, err := f.BeginRun(t.Context(), begin)
	require.NoError(t, err)
	require.Nil(t, again.Pause, "a repeated beginning does not pause the run again")
}

// Open runs are in every list, however many newer runs there are.
func TestRunsListsOpenRunsFirst(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	first := f.beginFull("open", "jobs")
	second := f.beginFull("open too", "customers")
	var finished []int64
	for _, id := range []string{"a", "b", "c"} {
		run := f.beginFull(id, "invoices")
		f.finalize(run, completed)
		finished = append(finished, run.Number)
	}
	for _, list := range []func() ([]ledger.Run, error){
		func() ([]ledger.Run, error) { return f.Runs(t.Context(), 2) },
		func() ([]ledger.Run, error) { return f.TenantRuns(t.Context(), tenant, 2) },
	} {
		runs, err := list()
		require.NoError(t, err)
		var numbers []int64
		for _, r := range runs {
			numbers = append(numbers, r.Number)
		}
		require.Equal(t, []int64{second.Number, first.Number, finished[2], finished[1]}, numbers)
		require.Equal(t, "/test", runs[0].RequestedBy.Source)
	}
}
