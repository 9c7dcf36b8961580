package e2e

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/simulator"
)

// inFlight is the number of pages of an entity that are read again after a worker is killed: the
// one being stored and the prefetched one.
const inFlight = 2

func TestFullSyncResumesAfterAWorkerIsKilled(t *testing.T) {
	t.Parallel()
	w := newFixture(t, options{simulator: simulator.Options{RecordsPerEntity: 2000, ExportPageSize: 50}})
	for _, role := range []string{"bridge", "notifier", "gateway"} {
		w.start(t, role)
	}
	worker := w.start(t, "worker")
	w.stack.Simulator.SetPace(pageTime)
	requestID := w.request(t, `{"mode":"full"}`)
	w.awaitPages(t, 50)
	worker.kill(t)
	stored := value[int64](t, w, "select sum(pages)::bigint from raw.sync_cursors")
	require.Positive(t, stored)
	require.Less(t, stored, int64(150))

	w.stack.Simulator.SetPace(0)
	w.start(t, "worker")
	outcome := w.completed(t, requestID)
	for _, r := range outcome.Results {
		require.EqualValues(t, 2000, r.Fetched, r.Entity)
		require.EqualValues(t, 40, r.Pages, r.Entity)
	}
	for name, pages := range w.pages() {
		require.LessOrEqual(t, repeatedPages(pages), inFlight, "pages of %s that were read more than once", name)
	}
	w.requireEqual(t)
	w.requireNotifiedOnce(t)
}

func TestFullSyncResumesAfterAWorkerStops(t *testing.T) {
	t.Parallel()
	w := newFixture(t, options{simulator: simulator.Options{RecordsPerEntity: 2000, ExportPageSize: 50}})
	first := w.start(t, "serve")
	w.stack.Simulator.SetPace(pageTime)
	requestID := w.request(t, `{"mode":"full"}`)
	w.awaitPages(t, 50)
	require.Less(t, first.stop(t), 30*time.Second)
	require.Empty(t, w.outcomes(t))

	w.stack.Simulator.SetPace(0)
	w.start(t, "serve")
	w.completed(t, requestID)
	for name, pages := range w.pages() {
		require.Zero(t, repeatedPages(pages), "pages of %s that were read more than once", name)
		require.Len(t, pages, 40, name)
	}
	w.requireEqual(t)
	w.requireNotifiedOnce(t)
}

func TestTerminatedWorkflowHasAnOutcome(t *testing.T) {
	t.Parallel()
	w := newFixture(t, options{simulator: simulator.Options{RecordsPerEntity: 2000, ExportPageSize: 50}})
	w.start(t, "serve")
	w.stack.Simulator.SetPace(pageTime)
	requestID := w.request(t, `{"mode":"full"}`)
	w.awaitPages(t, 20)
	require.NoError(t, w.temporal.TerminateWorkflow(t.Context(), "full-sync-"+requestID, "", "by hand"))

	outcome := w.outcome(t, "sync.failed", requestID)
	require.Equal(t, events.Terminated, outcome.Error.Type)
	require.NotZero(t, outcome.RunNumber)
	w.stack.Simulator.SetPace(0)
	rows := value[int64](t, w, "select sum(fetched)::bigint from raw.sync_cursors where run_number = $1", outcome.RunNumber)

	// No page is stored after the outcome: its consumers see all rows.
	second := w.completed(t, w.request(t, `{"mode":"full","entities":["customers"]}`))
	require.NotEqual(t, outcome.RunNumber, second.RunNumber)
	require.Equal(t, rows, value[int64](t, w, "select sum(fetched)::bigint from raw.sync_cursors where run_number = $1", outcome.RunNumber))
	w.requireNotifiedOnce(t)

	open, err := w.temporal.DescribeWorkflowExecution(t.Context(), "full-sync-"+requestID, "")
	require.NoError(t, err)
	require.Equal(t, "Terminated", open.GetWorkflowExecutionInfo().GetStatus().String())
}
