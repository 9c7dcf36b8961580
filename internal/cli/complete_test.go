package cli

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
)

// busyStore has the runs and requests of busyStatus.
type busyStore struct{ Store }

func (busyStore) Close() {}

func (busyStore) FindRuns(context.Context, ledger.RunFilter, int) ([]ledger.Run, error) {
	return busyStatus().runs, nil
}

func (busyStore) Runs(context.Context, int) ([]ledger.Run, error) { return busyStatus().runs, nil }

func (busyStore) Waiting(context.Context, events.TenantID) ([]ledger.Waiting, error) {
	return []ledger.Waiting{
		{WorkflowID: "incremental-sync-1001", Mode: events.Incremental, Why: ledger.WaitForResume},
		{WorkflowID: "full-sync-" + barsRequest, Mode: events.Full, Why: ledger.WaitForWorker},
	}, nil
}

func TestCompletionReadsTheLedger(t *testing.T) {
	t.Parallel()
	b := targetBackends{store: busyStore{}}
	runs, err := CompleteRuns(t.Context(), b)
	require.NoError(t, err)
	require.Equal(t, []string{
		"47\tincremental of tenant 1001, paused", "46\tfull of tenant 1001, failed", "45\tincremental of tenant 1001, completed",
	}, runs)
	open, err := CompleteOpenWorkflows(t.Context(), b)
	require.NoError(t, err)
	require.Equal(t, []string{"incremental-sync-1001\trun 47, paused", "full-sync-" + barsRequest + "\twaits for a worker"}, open)
}
