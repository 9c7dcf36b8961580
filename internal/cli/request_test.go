package cli

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/config"
)

// A request whose outcome is known exits with the code of that outcome.
func TestRepeatedRequestExitsLikeTheFirst(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		outcome events.OutcomeRef
		exit    int
		printed string
	}{
		{events.OutcomeRef{Type: events.Completed.Name, RunNumber: 7}, ExitCompleted, ": run 7\n"},
		{events.OutcomeRef{Type: events.Completed.Name, RunNumber: 7, Skipped: []string{"jobs", "invoices"}}, ExitSkipped, "run 7, which skipped jobs, invoices\n"},
		{events.OutcomeRef{Type: events.Failed.Name, RunNumber: 7, Skipped: []string{"jobs"}}, ExitFailed, "which skipped jobs\n"},
		{events.OutcomeRef{Type: events.Cancelled.Name}, ExitCancelled, "cancelled before a run started\n"},
	} {
		var out bytes.Buffer
		f := &follower{requestID: "r", view: newLinesView(&out)}
		require.ErrorIs(t, f.accepted(events.AcceptedData{Kind: events.KindRequest, RequestID: "r", WorkflowID: "w", Duplicate: true, Outcome: &c.outcome}), errFinished)
		require.Equal(t, c.exit, f.exitCode, c.outcome)
		require.Contains(t, out.String(), c.printed)
	}
}

func TestCheckControlID(t *testing.T) {
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

// Otherwise the bridge would reject it later, with a dead letter and a notification.
func TestARequestForAnUnknownTenantIsNotPublished(t *testing.T) {
	t.Parallel()
	one, two := &config.Config{Tenants: []config.Tenant{{ID: "7"}}}, &config.Config{Tenants: []config.Tenant{{ID: "7"}, {ID: "8"}}}
	for _, c := range []struct {
		cfg    *config.Config
		tenant string
		want   string
	}{
		{&config.Config{}, "acme", `tenantId: got "acme", want the number of a ServiceTitan tenant, digits only`},
		{one, "70", `tenantId: got "70", want 7`},
		{two, "9", `tenantId: got "9", want one of 7, 8`},
		{two, "", `tenantId: got nothing, want one of 7, 8`},
	} {
		ctx, stop := context.WithTimeout(t.Context(), time.Minute)
		err := Request(ctx, nil, c.cfg, RequestOptions{Mode: "full", TenantID: c.tenant}, &bytes.Buffer{})
		stop()
		var exit *ExitError
		require.ErrorAs(t, err, &exit, c.want)
		require.Equal(t, ExitError{Code: ExitUsage, Message: c.want}, *exit)
	}
}
