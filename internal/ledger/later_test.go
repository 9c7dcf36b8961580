package ledger_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
)

// While roles of two versions run beside each other, the reconciler of the earlier one
// publishes outcomes that a worker of the later one has written.
func TestAnOutcomeWithValuesOfALaterVersionIsPublished(t *testing.T) {
	t.Parallel()
	run := finalized(request(1))
	run.Mode = "audit"
	run.Results[0].Status = "partial"
	run.Results[1].Error = &events.RunError{Type: "QuotaError", Message: "of a later version"}
	created, err := run.OutcomeEvents()
	require.NoError(t, err)
	data, err := events.Completed.Data(created[0])
	require.NoError(t, err)
	require.Equal(t, run.Results, data.Results)
	require.EqualValues(t, "audit", data.Mode)
}
