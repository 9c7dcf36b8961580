package e2e

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
)

// With SYNC_MIN_INTERVAL, requests of webhooks and people wait, are shown as waiting, and share the
// next pass. Each is answered and has one outcome.
func TestRequestsShareAPassAfterTheMinimumInterval(t *testing.T) {
	t.Parallel()
	const interval = 8 * time.Second // longer than a command takes
	w := newFixture(t, options{webhooks: true})
	gateway := w.start(t, "serve", "SYNC_MIN_INTERVAL="+interval.String(), "SYNC_WEBHOOK_SECOND_PASS=10s").gateway
	w.full(t)
	first := w.completed(t, w.request(t, `{"mode":"incremental"}`))

	waiting := []string{w.request(t, `{"mode":"incremental","entities":["jobs"]}`)}
	w.accepted(t, waiting[0])
	type row struct {
		Mode, Why, Text, Due string
		Requests             int
	}
	var shown []row
	require.Eventually(t, func() bool {
		printed := w.run(t, "status", "--json")
		var status struct{ Waiting []row }
		require.NoError(t, json.Unmarshal([]byte(printed.out), &status), printed.out)
		shown = status.Waiting
		return len(shown) > 0 && shown[0].Why == "interval"
	}, waitLimit, tick)
	require.Equal(t, "waits for the minimum interval between passes", shown[0].Text)
	require.NotEmpty(t, shown[0].Due)
	require.Contains(t, callAvailable(t, http.MethodGet, gateway+"/api/sync/runs", "").body, `"why":"interval"`)

	id, err := w.stack.Simulator.Create("customers") // the simulator delivers a webhook
	require.NoError(t, err)
	requested, _ := await(t, w, "sync.requested", func(d events.RequestData) bool { return d.Reason != "" && d.Mode == events.Incremental })
	waiting = append(waiting, w.request(t, `{"mode":"incremental","entities":["estimates"]}`))
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
