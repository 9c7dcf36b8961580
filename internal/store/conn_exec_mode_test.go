package store_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/internal/ratelimit"
	"github.com/lazi/lazisync/internal/store"
	"github.com/lazi/lazisync/internal/testing/pgserver/pgtest"
)

// TestEveryExecutionMode does everything with each execution mode of pgx.
func TestEveryExecutionMode(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"", "cache_statement", "cache_describe", "describe_exec", "exec", "simple_protocol"} {
		t.Run("mode "+mode, func(t *testing.T) {
			t.Parallel()
			doEverything(t, withParameter(t, pgtest.Database(t), "default_query_exec_mode", mode), 4)
		})
	}
}

// withParameter is a URL with one parameter more, or unchanged for an empty value.
func withParameter(t testing.TB, address, name, value string) string {
	t.Helper()
	u, err := url.Parse(address)
	require.NoError(t, err)
	if value != "" {
		q := u.Query()
		q.Set(name, value)
		u.RawQuery = q.Encode()
	}
	return u.String()
}

// doEverything migrates an empty database and calls every method of a store that talks
// to it, in a possible order, with texts that need escapes.
func doEverything(t *testing.T, address string, conns int32) {
	t.Helper()
	ctx := t.Context()
	entities := append([]entity.Entity{find(t, "ap_bills")}, few...)
	s, err := store.Open(ctx, address, store.Options{MaxConns: conns, Entities: entities, Tenants: []events.TenantID{tenant}, Changes: true, Logger: zerolog.New(zerolog.NewTestWriter(t))})
	require.NoError(t, err)
	t.Cleanup(s.Close)
	f := &fixture{TB: t, Store: s, url: address}

	applied, err := s.Migrate(ctx)
	require.NoError(t, err)
	require.NotEmpty(t, applied)
	applied, err = s.Migrate(ctx)
	require.NoError(t, err)
	require.Empty(t, applied)
	f.migrateViews(denver)
	require.Empty(t, f.migrateViews(denver))
	finished, err := s.FinishAdoption(ctx)
	require.NoError(t, err)
	require.Empty(t, finished)
	require.NoError(t, s.Ping(ctx))
	require.NoError(t, s.CheckSchema(ctx))
	x, err := s.Inspect(ctx, store.AccessPages)
	require.NoError(t, err)
	require.Empty(t, x.MissingPrivileges)
	require.Empty(t, x.MissingObjects)

	f.everyRequest()
	f.everyControl()
	f.everyPage()
	f.everyRebuild()
	f.everyVerify()
	f.everyCall()
	f.everyErasure()

	tenants, err := s.Tenants(ctx)
	require.NoError(t, err)
	require.Equal(t, []events.TenantID{tenant}, tenants)
	_, err = s.DropStagingTables(ctx)
	require.NoError(t, err)
	deleted, err := s.Prune(ctx, 0)
	require.NoError(t, err)
	require.Positive(t, deleted)
	mismatched, err := s.MismatchedTriggers(ctx)
	require.NoError(t, err)
	require.Empty(t, mismatched)
	deleted, err = s.PruneChanges(ctx, 0)
	require.NoError(t, err)
	require.Positive(t, deleted)
}

const awkward = `it's "quoted" \ $1 ünïcode %s`

func (f *fixture) everyRequest() {
	f.Helper()
	ctx := f.Context()
	q := request(events.Incremental, "awkward", "customers")
	q.Reason, q.Channel = awkward, awkward
	receipts := f.receive(q, request(events.Full, "full", "customers", "jobs"))
	require.False(f, receipts[0].Repeated)
	require.True(f, f.receive(q)[0].Repeated)
	found, err := f.FindRequests(ctx, "awkward")
	require.NoError(f, err)
	require.Len(f, found, 1)
	require.Equal(f, awkward, found[0].Reason)
	_, err = f.Unstarted(ctx, 0)
	require.NoError(f, err)
	_, err = f.Accept(ctx, map[string]string{q.ID: "exec", receipts[1].ID: "exec"})
	require.NoError(f, err)
	_, err = f.AcceptedWithoutRun(ctx, 0)
	require.NoError(f, err)
	_, err = f.Workflow(ctx, q.WorkflowID)
	require.NoError(f, err)
	withdrawn, _, err := f.WithdrawRequest(ctx, q.ID, awkward)
	require.NoError(f, err)
	require.Equal(f, awkward, withdrawn.Reason)
	run, err := f.FinalizeUnstarted(ctx, receipts[1].ID, ledger.Finalization{State: ledger.Failed, Error: &events.RunError{Type: events.Terminated, Message: awkward}})
	require.NoError(f, err)
	require.Equal(f, awkward, run.Error.Message)
	receipt, err := f.Request(ctx, receipts[1].ID)
	require.NoError(f, err)
	require.Equal(f, ledger.Failed, receipt.Outcome.State)
	unpublished, err := f.Unpublished(ctx)
	require.NoError(f, err)
	require.Len(f, unpublished, 2)
	for _, r := range unpublished {
		require.NoError(f, f.MarkPublished(ctx, r.Ref()))
	}
}

func (f *fixture) everyControl() {
	f.Helper()
	ctx := f.Context()
	c := ledger.Control{ID: events.RequestID("/test", "control"), Source: "/test", EventID: "control", Action: events.Pause, Target: "x", Reason: awkward, Sequence: 7,
		Message: events.Message{Stream: "S", Sequence: 7, Data: []byte{0, 1, '\'', 0xff}}}
	held, repeated, err := f.RecordControl(ctx, c)
	require.NoError(f, err)
	require.False(f, repeated)
	require.Equal(f, c.Message.Data, held.Message.Data)
	pending, err := f.PendingControls(ctx)
	require.NoError(f, err)
	require.Len(f, pending, 1)
	has, err := f.HasControl(ctx, c.ID)
	require.NoError(f, err)
	require.True(f, has)
	c.State, c.Rejection = ledger.ControlRejected, events.Reject(events.CodeUnknownRun, events.FieldError{Path: "requestId", Got: awkward, Want: "x"})
	settled, err := f.SettleControl(ctx, c)
	require.NoError(f, err)
	require.Equal(f, awkward, settled.Rejection.Errors[0].Got)
}

func (f *fixture) everyPage() {
	f.Helper()
	ctx := f.Context()
	c, tags := find(f, "customers"), find(f, "ap_bills")
	run := f.beginFull("pages", c.Name, tags.Name)
	castFailure := customer(4, at(0), awkward)
	castFailure.Raw = []byte(`{"id": 4, "active": "perhaps", "name": "it's \\ \"x\""}`)
	bad := customer(5, at(0), "x")
	bad.Raw = []byte(`{"id": 5, "name": "\u0000"}`)
	p := page(at(0), "to'ken", false, customer(1, at(0), awkward), customer(2, time.Time{}, "b"), gone(customer(3, at(0), "c")), castFailure, bad)
	p.Rejected = []entity.Rejected{{ID: "9", Reason: awkward, Raw: []byte{0, 0xff, '\''}}}
	p.Warnings = []string{awkward}
	position := f.storePage(run, c, f.open(run, c), p)
	require.Equal(f, events.Counts{Pages: 1, Fetched: 6, Inserted: 4, Rejected: 2}, position.Counts)
	require.Len(f, position.Warnings, 2)
	require.NoError(f, f.SetTotal(ctx, run.Target(c), position, 4))
	position = f.storePage(run, c, f.open(run, c), page(at(1), "2", true, customer(1, at(1), "newer"), customer(2, time.Time{}, "b")))
	require.Equal(f, events.StatusCompleted, position.Status)

	records := []entity.Record{sample(f, tags, 1, 0, "x"), sample(f, tags, 2, 0, "x")}
	f.storePage(run, tags, f.open(run, tags), entity.Page{Records: records, Last: true, Total: 2, Date: at(2)})
	run = f.finalize(run, ledger.Finalization{State: ledger.Completed})
	require.Equal(f, ledger.Completed, run.State)

	again := f.beginFull("pages again", tags.Name)
	position = f.storePage(again, tags, f.open(again, tags), entity.Page{Records: records[:1], Last: true, Total: 1, Date: at(3)})
	for position.Phase == events.PhaseSweeping && !position.Done() {
		missing, err := f.MissingIDs(ctx, again.Target(tags), 10)
		require.NoError(f, err)
		position, err = f.StoreLookup(ctx, again.Target(tags), position, missing, entity.Page{Date: at(4)})
		require.NoError(f, err)
	}
	f.finalize(again, ledger.Finalization{State: ledger.Completed})

	incremental := f.beginIncremental("pages after", 1, c.Name, "jobs")
	f.storePage(incremental, c, f.open(incremental, c), page(at(5), "3", true, customer(7, at(5), "new")))
	require.Equal(f, events.StatusSkipped, f.open(incremental, find(f, "jobs")).Status)
	require.NoError(f, f.FailEntity(ctx, incremental.Target(find(f, "invoices")), ledger.Position{}, events.RunError{Type: events.APIError, Message: awkward}))
	unfinalized, err := f.Unfinalized(ctx)
	require.NoError(f, err)
	require.Len(f, unfinalized, 1)
	f.receive(request(events.Incremental, "waits", "estimates"))
	f.finalize(incremental, ledger.Finalization{State: ledger.Cancelled, Reason: awkward, ClaimQueued: true})
	runs, err := f.TenantRuns(ctx, tenant, 2)
	require.NoError(f, err)
	require.Len(f, runs, 2)
	runs, err = f.Runs(ctx, 100)
	require.NoError(f, err)
	require.Len(f, runs, 5)
	require.Equal(f, int64(4), f.state(c).Records)

	held := map[string]string{}
	require.NoError(f, f.Rows(ctx, tenant, c, func(id string, _ time.Time, _ bool, data []byte) error {
		var doc struct{ Name string }
		require.NoError(f, json.Unmarshal(data, &doc))
		held[id] = doc.Name
		return nil
	}))
	require.Equal(f, map[string]string{"1": "newer", "2": "b", "3": "c", "4": `it's \ "x"`, "7": "new"}, held)
}

func (f *fixture) everyRebuild() {
	f.Helper()
	ctx := f.Context()
	c := find(f, "customers")
	q := request(events.Rebuild, "rebuild", c.Name)
	f.receive(q)
	run, found, err := f.BeginRun(ctx, ledger.BeginInput{TenantID: tenant, Mode: events.Rebuild, WorkflowID: q.WorkflowID, FirstRunID: "exec", Pass: 1, RequestID: q.ID})
	require.NoError(f, err)
	require.True(f, found)
	var records []entity.Record
	for _, id := range []int{1, 2, 4, 7} {
		records = append(records, customer(id, at(6), fmt.Sprint("rebuilt ", id)))
	}
	at := f.storePage(run, c, f.open(run, c), page(at(7), "4", true, records...))
	at, err = f.CheckRebuild(ctx, rebuildTarget(c, at), at, 4)
	require.NoError(f, err)
	at, err = f.ApplyRebuild(ctx, rebuildTarget(c, at), at)
	require.NoError(f, err)
	require.Equal(f, events.StatusCompleted, at.Status, "%v", at.Error)
	require.EqualValues(f, 4, at.Updated)
	f.finalize(run, ledger.Finalization{State: ledger.Completed})
}

// everyVerify verifies ap_bills, whose only live row is not in the list and is looked up.
func (f *fixture) everyVerify() {
	f.Helper()
	ctx, bills := f.Context(), find(f, "ap_bills")
	v := f.beginVerify("verify", bills, 0)
	v.at = f.storePage(v.run, bills, f.open(v.run, bills), entity.Page{Last: true, Total: 0, Date: at(8), Next: bills.Start()})
	v.compare()
	missing, err := f.MissingIDs(ctx, v.run.Target(bills), 10)
	require.NoError(f, err)
	require.Equal(f, []string{"1"}, missing)
	v.at, err = f.StoreLookup(ctx, v.run.Target(bills), v.at, missing, entity.Page{Date: at(9)})
	require.NoError(f, err)
	v.at, err = f.CheckRebuild(ctx, v.run.Target(bills), v.at, -1)
	require.NoError(f, err)
	require.Equal(f, &events.Differences{Extra: 1, Sample: []string{"1"}}, v.at.Differences)
	f.finalize(v.run, completed)
}

// everyErasure erases the customer that has a cast failure.
func (f *fixture) everyErasure() {
	f.Helper()
	ctx, what := f.Context(), ledger.Erasure{TenantID: tenant, Entity: find(f, "customers"), ID: "4"}
	unpublished, err := f.Unpublished(ctx)
	require.NoError(f, err)
	for _, r := range unpublished {
		require.NoError(f, f.MarkPublished(ctx, r.Ref()))
	}
	q := refresh("erased", what.Entity.Name, what.ID)
	f.receive(q)
	report, err := f.Erase(ctx, what, nil, nil)
	require.NoError(f, err)
	require.Len(f, report.Blockers, 1, "%v", report.Blockers)
	f.finalize(f.beginRefresh(9), ledger.Finalization{State: ledger.Cancelled})
	unpublished, err = f.Unpublished(ctx)
	require.NoError(f, err)
	require.NoError(f, f.MarkPublished(ctx, unpublished[0].Ref()))
	changes, err := f.EraseChanges(ctx, what, report.IDs(), true)
	require.NoError(f, err)
	require.EqualValues(f, 1, changes)
	require.NoError(f, f.ForgetMessages(ctx, []string{awkward}))
	_, err = f.ForgetDeadLetters(ctx, []ledger.DeadLetterKey{{Sequence: 1, RejectedAt: at(1)}})
	require.NoError(f, err)
	_, err = f.IsReceived(ctx, q.ID, awkward)
	require.NoError(f, err)
	report, err = f.Erase(ctx, what, nil, &ledger.AuditEntry{ID: "erased", At: at(1), Actor: awkward, Action: ledger.ActionErase, Target: what.Target(), TenantID: tenant})
	require.NoError(f, err)
	require.Contains(f, report.Places, ledger.ErasedPlace{Place: "raw.schema_drift", Count: 1, How: ledger.EraseRedacted})
	require.Contains(f, report.Places, ledger.ErasedPlace{Place: "raw.sync_requests", Count: 1, How: ledger.EraseRedacted})
	require.Contains(f, report.Places, ledger.ErasedPlace{Place: "raw.st_customers", Count: 1, How: ledger.EraseDeleted})
}

func (f *fixture) everyCall() {
	f.Helper()
	leased, err := f.Lease(f.Context(), ratelimit.LeaseRequest{TenantID: tenant, PerSecond: 50, Calls: 1, Prefetch: 2, Idle: time.Second, Interactive: true})
	require.NoError(f, err)
	require.Equal(f, 1, leased.Calls)
	require.NoError(f, f.Throttle(f.Context(), tenant, 50, 10*time.Millisecond))
	_, err = f.LeaseAt(f.Context(), ratelimit.LeaseRequest{TenantID: tenant, PerSecond: 50, Calls: 1}, time.Now())
	require.NoError(f, err)
	states, err := f.States(f.Context(), "")
	require.NoError(f, err)
	require.NotEmpty(f, states)
}
