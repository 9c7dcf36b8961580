package store_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
)

func TestListRequestsSelectsByEachField(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	run := f.beginFull("done", "customers")
	f.finalize(run, completed)
	rebuild := request(events.Rebuild, "rebuild", "jobs")
	f.receive(rebuild)
	incremental := request(events.Incremental, "incremental", "jobs")
	f.receive(incremental)
	full := run.Requests[0].ID

	all, err := f.ListRequests(t.Context(), ledger.RequestFilter{}, 10)
	require.NoError(t, err)
	require.Len(t, all, 3)
	require.Equal(t, run.Number, all[2].Outcome.RunNumber)
	require.Nil(t, all[0].Outcome)
	require.Equal(t, []string{"jobs"}, all[0].Entities)

	for name, c := range map[string]struct {
		filter ledger.RequestFilter
		limit  int
		want   []string
	}{
		"the newest":     {ledger.RequestFilter{}, 1, []string{incremental.ID}},
		"tenant":         {ledger.RequestFilter{TenantID: tenant}, 10, []string{incremental.ID, rebuild.ID, full}},
		"another tenant": {ledger.RequestFilter{TenantID: "43"}, 10, nil},
		"mode":           {ledger.RequestFilter{Mode: events.Rebuild}, 10, []string{rebuild.ID}},
		"state":          {ledger.RequestFilter{State: ledger.Received, Mode: events.Incremental}, 10, []string{incremental.ID}},
		"since":          {ledger.RequestFilter{Since: all[1].ReceivedAt}, 10, []string{incremental.ID, rebuild.ID}},
		"in future":      {ledger.RequestFilter{Since: time.Now().Add(time.Hour)}, 10, nil},
		"before":         {ledger.RequestFilter{Before: incremental.ID}, 1, []string{rebuild.ID}},
		"the last page":  {ledger.RequestFilter{Before: full}, 10, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			found, err := f.ListRequests(t.Context(), c.filter, c.limit)
			require.NoError(t, err)
			var ids []string
			for _, r := range found {
				ids = append(ids, r.ID)
			}
			require.Equal(t, c.want, ids)
		})
	}
	_, err = f.ListRequests(t.Context(), ledger.RequestFilter{Before: "a\x00b"}, 10)
	require.ErrorIs(t, err, ledger.ErrUnknown)
}
