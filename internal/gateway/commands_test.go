package gateway

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
)

func TestRequestIsPublished(t *testing.T) {
	t.Parallel()
	yes, no := true, false
	for what, c := range map[string]struct {
		path, body string
		want       events.RequestData
	}{
		"no body":         {"/sync/full", "", events.RequestData{Mode: events.Full}},
		"an empty object": {"/sync/incremental", "{}", events.RequestData{Mode: events.Incremental}},
		"under /api":      {"/api/sync/full", "{}", events.RequestData{Mode: events.Full}},
		"everything": {
			"/api/sync/full",
			`{"entities":["jobs","customers"],"tenantId":"1001","notify":false,"channel":"#ops","allowDeletes":true,"reason":"why not"}`,
			events.RequestData{
				Mode: events.Full, Entities: []string{"jobs", "customers"}, TenantID: "1001", Notify: &no,
				Channel: "#ops", AllowDeletes: true, Reason: "why not",
			},
		},
		"records by their ids": {"/sync/incremental", `{"entities":["jobs"],"ids":[17,"18"]}`, events.RequestData{
			Mode: events.Incremental, Entities: []string{"jobs"}, IDs: []events.RecordID{"17", "18"},
		}},
		"changes since a time": {"/sync/incremental", `{"entities":["jobs"],"since":"2026-03-01T12:00:00Z"}`, events.RequestData{
			Mode: events.Incremental, Entities: []string{"jobs"}, Since: &today,
		}},
		"a rebuild":    {"/sync/rebuild", `{"entities":["jobs"]}`, events.RequestData{Mode: events.Rebuild, Entities: []string{"jobs"}}},
		"all entities": {"/sync/incremental", `{"entities":["*"],"notify":true}`, events.RequestData{Mode: events.Incremental, Entities: []string{"*"}, Notify: &yes}},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			s := open(t, nil)
			s.fakeLedger.fail = errors.New("down") // the run ID is not known then, and the request is stored all the same
			const trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
			got := s.send(http.MethodPost, c.path, c.body, "Traceparent", trace)
			require.Equal(t, 202, got.status, got.body)
			stored := s.fakeStream.events()
			require.Len(t, stored, 1)
			data, err := events.Requested.Data(stored[0])
			require.NoError(t, err)
			require.Equal(t, c.want, data)
			require.Equal(t, "/lazisync/gateway", stored[0].Source())
			require.Equal(t, trace, events.TraceParent(stored[0]))
			id := events.RequestID(stored[0].Source(), stored[0].ID())
			require.Equal(t, map[string]any{
				"requestId": id, "workflowId": c.want.Mode.WorkflowID("1001", id), "runId": nil,
			}, got.json(t))
		})
	}
}

func TestRequestAnswersWithTheRunID(t *testing.T) {
	t.Parallel()
	s := open(t, nil)
	id := events.RequestID("/lazisync/gateway", "my-key")
	s.fakeLedger.hold(id, ledger.Receipt{Request: ledger.Request{ID: id, Digest: digestOf(t, events.RequestData{Mode: events.Full})}})
	looks := 0
	s.fakeLedger.looked = func() { // like the bridge: received first, the run ID later
		if looks++; looks == 4 {
			request := s.fakeLedger.requests[id]
			request.FirstRunID = "run-7"
			s.fakeLedger.requests[id] = request
		}
	}
	got := s.send(http.MethodPost, "/sync/full", "", "Idempotency-Key", "my-key")
	require.Equal(t, 202, got.status)
	require.Equal(t, map[string]any{"requestId": id, "workflowId": "full-sync-" + id, "runId": "run-7"}, got.json(t))
}

func TestRequestStopsWaitingForTheRunID(t *testing.T) {
	t.Parallel()
	s := open(t, nil)
	began := time.Now()
	got := s.send(http.MethodPost, "/sync/full", "")
	require.Equal(t, 202, got.status)
	require.Nil(t, got.json(t)["runId"])
	require.GreaterOrEqual(t, time.Since(began), runIDTimeout)
}

func TestIdempotencyKey(t *testing.T) {
	t.Parallel()
	s := open(t, nil)
	id := events.RequestID("/lazisync/gateway", "k")
	const requestBody = `{"entities":["jobs","customers"]}`
	first := s.send(http.MethodPost, "/sync/full", requestBody, "Idempotency-Key", "k")
	require.Equal(t, 202, first.status)
	s.fakeLedger.hold(id, ledger.Receipt{Request: ledger.Request{ // like the bridge
		ID: id, Digest: digestOf(t, events.RequestData{Mode: events.Full, Entities: []string{"jobs", "customers"}}),
		Mode: events.Full, TenantID: "1001", Entities: []string{"customers", "jobs"}, Channel: "#sync-alerts", FirstRunID: "r",
	}})
	for body, status := range map[string]int{
		requestBody:                           202,
		`{ "entities": ["jobs","customers"]}`: 202,
		`{"entities":["customers"]}`:          409,
		`{"entities":["*"]}`:                  409,
		``:                                    409,
		`{"entities":["jobs","customers"],"allowDeletes":true}`: 409,
		`{"entities":["jobs","customers"],"notify":true}`:       409,
		`{"entities":["jobs","customers"],"channel":"#ops"}`:    409,
		`{"reason":"another"}`:                                  409,
	} {
		got := s.send(http.MethodPost, "/sync/full", body, "Idempotency-Key", "k")
		require.Equal(t, status, got.status, body)
		if status == 202 {
			require.Equal(t, id, got.json(t)["requestId"])
		}
	}
	s.send(http.MethodPost, "/sync/incremental", "", "Idempotency-Key", "k").isProblem(t, 409, "Idempotency-Key was already used for a request with different data")
	require.Len(t, s.fakeStream.events(), 1)
}

// Two requests with one key may be in progress before the bridge has recorded either.
func TestConcurrentRequestsWithOneIdempotencyKey(t *testing.T) {
	t.Parallel()
	s := open(t, nil)
	id := events.RequestID("/lazisync/gateway", "k")
	s.fakeLedger.looked = func() {
		if len(s.fakeStream.events()) > 0 { // the request that JetStream dropped
			request := ledger.Request{ID: id, Digest: digestOf(t, events.RequestData{Mode: events.Full}), FirstRunID: "r"}
			s.fakeLedger.requests = map[string]ledger.Receipt{id: {Request: request}}
		}
	}
	s.send(http.MethodPost, "/sync/incremental", "", "Idempotency-Key", "k").isProblem(t, 409, "was already used for a request with different data")
}

func TestIdempotencyKeyOfAControl(t *testing.T) {
	t.Parallel()
	s := open(t, nil)
	ids := map[any]bool{}
	for _, path := range []string{"/sync/full-sync-1/pause", "/sync/full-sync-1/resume", "/sync/full-sync-2/pause", "/sync/full-sync-1/pause"} {
		got := s.send(http.MethodPost, path, "", "Idempotency-Key", "k")
		require.Equal(t, 202, got.status)
		ids[got.json(t)["requestId"]] = true
	}
	require.Len(t, ids, 3, "the same control again is a repeat, another is not")
}

func digestOf(t *testing.T, data events.RequestData) string {
	t.Helper()
	d, err := ledger.Digest(data)
	require.NoError(t, err)
	return d
}

func TestRequestReportsEveryProblem(t *testing.T) {
	t.Parallel()
	s := open(t, nil)
	got := s.send(http.MethodPost, "/sync/full", `{"entities":["x","jobz"],"tenantId":"7"}`).json(t)
	require.Equal(t, []any{
		map[string]any{"path": "tenantId", "got": `"7"`, "want": "1001"},
		map[string]any{"path": "entities[0]", "got": `"x"`, "want": "a known entity; lazisync entities lists them"},
		map[string]any{"path": "entities[1]", "got": `"jobz"`, "want": "a known entity (did you mean jobs?)"},
	}, got["errors"])
}

func TestHugeNumbersAreInvalid(t *testing.T) {
	t.Parallel()
	s := open(t, nil)
	s.send(http.MethodPost, "/sync/full", `{"entities":[1e9999999`+strings.Repeat(",1", 20)+`]}`).isProblem(t, 422, "entities[0]: got 1e9999999")
}

// The client knows nothing of the source of the event that its control would be.
func TestControlOfAWorkflowWithAnImpossibleIDIsNotFound(t *testing.T) {
	t.Parallel()
	s := open(t, nil)
	for _, id := range []string{strings.Repeat("a", 300), strings.Repeat("%20", 100)} {
		require.Equal(t, 404, s.send(http.MethodPost, "/sync/"+id+"/pause", "").status)
	}
}

func TestRequestWithSeveralTenantsNeedsOne(t *testing.T) {
	t.Parallel()
	s := open(t, func(o *Options) { o.Tenants = []events.TenantID{"1001", "1002"} })
	s.send(http.MethodPost, "/sync/full", "").isProblem(t, 422, "want one of 1001, 1002")
	s.fakeLedger.fail = context.DeadlineExceeded
	require.Equal(t, 202, s.send(http.MethodPost, "/sync/full", `{"tenantId":"1002"}`).status)
}

func TestControlIsPublished(t *testing.T) {
	t.Parallel()
	for _, prefix := range []string{"", "/api"} {
		for _, action := range []events.Action{events.Pause, events.Resume, events.Cancel} {
			s := open(t, nil)
			got := s.send(http.MethodPost, prefix+"/sync/full-sync-0123/"+string(action), `{"reason":"lunch","actor":"me"}`)
			require.Equal(t, 202, got.status, got.body)
			stored := s.fakeStream.events()
			require.Len(t, stored, 1)
			data, err := events.Control.Data(stored[0])
			require.NoError(t, err)
			require.Equal(t, events.ControlData{Action: action, WorkflowID: "full-sync-0123", Reason: "lunch", Actor: "me"}, data)
			require.Equal(t, map[string]any{
				"success": true, "requestId": events.RequestID(stored[0].Source(), stored[0].ID()),
			}, got.json(t))
		}
	}
}

func TestCommandsAreNotAcceptedUnlessStored(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/sync/full", "/sync/incremental", "/sync/x/cancel"} {
		s := open(t, nil)
		s.fakeStream.refuse = errors.New("no responders")
		got := s.send(http.MethodPost, path, "")
		got.isProblem(t, 503, "was not stored")
		require.NotEmpty(t, got.header.Get("Retry-After"))
	}
}
