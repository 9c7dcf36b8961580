package e2e

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/dev/fakeslack"
	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/simulator"
)

func TestFullSyncCopiesEveryRecordAndNotifies(t *testing.T) {
	t.Parallel()
	const records = 2500
	w := newFixture(t, options{simulator: simulator.Options{RecordsPerEntity: records}})
	w.start(t, "serve")

	requestID := w.request(t, `{"mode":"full","reason":"first copy"}`)
	answer := w.accepted(t, requestID)
	require.Equal(t, events.KindRequest, answer.Kind)
	require.False(t, answer.Duplicate)
	require.Equal(t, "full-sync-"+requestID, answer.WorkflowID)

	outcome := w.completed(t, requestID)
	w.requireEqual(t)
	require.EqualValues(t, w.tenant, outcome.TenantID)
	require.Equal(t, answer.WorkflowID, outcome.WorkflowID)
	require.Equal(t, core, outcome.Entities)
	require.Len(t, outcome.Results, 4)
	for _, r := range outcome.Results {
		require.Equal(t, events.StatusCompleted, r.Status)
		require.EqualValues(t, records, r.Fetched, r.Entity)
		require.EqualValues(t, records, r.Inserted, r.Entity)
		require.EqualValues(t, records, value[int64](t, w, "select count(*) from raw.st_"+r.Entity+" where run_number = $1", outcome.RunNumber))
		require.Equal(t,
			value[int64](t, w, "select count(*) from raw.st_"+r.Entity+" where deleted_at is null"),
			value[int64](t, w, "select records_count from raw.sync_state where table_name = $1 and last_full_sync is not null", "raw.st_"+r.Entity))
	}

	started, _ := await(t, w, "sync.started", func(d events.StartedData) bool { return d.RunNumber == outcome.RunNumber })
	require.Equal(t, "com.lazi.sync.started.v1", started.Type)
	require.Equal(t, answer.WorkflowID, started.Subject)
	for _, name := range outcome.Entities {
		await(t, w, "sync.progress", func(d events.ProgressData) bool { return d.Entity == name && d.Phase == events.PhaseDone })
	}
	message, err := w.stack.Slack.Await(t.Context(), func(m fakeslack.Message) bool { return strings.Contains(string(m.Body), "customers") })
	require.NoError(t, err)
	require.Contains(t, string(message.Body), "2,500")

	require.Equal(t, "completed", value[string](t, w, "select state from raw.sync_runs where run_number = $1", outcome.RunNumber))
	require.Equal(t, outcome.RunNumber, value[int64](t, w, "select run_number from raw.sync_requests where request_id = $1", requestID))
	w.requireNotifiedOnce(t)
}
