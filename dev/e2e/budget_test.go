package e2e

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/simulator"
)

// A rate budget of two calls in five seconds slows a sync, which continues and reports the
// reason.
func TestProgressReportsTheRateLimit(t *testing.T) {
	t.Parallel()
	w := newFixture(t, options{simulator: simulator.Options{RecordsPerEntity: 60, ExportPageSize: 25}})
	w.start(t, "serve", "SERVICETITAN_REQUESTS_PER_SECOND=0.4")
	requestID := w.request(t, `{"mode":"full","entities":["customers"]}`)
	_, waiting := await(t, w, "sync.progress", func(d events.ProgressData) bool {
		return d.Waiting != nil && d.Waiting.Why == events.WaitRateLimit
	})
	require.Equal(t, "customers", waiting.Entity)
	require.InDelta(t, 1.5, waiting.Waiting.Seconds, 1.5)
	outcome := w.completed(t, requestID)
	require.EqualValues(t, 60, outcome.Results[0].Fetched)
	require.Len(t, w.pages()["customers"], 3, "no page is requested twice")
}
