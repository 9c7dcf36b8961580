package e2e

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/simulator"
)

func TestRunDeadlineFailsAndPauseLimitCancels(t *testing.T) {
	t.Parallel()
	w := newFixture(t, options{simulator: simulator.Options{RecordsPerEntity: 20_000, ExportPageSize: 50}})
	w.start(t, "serve", "SYNC_RUN_DEADLINE=25s", "SYNC_PAUSE_LIMIT=2s")
	w.stack.Simulator.SetPace(pageTime)

	paused := w.request(t, `{"mode":"full","entities":["customers"]}`)
	w.awaitPages(t, 2)
	w.control(t, `{"action":"pause","requestId":"`+paused+`"}`)
	outcome := w.outcome(t, "sync.cancelled", paused)
	require.Equal(t, "pause expired", outcome.Reason)
	require.Equal(t, events.StatusCancelled, outcome.Results[0].Status)
	require.Positive(t, outcome.Results[0].Fetched, "what was read until then is stored")

	late := w.request(t, `{"mode":"full","entities":["jobs"]}`)
	failed := w.outcome(t, "sync.failed", late)
	require.Equal(t, events.DeadlineExceeded, failed.Error.Type)
	require.Equal(t, "the run was not complete after 25s of work", failed.Error.Message)
	w.requireNotifiedOnce(t)
}
