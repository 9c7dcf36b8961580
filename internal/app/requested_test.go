package app

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/config"
	"github.com/lazi/lazisync/internal/ledger"
)

// A request that was decided before ends with the code of its outcome, also where that
// skipped entities.
func TestARepetitionOfARequestThatSkippedEntitiesExitsAsTheFirst(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		outcome events.OutcomeRef
		exit    int
		said    string
	}{
		{events.OutcomeRef{Type: events.Completed.Name, RunNumber: 7}, ExitCompleted, "see run 7\n"},
		{events.OutcomeRef{Type: events.Completed.Name, RunNumber: 7, Skipped: []string{"jobs", "invoices"}}, ExitSkipped, "see run 7, which skipped jobs, invoices\n"},
		{events.OutcomeRef{Type: events.Failed.Name, RunNumber: 7, Skipped: []string{"jobs"}}, ExitFailed, "which skipped jobs\n"},
		{events.OutcomeRef{Type: events.Cancelled.Name}, ExitCancelled, "withdrawn before a run began\n"},
	} {
		var out bytes.Buffer
		f := &follower{requestID: "r", view: newLinesView(&out)}
		require.ErrorIs(t, f.accepted(events.AcceptedData{Kind: events.KindRequest, RequestID: "r", WorkflowID: "w", Duplicate: true, Outcome: &c.outcome}), errDecided)
		require.Equal(t, c.exit, f.exit, c.outcome)
		require.Contains(t, out.String(), c.said)
	}
}

// An entity of which nothing was read, or not all, is not shown as one of 0 records.
func TestStatusSaysWhatWasSkippedOrFailed(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	require.NoError(t, printStatus(&out, []ledger.Run{{Number: 7, Results: []events.Result{
		{Entity: "customers", Status: events.StatusCompleted, Fetched: 1200}, {Entity: "jobs", Status: events.StatusFailed, Fetched: 50},
		{Entity: "invoices", Status: events.StatusSkipped}, {Entity: "estimates", Status: events.StatusCancelled}, {Entity: "payments", Fetched: 3},
	}}}, nil, time.Now()))
	require.Contains(t, out.String(), "customers 1,200, jobs failed after 50, invoices skipped, estimates cancelled after 0, payments 3 ")
}

func TestAControlIDThatCannotBeIsRefused(t *testing.T) {
	t.Parallel()
	for _, id := range []string{
		"Full-Sync-ff565c04902b438c3097", "FULL-SYNC-FF565C04902B438C3097", "full-sync-FF565C04902B438C3097", "full-sync-", "full-sync-ff565c04902b438c3097x",
		"incremental-sync-", "incremental-sync-acme", "incremental-sync-007", "Incremental-Sync-1039746210", "rebuild-customers", "REBUILD-ff565c04902b438c3097",
		"", " ", "\t", "a b", "customers", "lazisync-full-1039746210",
	} {
		require.Error(t, CheckControlID(id), "%q", id)
	}
	for _, id := range []string{
		"full-sync-ff565c04902b438c3097", "rebuild-ff565c04902b438c3097", "incremental-sync-1039746210", "ff565c04902b438c3097", "order-4711", "Full-2026-03-01", "rebuilding-1", "Rebuild-7",
	} {
		require.NoError(t, CheckControlID(id), "%q", id)
	}
}

// What the bridge would reject later, with a dead letter and a message in Slack, is refused
// before it is published.
func TestARequestOfATenantThatIsNotConfiguredIsRefused(t *testing.T) {
	t.Parallel()
	one, two := &Config{Tenants: []config.Tenant{{ID: "7"}}}, &Config{Tenants: []config.Tenant{{ID: "7"}, {ID: "8"}}}
	for _, c := range []struct {
		cfg    *Config
		tenant string
		want   string
	}{
		{&Config{}, "acme", `--tenant: got "acme", want a number, as ServiceTitan's tenant IDs are`},
		{one, "70", `--tenant: got "70", want a configured tenant: 7`},
		{two, "9", `--tenant: got "9", want a configured tenant: 7, 8`},
		{two, "", `--tenant: got nothing, want one of 7, 8`},
	} {
		ctx, stop := context.WithTimeout(t.Context(), time.Minute)
		err := Request(ctx, c.cfg, RequestOptions{Mode: "full", TenantID: c.tenant}, &bytes.Buffer{})
		stop()
		var exit *ExitError
		require.ErrorAs(t, err, &exit, c.want)
		require.Equal(t, ExitError{Code: ExitUsage, Message: c.want}, *exit)
	}
	for _, tenant := range []string{"", "7"} {
		require.NoError(t, checkTenant(one, tenant))
		require.NoError(t, checkTenant(&Config{}, tenant))
	}
}
