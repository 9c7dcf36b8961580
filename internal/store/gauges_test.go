package store_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/ledger"
)

func TestGaugesOfTheLedger(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	customers := find(t, "customers")
	done := f.beginFull("f1", "customers")
	read := time.Now().Add(-time.Hour).UTC().Truncate(time.Second)
	bad := entity.Rejected{ID: "9", Reason: "no id", Raw: []byte(`{}`)}
	last := page(read, "t", true, customer(1, at(0), "Ann"))
	last.Rejected = []entity.Rejected{bad}
	f.storePage(done, customers, f.open(done, customers), last)
	f.finalize(done, ledger.Finalization{State: ledger.Completed})
	f.beginFull("f2", "jobs")
	paused := f.beginFull("f3", "jobs")
	_, err := f.RecordPause(t.Context(), paused.Ref(), ledger.Pause{Since: time.Now(), Number: 1}, true)
	require.NoError(t, err)

	estimates := f.beginFull("f4", "estimates")
	f.storePage(estimates, find(t, "estimates"), f.open(estimates, find(t, "estimates")), page(read, "t", true))
	f.finalize(estimates, ledger.Finalization{State: ledger.Completed})

	require.NoError(t, f.SetTargets(t.Context(), map[events.TenantID]map[string]time.Duration{tenant: {"customers": time.Minute, "jobs": time.Hour}}))

	g, err := f.Gauges(t.Context())
	require.NoError(t, err)
	require.Equal(t, map[ledger.OpenRuns]int64{
		{TenantID: tenant, Mode: events.Full, State: ledger.Running}: 1,
		{TenantID: tenant, Mode: events.Full, State: ledger.Paused}:  1,
	}, g.OpenRuns)
	one := ledger.TenantEntity{TenantID: tenant, Entity: "customers"}
	none := ledger.TenantEntity{TenantID: tenant, Entity: "estimates"}
	require.Equal(t, map[ledger.TenantEntity]int64{one: 1, none: 0}, g.RejectedRecords)
	freshness, err := f.Freshness(t.Context())
	require.NoError(t, err)
	require.Len(t, g.Freshness, len(freshness))
	for i, v := range freshness {
		got := g.Freshness[i]
		require.InDelta(t, v.Age.Seconds(), got.Age.Seconds(), 30)
		got.Age = v.Age
		require.Equal(t, v, got)
	}
	require.True(t, g.Freshness[0].Stale, "customers, read an hour ago")
	require.Zero(t, g.Freshness[2].AsOf, "jobs were not read to their end")
	require.Positive(t, g.DatabaseBytes)
}

// recorded collects what a store records.
type recorded struct {
	runs       []ledger.Run
	counts     events.Counts
	statements map[string]int
	fields     int
}

func (r *recorded) RunFinished(run ledger.Run)                                  { r.runs = append(r.runs, run) }
func (r *recorded) PageStored(_ events.TenantID, _ string, added events.Counts) { r.counts.Add(added) }
func (r *recorded) FieldAdded(events.TenantID, string)                          { r.fields++ }
func (r *recorded) StatementDone(statement string, _ time.Duration)             { r.statements[statement]++ }

func TestRunsPagesAndStatementsAreRecorded(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	seen := &recorded{statements: map[string]int{}}
	f.Store = openStoreWith(t, f.url, seen)
	customers := find(t, "customers")
	run := f.beginFull("f1", "customers")
	p := f.storePage(run, customers, f.open(run, customers), page(at(0), "1", false, customer(1, at(0), "Ann"), customer(2, at(0), "Bo")))
	f.storePage(run, customers, p, page(at(1), "2", true, customer(1, at(0), "Ann"), customer(3, at(0), "Cy")))
	f.finalize(run, ledger.Finalization{State: ledger.Completed})
	f.finalize(run, ledger.Finalization{State: ledger.Failed})
	_, err := f.Runs(t.Context(), 10)
	require.NoError(t, err)

	require.Len(t, seen.runs, 1, "a run is recorded once")
	require.Equal(t, ledger.Completed, seen.runs[0].State)
	require.Equal(t, events.Counts{Pages: 2, Fetched: 4, Inserted: 3, Unchanged: 1}, seen.counts)
	require.Equal(t, map[string]int{"receive": 1, "begin_run": 1, "open": 1, "store_page": 2, "finalize": 2, "runs": 1}, seen.statements)
}
