package cli

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
)

// TestRequestAndStatusShowWarnings where people look: behind a request that they wait for, and in the
// status.
func TestRequestAndStatusShowWarnings(t *testing.T) {
	t.Parallel()
	results := []events.Result{
		{Entity: "customers", Status: events.StatusCompleted, Counts: events.Counts{Fetched: 12}, Warnings: []string{"the list was read 3 times", "and more"}},
		{Entity: "jobs", Status: events.StatusCompleted},
	}
	var out bytes.Buffer
	printOutcome(&out, "completed", events.OutcomeData{Results: results})
	require.Regexp(t, `(?m)^  customers .*\n    warning: the list was read 3 times\n    warning: and more\n  jobs `, out.String())

	out.Reset()
	require.NoError(t, status{runs: []ledger.Run{{Number: 7, Results: results}}}.print(&out, time.Now(), 0))
	require.Regexp(t, `(?m)^  run 7: customers: warning: the list was read 3 times\n  run 7: customers: warning: and more$`, out.String())
}
