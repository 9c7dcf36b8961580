package e2e

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
)

// With SYNC_MIN_INTERVAL, requests of webhooks and people wait, are shown as waiting, and share the
// next pass. Each is answered and has one outcome.
func TestRequestsShareAPassAfterTheMinimumInterval(t *testing.T) {
	t.Parallel()
	const interval = 16 * time.Second // longer than the requests and a command take on a busy machine
	w := newFixture(t, options{webhooks: true})
	gateway := w.start(t, "serve", "SYNC_MIN_INTERVAL="+interval.String(), "SYNC_WEBHOOK_SECOND_PASS=20s").gateway
	w.full(t)
	first := w.completed(t, w.request(t, `{"mode":"incremental"}`))

	waiting := []string{w.request(t, `{"mode":"incremental","entities":["jobs"]}`)}
	w.accepted(t, waiting[0])
	id, err := w.stack.Simulator.Create("customers") // the simulator delivers a webhook
	require.NoError(t, err)
	requested, _ := await(t, w, "sync.requested", func(d events.RequestData) bool { return d.Reason != "" && d.Mode == events.Incremental })
	waiting = append(waiting, w.request(t, `{"mode":"incremental","entities":["estimates"]}`))

	require.Eventually(t, func() bool {
		return strings.Contains(callAvailable(t, http.MethodGet, gateway+"/api/sync/runs", "").body, `"why":"interval"`)
	}, waitLimit, tick)
	type row struct{ Why, Text, Due string }
	var status struct{ Waiting []row }
	printed := w.run(t, "status", "--json")
	require.NoError(t, json.Unmarshal([]byte(printed.out), &status), printed.out)
	shown := slices.IndexFunc(status.Waiting, func(one row) bool { return one.Why == "interval" })
	require.GreaterOrEqual(t, shown, 0, printed.out)
	require.Equal(t, "waits for the minimum interval between passes", status.Waiting[shown].Text)
	require.NotEmpty(t, status.Waiting[shown].Due)

	second := w.completed(t, waiting[0])
	for _, requestID := range waiting {
		require.Equal(t, second.RunNumber, w.completed(t, requestID).RunNumber)
	}
	refresh := w.completed(t, events.RequestID(requested.Source, requested.ID))
	require.True(t, refresh.Refresh, "the webhook names its record, which has a pass of its own")
	require.Greater(t, refresh.RunNumber, second.RunNumber)
	require.Equal(t, refresh.RunNumber, value[int64](t, w, "select run_number from raw.st_customers where st_id = $1", id))
	require.Greater(t, second.RunNumber, first.RunNumber)
	await(t, w, "sync.completed", func(d events.OutcomeData) bool { return d.RunNumber > refresh.RunNumber }) // the second pass after the webhook
	early := value[int64](t, w, `
		select count(*) from (
			select started_at - lag(started_at) over (order by run_number) as since from raw.sync_runs where mode = 'incremental' and pass > 0) passes
		where since < make_interval(secs => $1)`, interval.Seconds())
	require.Zero(t, early, "passes that began too early")
	require.Len(t, w.outcomes(t), 5, "of the full sync, the first pass, the shared one, the refresh and the second pass after the webhook")
}
