package cli

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
)

func TestStatusShowsPausesAndWaitingRequests(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	pause := &ledger.Pause{Since: now.Add(-5 * time.Minute), Actor: "ann", Reason: "month-end"}
	shown := status{
		waiting: []ledger.Waiting{
			{Mode: events.Incremental, Requests: 12, Entities: []string{"jobs"}, Why: ledger.WaitForResume, Since: now.Add(-4 * time.Minute), Run: 7, Pause: pause},
			{Mode: events.Full, Requests: 1, Entities: []string{"customers"}, Why: ledger.WaitForWorker, Since: now.Add(-time.Minute),
				RequestedBy: ledger.Requester{Source: "/lazisync/gateway/ops", Reason: "after the import"}},
			{Mode: events.Incremental, Requests: 1, Entities: []string{"jobs"}, Why: ledger.WaitForDelay, Due: now.Add(3 * time.Minute)},
		},
		runs: []ledger.Run{{
			Number: 7, Mode: events.Incremental, State: ledger.Running, Pause: pause, StartedAt: now.Add(-10 * time.Minute), WorkflowID: "incremental-sync-1",
			RequestedBy: ledger.Requester{Source: ledger.ScheduleSource, Reason: "schedule lazisync-incremental-1"},
		}},
	}
	var out bytes.Buffer
	require.NoError(t, shown.print(&out, now))
	for _, line := range []string{
		`(?m)^incremental +12 +4 min ago +run 7 is paused 5 min ago by ann: month-end `,
		`(?m)^full +1 +1 min ago +waits for a worker +ops: after the import +customers`,
		`(?m)^incremental +1 +due in 3m0s +second pass after a webhook, not due yet`,
		`(?m)^7 +incremental +paused +10 min ago .* schedule *\n +paused 5 min ago by ann: month-end`,
	} {
		require.Regexp(t, line, out.String())
	}
}
