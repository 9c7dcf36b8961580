package store_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/internal/store"
)

func TestActionsSelectsByEachField(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	entries := []ledger.AuditEntry{
		{
			ID: "a", At: at(1), Actor: "ops", Role: "operator", Action: "request.full", Target: "full-sync-r1", TenantID: tenant, RequestID: "r1",
			Reason: "by hand", Status: 202, Remote: "192.0.2.1",
		},
		{ID: "b", At: at(2), Actor: "dash", Role: "viewer", Action: "control.pause", Target: "full-sync-r1", Status: 403, Problem: "role"},
		{ID: "c", At: at(3), Action: "session.open", Status: 401, Problem: "unauthorized"},
	}
	for _, e := range append(entries, entries[0]) { // the last one again
		require.NoError(t, f.RecordAction(t.Context(), e))
	}
	all, err := f.Actions(t.Context(), ledger.AuditFilter{}, 10)
	require.NoError(t, err)
	require.Len(t, all, 3)
	first := all[2]
	first.At, first.Number = first.At.UTC(), 0
	require.Equal(t, entries[0], first)

	for name, c := range map[string]struct {
		filter ledger.AuditFilter
		limit  int
		want   []string
	}{
		"everything":     {ledger.AuditFilter{}, 10, []string{"c", "b", "a"}},
		"the newest":     {ledger.AuditFilter{}, 1, []string{"c"}},
		"tenant":         {ledger.AuditFilter{TenantID: tenant}, 10, []string{"a"}},
		"another tenant": {ledger.AuditFilter{TenantID: "43"}, 10, nil},
		"actor":          {ledger.AuditFilter{Actor: "dash"}, 10, []string{"b"}},
		"action":         {ledger.AuditFilter{Action: "request.full"}, 10, []string{"a"}},
		"accepted":       {ledger.AuditFilter{Outcome: ledger.AuditAccepted}, 10, []string{"a"}},
		"refused":        {ledger.AuditFilter{Outcome: ledger.AuditRefused}, 10, []string{"c", "b"}},
		"since":          {ledger.AuditFilter{Since: at(2)}, 10, []string{"c", "b"}},
		"before":         {ledger.AuditFilter{Before: all[1].Number}, 10, []string{"a"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			found, err := f.Actions(t.Context(), c.filter, c.limit)
			require.NoError(t, err)
			var ids []string
			for _, e := range found {
				ids = append(ids, e.ID)
			}
			require.Equal(t, c.want, ids)
		})
	}
}

func TestPruneDeletesOldActions(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for id, at := range map[string]time.Time{"old": time.Now().Add(-2 * time.Hour), "new": time.Now()} {
		require.NoError(t, f.RecordAction(t.Context(), ledger.AuditEntry{ID: id, At: at, Action: "request.full", Status: 202}))
	}
	_, err := f.Prune(t.Context(), time.Hour)
	require.NoError(t, err)
	found, err := f.Actions(t.Context(), ledger.AuditFilter{}, 10)
	require.NoError(t, err)
	require.Len(t, found, 1)
	require.Equal(t, "new", found[0].ID)
}

// The user of a gateway reads the tables and may add to the audit trail, and nothing else.
func TestAccessAuditNeedsToInsertActionsOnly(t *testing.T) {
	t.Parallel()
	gateway := role(t)
	f := newFixture(t)
	f.exec("grant usage on schema raw to " + gateway)
	f.exec("grant select on all tables in schema raw to " + gateway)
	s := openStore(t, as(t, f.url, gateway))
	require.NoError(t, s.CheckReady(t.Context(), store.AccessRead))
	require.ErrorContains(t, s.CheckReady(t.Context(), store.AccessAudit), "the user has no privilege to insert on raw.sync_audit: grant")
	f.exec("grant insert on raw.sync_audit to " + gateway)
	require.NoError(t, s.CheckReady(t.Context(), store.AccessAudit))
	entry := ledger.AuditEntry{ID: "a", At: at(1), Action: "request.full", Status: 202}
	require.NoError(t, s.RecordAction(t.Context(), entry))
	require.NoError(t, s.RecordAction(t.Context(), entry), "again")
	require.ErrorContains(t, s.CheckReady(t.Context(), store.AccessLedger), "no privilege to")
}
