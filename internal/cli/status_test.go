package cli

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
)

var update = flag.Bool("update", false, "write the output into the golden files")

// requireGolden compares output with a file in testdata.
func requireGolden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), got)
}

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// busyStatus has a waiting request of each kind, open, paused, failed and completed runs.
func busyStatus() status {
	pause := &ledger.Pause{Since: noon.Add(-5 * time.Minute), Actor: "ann", Reason: "month-end"}
	core := []string{"customers", "jobs", "invoices", "estimates"}
	schedule := ledger.Requester{Source: ledger.ScheduleSource, Reason: "schedule lazisync-incremental-1001"}
	ops := ledger.Requester{Source: "/lazisync/gateway/ops", Reason: "after the import", At: noon.Add(-26 * time.Minute)}
	s := status{
		waiting: []ledger.Waiting{
			{Mode: events.Incremental, Requests: 12, Entities: []string{"jobs"}, Why: ledger.WaitForResume, Since: noon.Add(-4 * time.Minute), Run: 47, Pause: pause},
			{Mode: events.Full, Requests: 1, Entities: []string{"customers"}, Why: ledger.WaitForWorker, Since: noon.Add(-3 * time.Minute), RequestedBy: ops},
			{Mode: events.Incremental, Requests: 1, Entities: []string{"jobs"}, Why: ledger.WaitForDelay, Due: noon.Add(3 * time.Minute)},
			{Mode: events.Incremental, Requests: 3, Entities: []string{"jobs"}, Why: ledger.WaitForInterval, Since: noon.Add(-20 * time.Second), Due: noon.Add(40 * time.Second)},
		},
		runs: []ledger.Run{
			{
				Number: 47, TenantID: "1001", Mode: events.Incremental, State: ledger.Running, Pause: pause, StartedAt: noon.Add(-10 * time.Minute),
				WorkflowID: "incremental-sync-1001", Entities: core, RequestedBy: schedule,
				Results: []events.Result{{Entity: "customers", Status: events.StatusCompleted, Counts: events.Counts{Fetched: 14, Updated: 3}}},
			},
			{
				Number: 46, TenantID: "1001", Mode: events.Full, State: ledger.Failed, StartedAt: noon.Add(-25 * time.Minute), FinishedAt: noon.Add(-20 * time.Minute),
				WorkflowID: "full-sync-9e6784423b0ef438ec8c", Entities: core, RequestedBy: ops, RequestCount: 2, Published: true,
				Error: &events.RunError{Type: "ApiError", Entity: "jobs", Message: "GET /jpm/v2/tenant/1001/jobs: 500 Internal Server Error\nafter 12 attempts"},
				Results: []events.Result{
					{Entity: "customers", Status: events.StatusCompleted, Counts: events.Counts{Pages: 25, Fetched: 12000, Inserted: 40, Updated: 12, Unchanged: 11948}, Warnings: []string{"4 values of balance are not numbers"}},
					{Entity: "jobs", Status: events.StatusFailed, Counts: events.Counts{Pages: 3, Fetched: 1500, Unchanged: 1500}, Error: &events.RunError{Type: "ApiError", Message: "GET /jpm/v2/tenant/1001/jobs: 500 Internal Server Error\nafter 12 attempts"}},
					{Entity: "invoices", Status: events.StatusSkipped, SkippedReason: "never fully synced"},
					{Entity: "estimates", Status: events.StatusCancelled},
				},
			},
			{
				Number: 45, TenantID: "1001", Mode: events.Incremental, State: ledger.Completed, StartedAt: noon.Add(-40 * time.Minute), FinishedAt: noon.Add(-40*time.Minute + 1300*time.Millisecond),
				WorkflowID: "incremental-sync-1001", Entities: core, RequestedBy: schedule, Published: true,
			},
		},
		states: []ledger.EntityState{
			{TenantID: "1001", Entity: "customers", Status: "completed", Records: 12000, LastFullSync: noon.Add(-50 * time.Hour), LastIncrementalSync: noon.Add(-40 * time.Minute)},
			{TenantID: "1001", Entity: "jobs", Status: "failed", Records: 1500, LastFullSync: noon.Add(-50 * time.Hour)},
		},
	}
	jobsStale := noon.Add(-49 * time.Hour)
	s.addFreshness("1001", []ledger.Freshness{
		{TenantID: "1001", Entity: "customers", AsOf: noon.Add(-40 * time.Minute), Age: 40 * time.Minute, Target: time.Hour},
		{TenantID: "1001", Entity: "estimates", Target: time.Hour},
		{TenantID: "1001", Entity: "invoices", Age: 75 * time.Minute, Target: time.Hour, Stale: true, Since: noon.Add(-15 * time.Minute)},
		{TenantID: "1001", Entity: "jobs", AsOf: noon.Add(-50 * time.Hour), Age: 50 * time.Hour, Target: time.Hour, Stale: true, Since: jobsStale},
		{TenantID: "1002", Entity: "jobs", Age: time.Hour, Target: time.Minute, Stale: true, Since: jobsStale},
	}, []ledger.Outage{{
		TenantID: "1001", Since: jobsStale, Cause: "run 47 is paused by ann: month-end", OpenedAt: jobsStale,
		Entities: []ledger.OutageEntity{{Entity: "customers"}, {Entity: "jobs"}}, // customers are fresh again
	}})
	return s
}

func TestStatusFitsTheTerminal(t *testing.T) {
	t.Parallel()
	for _, width := range []int{0, 60, 80, 120, 200} {
		t.Run(fmt.Sprint(width), func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			require.NoError(t, busyStatus().print(&out, noon, width))
			requireGolden(t, fmt.Sprintf("status-%d.txt", width), out.String())
			tables, notes, _ := strings.Cut(out.String(), "\nErrors and warnings\n")
			_, tables, _ = strings.Cut(tables, "\n\n") // what needs attention is sentences
			require.NotEmpty(t, notes)
			for line := range strings.Lines(tables) {
				if width > 0 {
					require.LessOrEqual(t, utf8.RuneCountInString(strings.TrimRight(line, "\n")), width)
				}
			}
		})
	}
}

func TestStatusWithoutRuns(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	require.NoError(t, status{}.print(&out, noon, 80))
	require.Equal(t, "No runs yet. Start one: lazisync request full --wait\n", out.String())
}

func TestShowRunPrintsRequesterResultsAndErrors(t *testing.T) {
	t.Parallel()
	for _, r := range busyStatus().runs {
		var out bytes.Buffer
		require.NoError(t, printRun(&out, r, noon, 80))
		requireGolden(t, fmt.Sprintf("run-%d.txt", r.Number), out.String())
	}
}

func TestRunsNameTheTenantsIfThereAreSeveral(t *testing.T) {
	t.Parallel()
	runs := busyStatus().runs
	runs[1].TenantID = "1002"
	var out bytes.Buffer
	require.NoError(t, runsTable(runs, noon).print(&out, 0))
	require.Regexp(t, `(?m)TENANT(.*\n)+47 .* 1001 (.*\n)46 .* 1002 `, out.String())
}

func TestRunsOptionsAreChecked(t *testing.T) {
	t.Parallel()
	require.NoError(t, RunsOptions{RunFilter: ledger.RunFilter{State: "paused", Mode: "rebuild", Entity: "jobs", TenantID: "1001"}, Limit: 1000}.Check())
	err := RunsOptions{RunFilter: ledger.RunFilter{State: "complete", Mode: "fll", Entity: "job", TenantID: "x", Before: -3}, Within: -time.Hour}.Check()
	require.EqualError(t, err, `--tenant: got "x", want the number of a ServiceTitan tenant, digits only
--state: got "complete", want completed
--mode: got "fll", want full
--entity: got "job", want jobs
--since: got -1h0m0s, want a duration above 0, such as 24h
--before: got -3, want the number of a run
--limit: got 0, want an integer from 1 to 1000`)
}

func TestRequesterOfARun(t *testing.T) {
	t.Parallel()
	for want, r := range map[string]ledger.Requester{
		"webhook job.updated":   {Source: ledger.WebhookSource + "1001", Reason: "webhook job.updated"},
		"ops: after the import": {Source: ledger.GatewaySource + "/ops", Reason: "after the import"},
		"ops":                   {Source: ledger.GatewaySource + "/ops"},
		"schedule":              {Source: ledger.ScheduleSource, Reason: "schedule lazisync-full-1001"},
	} {
		require.Equal(t, want, requesterText(r))
	}
}
