package gateway

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
)

func TestShowState(t *testing.T) {
	t.Parallel()
	s := open(t, nil)
	require.JSONEq(t, `{"tenants":["1001"],"states":[]}`, s.send(http.MethodGet, "/api/sync/state", "").body)
	s.fakeLedger.states = []ledger.EntityState{
		{TenantID: "1001", Entity: "customers", Records: 25000, Status: "completed", LastFullSync: today, LastIncrementalSync: today.Add(time.Minute)},
		{TenantID: "1001", Entity: "jobs", Status: "running"},
	}
	s.fakeLedger.freshness = []ledger.Freshness{
		{TenantID: "1001", Entity: "customers", AsOf: today, Age: 2 * time.Hour, Target: time.Hour, Stale: true, Since: today.Add(time.Hour)},
		{TenantID: "1001", Entity: "invoices", Target: time.Hour},
		{TenantID: "1002", Entity: "invoices", Target: time.Hour},
	}
	got := s.send(http.MethodGet, "/api/sync/state?tenant=1001", "")
	require.Equal(t, 200, got.status)
	require.Equal(t, "application/json", got.header.Get("Content-Type"))
	require.JSONEq(t, `{"tenants":["1001"],"states":[
		{"tenantId":"1001","entity":"customers","status":"completed","records":25000,
		 "lastFullSync":"2026-03-01T12:00:00Z","lastIncrementalSync":"2026-03-01T12:01:00Z",
		 "asOf":"2026-03-01T12:00:00Z","ageSeconds":7200,"targetSeconds":3600,"stale":true,"staleSince":"2026-03-01T13:00:00Z"},
		{"tenantId":"1001","entity":"jobs","status":"running","records":0,"lastFullSync":null,"lastIncrementalSync":null,
		 "asOf":null,"targetSeconds":0,"stale":false},
		{"tenantId":"1001","entity":"invoices","status":"","records":0,"lastFullSync":null,"lastIncrementalSync":null,
		 "asOf":null,"targetSeconds":3600,"stale":false}
	]}`, got.body)
	require.Equal(t, []any{events.TenantID(""), events.TenantID("1001")}, s.fakeLedger.calls)
}

func TestShowRuns(t *testing.T) {
	t.Parallel()
	s := open(t, nil)
	s.fakeLedger.runs = []ledger.Run{
		{
			Number: 8, TenantID: "1001", Mode: events.Full, WorkflowID: "full-sync-a", FirstRunID: "r8", State: ledger.Failed,
			Entities: []string{"customers"}, RequestCount: 2, StartedAt: today, FinishedAt: today.Add(time.Second),
			Error:   &events.RunError{Type: events.AuthError, Message: "no"},
			Results: []events.Result{{Entity: "customers", Status: events.StatusFailed, Counts: events.Counts{Pages: 1, Fetched: 50, Inserted: 50}}},
		},
		{
			Number: 7, TenantID: "1001", Mode: events.Incremental, WorkflowID: "incremental-sync-1001", State: ledger.Running, StartedAt: today,
			Pause:       &ledger.Pause{Since: today.Add(time.Minute), Actor: "ann", Reason: "lunch", Number: 3},
			RequestedBy: ledger.Requester{Source: "/lazisync/gateway/ops", Reason: "month-end", At: today},
		},
	}
	s.fakeLedger.waiting = []ledger.Waiting{{
		TenantID: "1001", Mode: events.Incremental, WorkflowID: "incremental-sync-1001", RequestID: "a1", Requests: 2, Entities: []string{"jobs"},
		Why: ledger.WaitForResume, Since: today, Run: 7, Pause: &ledger.Pause{Since: today},
	}}
	require.JSONEq(t, `{"runs":[
		{"runNumber":8,"tenantId":"1001","mode":"full","workflowId":"full-sync-a","runId":"r8","state":"failed","entities":["customers"],
		 "requests":2,"startedAt":"2026-03-01T12:00:00Z","finishedAt":"2026-03-01T12:00:01Z","error":{"type":"AuthError","message":"no"},
		 "results":[{"entity":"customers","status":"failed","pages":1,"fetched":50,"inserted":50,"updated":0,"unchanged":0,"deleted":0,"rejected":0}]},
		{"runNumber":7,"tenantId":"1001","mode":"incremental","workflowId":"incremental-sync-1001","runId":"","state":"paused",
		 "paused":{"since":"2026-03-01T12:01:00Z","actor":"ann","reason":"lunch"},"entities":[],
		 "requests":0,"requestedBy":{"source":"/lazisync/gateway/ops","actor":"ops","reason":"month-end","at":"2026-03-01T12:00:00Z"},
		 "startedAt":"2026-03-01T12:00:00Z","finishedAt":null,"results":[]}
	],"waiting":[{"tenantId":"1001","mode":"incremental","workflowId":"incremental-sync-1001","requestId":"a1","requests":2,"entities":["jobs"],
		"why":"paused","text":"the incremental sync of the tenant is paused","since":"2026-03-01T12:00:00Z","runNumber":7,
		"paused":{"since":"2026-03-01T12:00:00Z"}}]}`, s.send(http.MethodGet, "/api/sync/runs", "").body)
	require.Equal(t, 200, s.send(http.MethodGet, "/api/sync/runs?limit=500", "").status)
	require.Equal(t, []any{50, 500}, s.fakeLedger.calls)
	for _, limit := range []string{"0", "-1", "501", "ten", "1.5", "99999999999999999999"} {
		s.send(http.MethodGet, "/api/sync/runs?limit="+limit, "").isProblem(t, 422, `limit: got "`+limit+`", want an integer from 1 to 500`)
	}
}

func TestRunsAreFilteredAndPaged(t *testing.T) {
	t.Parallel()
	s := open(t, nil)
	s.fakeLedger.runs = []ledger.Run{{Number: 9, Mode: events.Full, State: ledger.Failed}, {Number: 7, Mode: events.Full, State: ledger.Failed}}
	page := s.send(http.MethodGet, "/api/sync/runs?state=failed&mode=full&entity=jobs&tenant=1001&since=2026-03-01T00:00:00Z&limit=2&before=12", "")
	require.Equal(t, 200, page.status)
	require.Contains(t, page.body, `"nextBefore":7`)
	require.Equal(t, ledger.RunFilter{
		TenantID: "1001", State: ledger.Failed, Mode: events.Full, Entity: "jobs", Since: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), Before: 12,
	}, s.fakeLedger.calls[0])
	require.NotContains(t, s.send(http.MethodGet, "/api/sync/runs?state=failed", "").body, "nextBefore", "the list is shorter than its limit")

	s.send(http.MethodGet, "/api/sync/runs?state=done&mode=fll&entity=job&tenant=x&since=today&before=0", "").isProblem(t, 422,
		`state: got "done", want one of running, paused, completed, failed, cancelled; mode: got "fll", want full; entity: got "job", want jobs; `+
			`tenant: got "x", want the number of a tenant; since: got "today", want a time such as 2026-03-01T12:00:00Z; before: got "0", want nextBefore of the previous response`)
}

func TestShowRun(t *testing.T) {
	t.Parallel()
	s := open(t, nil)
	s.fakeLedger.runs = []ledger.Run{{
		Number: 8, TenantID: "1001", Mode: events.Full, WorkflowID: "full-sync-a", FirstRunID: "r8", State: ledger.Completed, RequestCount: 1,
		Requests:  []ledger.Request{{ID: "r1", Source: "/my/program", EventID: "e1", Reason: "nightly", ReceivedAt: today}},
		StartedAt: today, FinishedAt: today.Add(time.Second), Published: true,
	}}
	require.JSONEq(t, `{"runNumber":8,"tenantId":"1001","mode":"full","workflowId":"full-sync-a","runId":"r8","state":"completed","entities":[],
		"requests":1,"startedAt":"2026-03-01T12:00:00Z","finishedAt":"2026-03-01T12:00:01Z","results":[],"published":true,
		"requestList":[{"requestId":"r1","event":{"source":"/my/program","id":"e1"},"reason":"nightly","receivedAt":"2026-03-01T12:00:00Z"}]}`,
		s.send(http.MethodGet, "/api/sync/runs/8", "").body)
	s.send(http.MethodGet, "/api/sync/runs/9", "").isProblem(t, 404, `runNumber: got "9", want the number of a run that the ledger has`)
	s.send(http.MethodGet, "/api/sync/runs/latest", "").isProblem(t, 404, `runNumber: got "latest", want the number of a run`)
	s.fakeLedger.fail = errors.New("down")
	s.send(http.MethodGet, "/api/sync/runs/8", "").isProblem(t, 503, "the database is unavailable")
}

func TestShowRequest(t *testing.T) {
	t.Parallel()
	s := open(t, nil)
	s.fakeLedger.hold("waiting", ledger.Receipt{Request: ledger.Request{
		ID: "waiting", Source: "/me", EventID: "1", TenantID: "1001", Mode: events.Full, State: ledger.Received, WorkflowID: "full-sync-waiting",
	}})
	s.fakeLedger.hold("done", ledger.Receipt{
		Request: ledger.Request{
			ID: "done", Source: "/me", EventID: "2", TenantID: "1001", Mode: events.Incremental, Entities: []string{"jobs"}, IDs: []string{"17"}, Since: &today, State: ledger.Accepted,
			WorkflowID: "incremental-sync-1001", FirstRunID: "r", RunNumber: 9, Channel: "#a", Reason: "why", ReceivedAt: today,
		},
		Outcome: &ledger.Outcome{State: ledger.Completed, RunNumber: 9},
	})
	require.JSONEq(t, `{"requestId":"waiting","event":{"source":"/me","id":"1"},"tenantId":"1001","mode":"full","entities":[],"state":"received",
		"workflowId":"full-sync-waiting","runId":null,"runNumber":null,"allowDeletes":false,"receivedAt":null,"outcome":null}`,
		s.send(http.MethodGet, "/api/sync/requests/waiting", "").body)
	require.JSONEq(t, `{"requestId":"done","event":{"source":"/me","id":"2"},"tenantId":"1001","mode":"incremental","entities":["jobs"],"ids":["17"],"since":"2026-03-01T12:00:00Z","state":"accepted",
		"workflowId":"incremental-sync-1001","runId":"r","runNumber":9,"allowDeletes":false,"channel":"#a","reason":"why",
		"receivedAt":"2026-03-01T12:00:00Z","outcome":{"state":"completed","runNumber":9}}`,
		s.send(http.MethodGet, "/api/sync/requests/done", "").body)
	s.send(http.MethodGet, "/api/sync/requests/none", "").isProblem(t, 404, `requestId: got "none"`)
}

func TestShowWithoutTheLedger(t *testing.T) {
	t.Parallel()
	s := open(t, nil)
	s.fakeLedger.fail = errors.New("dial tcp 10.0.0.7:5432: connection refused")
	for _, path := range []string{"/api/sync/state", "/api/sync/runs", "/api/sync/requests/x"} {
		got := s.send(http.MethodGet, path, "")
		got.isProblem(t, 503, "the database is unavailable")
		require.NotContains(t, got.body, "10.0.0.7")
	}
	require.Contains(t, s.log.String(), "10.0.0.7")
	s.send(http.MethodPost, "/sync/full", "", "Idempotency-Key", "k").isProblem(t, 503, "the database is unavailable")
}

func TestMethodsAndPaths(t *testing.T) {
	t.Parallel()
	s := open(t, nil)
	for path, allowed := range map[string]string{
		"/sync/full": "POST", "/api/sync/runs": "GET, HEAD", "/session": "DELETE, POST", "/": "GET, HEAD", "/healthz": "GET, HEAD",
	} {
		got := s.send(http.MethodPut, path, "")
		got.isProblem(t, 405, "got PUT, want ")
		require.Equal(t, allowed, got.header.Get("Allow"))
	}
	require.Equal(t, 200, s.send(http.MethodHead, "/api/sync/runs", "").status)
	for _, path := range []string{"/nothing", "/api", "/sync", "/sync/rebuild/x/y", "/metrics", "/api/sync/nothing"} {
		s.send(http.MethodGet, path, "").isProblem(t, 404, "path: got")
	}
}

func TestAClientThatDisconnectsIsNoOutage(t *testing.T) {
	t.Parallel()
	s := open(t, nil)
	s.fakeLedger.fail = fmt.Errorf("list runs: %w", context.Canceled)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()

	request := httptest.NewRequestWithContext(ctx, http.MethodGet, "/api/sync/runs", nil)
	request.Host = "localhost"
	s.gateway.handler.ServeHTTP(httptest.NewRecorder(), request)

	require.Contains(t, s.log.String(), `"message":"client disconnected"`)
	require.NotContains(t, s.log.String(), `"level":"error"`)
}
