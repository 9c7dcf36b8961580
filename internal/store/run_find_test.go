package store_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
)

func TestFindRunsSelectsByEachField(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	begin := func(id string, mode events.Mode, entities ...string) ledger.Run {
		t.Helper()
		q := request(mode, id, entities...)
		f.receive(q)
		run, _, err := f.BeginRun(t.Context(), ledger.BeginInput{
			TenantID: tenant, Mode: mode, WorkflowID: mode.WorkflowID(tenant, q.ID), FirstRunID: "exec-" + id, Pass: 1, RequestID: q.ID,
		})
		require.NoError(t, err)
		return run
	}
	done := begin("done", events.Full, "customers", "jobs")
	f.finalize(done, completed) // fails: its entities were not read
	paused := begin("paused", events.Full, "invoices")
	_, err := f.RecordPause(t.Context(), paused.Ref(), ledger.Pause{Since: at(1), Number: 1}, true)
	require.NoError(t, err)
	open := begin("open", events.Incremental, "jobs")

	find := func(filter ledger.RunFilter, limit int) []int64 {
		t.Helper()
		runs, err := f.FindRuns(t.Context(), filter, limit)
		require.NoError(t, err)
		numbers := []int64{}
		for _, r := range runs {
			numbers = append(numbers, r.Number)
		}
		return numbers
	}
	all := []int64{open.Number, paused.Number, done.Number}
	for name, c := range map[string]struct {
		filter ledger.RunFilter
		want   []int64
	}{
		"everything":     {ledger.RunFilter{}, all},
		"tenant":         {ledger.RunFilter{TenantID: tenant}, all},
		"another tenant": {ledger.RunFilter{TenantID: "43"}, []int64{}},
		"running":        {ledger.RunFilter{State: ledger.Running}, []int64{open.Number}},
		"paused":         {ledger.RunFilter{State: ledger.Paused}, []int64{paused.Number}},
		"failed":         {ledger.RunFilter{State: ledger.Failed}, []int64{done.Number}},
		"mode":           {ledger.RunFilter{Mode: events.Full}, []int64{paused.Number, done.Number}},
		"entity":         {ledger.RunFilter{Entity: "jobs"}, []int64{open.Number, done.Number}},
		"since":          {ledger.RunFilter{Since: open.StartedAt}, []int64{open.Number}},
		"in future":      {ledger.RunFilter{Since: open.StartedAt.Add(time.Hour)}, []int64{}},
		"before":         {ledger.RunFilter{Before: open.Number}, []int64{paused.Number, done.Number}},
		"two fields":     {ledger.RunFilter{Mode: events.Full, Entity: "jobs"}, []int64{done.Number}},
	} {
		require.Equal(t, c.want, find(c.filter, 10), name)
	}
	require.Equal(t, all[:2], find(ledger.RunFilter{}, 2))
	require.Equal(t, all[2:], find(ledger.RunFilter{Before: all[1]}, 2))

	_, err = f.FindRuns(t.Context(), ledger.RunFilter{TenantID: "x"}, 1)
	require.ErrorContains(t, err, "find runs:")
}
