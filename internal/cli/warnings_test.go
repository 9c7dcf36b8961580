package cli

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
)

func TestRequestStatusAndRunShowDifferences(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	results := []events.Result{
		{Entity: "customers", Status: events.StatusCompleted, Counts: events.Counts{Fetched: 12}, Differences: &events.Differences{Missing: 1200, Stale: 1, Sample: []string{"7", "8"}}},
		{Entity: "jobs", Status: events.StatusCompleted, Counts: events.Counts{Fetched: 12}, Differences: &events.Differences{Sample: []string{}}},
	}
	printOutcome(&out, "completed", events.OutcomeData{Results: results})
	require.Contains(t, out.String(), `
  customers    completed  12 fetched, 1,201 differences: 1,200 missing, 1 stale
    ids: 7, 8
    to repair: lazisync request rebuild --entities customers
  jobs         completed  12 fetched, 0 differences
`)

	out.Reset()
	require.NoError(t, status{runs: []ledger.Run{{Number: 7, Results: results}}}.print(&out, time.Now(), 0))
	require.Regexp(t, `(?m)^  run 7: customers: 1,201 differences: 1,200 missing, 1 stale; a rebuild repairs them$`, out.String())
	require.NotContains(t, out.String(), "jobs: 0")

	out.Reset()
	for _, r := range results {
		printNotes(&out, r)
	}
	require.Equal(t, "  customers: 1,201 differences: 1,200 missing, 1 stale\n  customers: ids: 7, 8\n  customers: to repair: lazisync request rebuild --entities customers\n  jobs: 0 differences\n", out.String())
}

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
