package store_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
)

func TestWaiting(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	type waits struct {
		oldest   string
		why      ledger.WaitCause
		requests int
	}
	list := func(of events.TenantID) (found []waits, all []ledger.Waiting) {
		t.Helper()
		all, err := f.Waiting(t.Context(), of)
		require.NoError(t, err)
		for _, w := range all {
			found = append(found, waits{w.RequestID, w.Why, w.Requests})
		}
		return found, all
	}
	found, _ := list("")
	require.Empty(t, found)

	full, accepted := request(events.Full, "full", "jobs"), request(events.Full, "lone", "customers")
	full.Reason = "after the import"
	a, b := request(events.Incremental, "a", "jobs"), request(events.Incremental, "b", "customers", "jobs")
	later := request(events.Incremental, "later", "jobs")
	later.Source, later.Wait = ledger.SecondPassSource, time.Hour
	other := request(events.Incremental, "other tenant", "jobs")
	other.TenantID = "43"
	for _, q := range []ledger.Request{full, accepted, a, b, later, other} {
		f.receive(q)
	}
	_, err := f.Accept(t.Context(), map[string]string{accepted.ID: "exec", a.ID: "exec", b.ID: "exec"})
	require.NoError(t, err)
	found, all := list("")
	require.Equal(t, []waits{
		{full.ID, ledger.WaitForTemporal, 1}, {accepted.ID, ledger.WaitForWorker, 1}, {a.ID, ledger.WaitForWorker, 2},
		{other.ID, ledger.WaitForTemporal, 1}, {later.ID, ledger.WaitForDelay, 1},
	}, found)
	require.Equal(t, "after the import", all[0].RequestedBy.Reason)
	require.Equal(t, "/test", all[0].RequestedBy.Actor())
	require.False(t, all[0].Since.IsZero())
	require.Equal(t, []string{"customers", "jobs"}, all[2].Entities, "the union, in the order of the catalogue")
	require.True(t, all[4].Since.IsZero())
	require.Greater(t, time.Until(all[4].Due), 50*time.Minute)
	found, _ = list("43")
	require.Equal(t, []waits{{other.ID, ledger.WaitForTemporal, 1}}, found)

	run, _, err := f.BeginRun(t.Context(), incremental("exec", 1))
	require.NoError(t, err)
	c := request(events.Incremental, "c", "invoices")
	f.receive(c)
	found, all = list(tenant)
	require.Equal(t, waits{c.ID, ledger.WaitForPass, 1}, found[2])
	require.Equal(t, run.Number, all[2].Run)
	require.Nil(t, all[2].Pause)

	_, err = f.RecordPause(t.Context(), run.Ref(), ledger.Pause{Since: at(1), Actor: "ann", Reason: "lunch", Number: 1}, true)
	require.NoError(t, err)
	found, all = list(tenant)
	require.Equal(t, waits{c.ID, ledger.WaitForResume, 1}, found[2])
	require.Equal(t, "ann lunch", all[2].Pause.Actor+" "+all[2].Pause.Reason)

	f.finalize(run, completed)
	found, _ = list(tenant)
	require.Equal(t, waits{c.ID, ledger.WaitForTemporal, 1}, found[2])

	_, err = f.Accept(t.Context(), map[string]string{c.ID: "exec", other.ID: "exec"})
	require.NoError(t, err)
	next := incremental("exec", 2)
	next.MayWait, next.MinInterval = true, 20*time.Minute
	_, _, err = f.BeginRun(t.Context(), next)
	var early *ledger.NotDueError
	require.ErrorAs(t, err, &early)
	found, all = list(tenant)
	require.Equal(t, waits{c.ID, ledger.WaitForInterval, 1}, found[2])
	require.WithinDuration(t, time.Now().Add(early.Wait), all[2].Due, 10*time.Second)
	require.False(t, all[2].Since.IsZero())
	found, _ = list("43")
	require.Equal(t, []waits{{other.ID, ledger.WaitForWorker, 1}}, found)
}
