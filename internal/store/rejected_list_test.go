package store_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/internal/ledger"
)

func TestRejectedRecordsAreListedByPage(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	insert := func(run int, entity, id string, at time.Time) {
		t.Helper()
		f.exec("insert into raw.rejected_records (run_number, tenant_id, table_name, st_id, reason, bytes, rejected_at) values ($1, $2, $3, $4, 'bad date', '{}', $5)",
			run, tenant, "raw.st_"+entity, id, at)
	}
	now := time.Now().Truncate(time.Microsecond)
	insert(1, "jobs", "1", now.Add(-3*time.Hour))
	insert(2, "jobs", "2", now.Add(-time.Hour))
	insert(2, "jobs", "3", now.Add(-time.Hour)) // at the same time
	insert(3, "customers", "4", now)
	list := func(filter ledger.RejectedFilter, limit int) (ids []string, last time.Time) {
		t.Helper()
		found, err := f.RejectedRecords(t.Context(), filter, limit)
		require.NoError(t, err)
		for _, r := range found {
			ids, last = append(ids, r.RecordID), r.At
			require.Equal(t, "bad date", r.Reason)
			require.Equal(t, 2, r.Bytes)
		}
		return ids, last
	}
	first, last := list(ledger.RejectedFilter{}, 2)
	require.ElementsMatch(t, []string{"4", "2", "3"}, first, "those of the same time are on the same page")
	second, _ := list(ledger.RejectedFilter{Before: last}, 2)
	require.Equal(t, []string{"1"}, second)
	ofRun, _ := list(ledger.RejectedFilter{Run: 2, Entity: "jobs", TenantID: tenant}, 10)
	require.Len(t, ofRun, 2)
	other, _ := list(ledger.RejectedFilter{TenantID: "43"}, 10)
	require.Empty(t, other)

	counts, err := f.RejectedCounts(t.Context(), now.Add(-2*time.Hour))
	require.NoError(t, err)
	require.Len(t, counts, 2)
	require.Equal(t, int64(2), counts[1].Records)
	require.Equal(t, int64(2), counts[1].Run)
	require.Equal(t, "jobs", counts[1].Entity)
}

func TestCallsAreThePagesOfRuns(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	c := find(t, "customers")
	run := f.beginFull("r", "customers")
	f.storePage(run, c, f.open(run, c), page(at(0), "1", false, customer(1, at(0), "a")))
	f.exec("insert into raw.call_budgets (tenant_id, calls, at, share, slowed_at) values ($1, 1, now(), 0.5, now())", tenant)
	spans, budgets, err := f.CallSpans(t.Context(), time.Now().Add(-time.Hour))
	require.NoError(t, err)
	require.Len(t, spans, 1)
	require.Equal(t, int64(1), spans[0].Calls)
	require.Equal(t, tenant, spans[0].TenantID)
	require.Len(t, budgets, 1)
	require.InDelta(t, 0.5, budgets[0].Share, 0.2)
	require.WithinDuration(t, time.Now(), budgets[0].SlowedAt, time.Minute)

	none, _, err := f.CallSpans(t.Context(), time.Now().Add(time.Hour))
	require.NoError(t, err)
	require.Empty(t, none)
}
