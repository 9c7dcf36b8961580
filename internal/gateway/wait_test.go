package gateway

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/schemas"
)

func mustParse(t *testing.T, text string) *url.URL {
	t.Helper()
	u, err := url.Parse(text)
	require.NoError(t, err)
	return u
}

// begun makes every request that is published belong to run 7, with this outcome or, with "", none.
func (s *testServer) begun(outcome ledger.RunState) {
	s.fakeLedger.mu.Lock()
	defer s.fakeLedger.mu.Unlock()
	s.fakeLedger.runs = []ledger.Run{{
		Number: 7, TenantID: "1001", Mode: events.Full, WorkflowID: "w", FirstRunID: "f", Pass: 1, State: ledger.Failed, StartedAt: today, FinishedAt: today,
		Entities: []string{"jobs"}, Results: []events.Result{{Entity: "jobs", Status: "failed"}}, Error: &events.RunError{Type: "ApiError", Message: "no"},
	}}
	s.fakeLedger.looked = func() {
		for _, e := range s.fakeStream.events() {
			data, err := events.Requested.Data(e)
			if err != nil {
				continue // a control
			}
			digest, _ := ledger.Digest(data) // its data is valid
			id := events.RequestID(e.Source(), e.ID())
			r := ledger.Receipt{Request: ledger.Request{ID: id, Digest: digest, State: ledger.Accepted, FirstRunID: "f", RunNumber: 7}}
			if outcome != "" {
				r.Outcome = &ledger.Outcome{State: outcome, RunNumber: 7}
			}
			s.fakeLedger.requests = map[string]ledger.Receipt{id: r}
		}
	}
}

func TestWaitAnswersWithTheOutcome(t *testing.T) {
	t.Parallel()
	s := open(t, nil)
	s.begun(ledger.Failed)
	got := s.send(http.MethodPost, "/sync/full?wait=30s", "")
	require.Equal(t, 200, got.status, got.body)
	var answer outcomeResponse
	require.NoError(t, json.Unmarshal([]byte(got.body), &answer))
	require.Equal(t, outcomeView{State: ledger.Failed, RunNumber: 7}, answer.Outcome)
	require.Equal(t, "f", *answer.RunID)
	require.Equal(t, "jobs", answer.Run.Results[0].Entity)
	require.EqualValues(t, "ApiError", answer.Run.Error.Type)
	readContract(t).fits(t, []byte(got.body), "components", "schemas", "Ended")
}

func TestWaitEndsWithoutTheOutcome(t *testing.T) {
	t.Parallel()
	for path, location := range map[string]string{
		"/sync/full?wait=300ms": "../api/sync/requests/", "/api/sync/full?wait=300ms": "../../api/sync/requests/", "/api/sync/full": "../../api/sync/requests/",
		"/sync/full/?wait=1ms": "../../api/sync/requests/",
	} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			s := open(t, nil)
			s.begun("")
			got := s.send(http.MethodPost, path, "")
			require.Equal(t, 202, got.status, got.body)
			id := got.json(t)["requestId"].(string)
			require.Equal(t, location+id, got.header.Get("Location"))
			base := mustParse(t, s.url+path)
			target, err := base.Parse(got.header.Get("Location"))
			require.NoError(t, err)
			require.Equal(t, s.url+"/api/sync/requests/"+id, target.String())
			require.Equal(t, 200, s.send(http.MethodGet, target.Path, "").status)
		})
	}
}

func TestWaitOfATooLongOrMalformedDurationIsRefused(t *testing.T) {
	t.Parallel()
	s := open(t, nil)
	for _, text := range []string{"61s", "24h", "99999999999999999999h", "0", "0s", "-1s", "30", "s", "1e9s", "NaN", "30%20s"} {
		s.send(http.MethodPost, "/sync/full?wait="+text, "").isProblem(t, 422, "want a duration with a unit of at most 1m0s, such as 30s")
	}
	s.send(http.MethodPost, "/sync/full?wait=1s&wait=2s", "").isProblem(t, 400, "wait: got 2 values, want one")
	s.send(http.MethodPost, "/sync/full?wait=", "").isProblem(t, 400, `wait: got "", want a value`)
	s.send(http.MethodPost, "/sync/w/pause?wait=1s", "").isProblem(t, 400, "wait: got an unknown parameter, want no parameters")
	require.Empty(t, s.fakeStream.events())
}

// waiting sends a request that waits for a minute, and returns once the gateway waits.
func (s *testServer) waiting(ctx context.Context, addr string) <-chan answer {
	s.t.Helper()
	before := len(s.gateway.waiters)
	answers := make(chan answer, 1)
	go func() {
		defer close(answers)
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+addr+"/sync/full?wait=1m", nil)
		if err != nil {
			return
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return
		}
		defer response.Body.Close()
		answers <- answer{status: response.StatusCode}
	}()
	require.Eventually(s.t, func() bool { return len(s.gateway.waiters) == before+1 }, time.Minute, 5*time.Millisecond)
	return answers
}

func TestWaitEndsWhenTheClientDisconnects(t *testing.T) {
	t.Parallel()
	s := open(t, nil)
	s.begun("")
	ctx, disconnect := context.WithCancel(t.Context())
	answers := s.waiting(ctx, strings.TrimPrefix(s.url, "http://"))
	require.Len(t, s.fakeAudit.recorded(), 1, "recorded before the wait")
	disconnect()
	require.Eventually(t, func() bool { return len(s.gateway.waiters) == 0 }, time.Minute, 5*time.Millisecond)
	require.Empty(t, <-answers)
	require.Len(t, s.fakeAudit.recorded(), 1)
}

// A wait outlasts the write timeout of the server, and ends when the gateway stops.
func TestWaitEndsWhenTheGatewayStops(t *testing.T) {
	t.Parallel()
	s := open(t, nil)
	s.begun("")
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- s.gateway.Serve(ctx, listener) }()
	answers := s.waiting(t.Context(), listener.Addr().String())
	stop()
	require.Equal(t, 202, (<-answers).status)
	require.NoError(t, <-served)
}

func TestWaitOutlastsTheWriteTimeout(t *testing.T) {
	t.Parallel()
	s := open(t, nil)
	s.begun("")
	addr := serveWithin(t, s, 0, 100*time.Millisecond)
	response, err := http.Post("http://"+addr+"/sync/full?wait=500ms", "application/json", nil)
	require.NoError(t, err)
	require.Equal(t, 202, response.StatusCode)
	require.NoError(t, response.Body.Close())
}

func TestWaitersAreBounded(t *testing.T) {
	t.Parallel()
	s := open(t, nil)
	s.begun("")
	for range maxWaiters {
		s.gateway.waiters <- struct{}{}
	}
	began := time.Now()
	require.Equal(t, 202, s.send(http.MethodPost, "/sync/full?wait=1m", "").status)
	require.Less(t, time.Since(began), 30*time.Second)
}

func TestSchemasAreServed(t *testing.T) {
	t.Parallel()
	s := open(t, withRoles)
	listed := s.send(http.MethodGet, "/schemas", "").json(t)["schemas"].([]any)
	require.Len(t, listed, len(events.All()))
	for _, d := range events.All() {
		text, err := schemas.Files.ReadFile(d.Schema)
		require.NoError(t, err)
		for _, name := range []string{d.Schema, strings.TrimSuffix(d.Schema, ".json")} {
			got := s.send(http.MethodGet, "/schemas/"+name, "")
			require.Equal(t, 200, got.status)
			require.Equal(t, "application/schema+json", got.header.Get("Content-Type"))
			require.Equal(t, string(text), got.body)
		}
	}
	s.send(http.MethodGet, "/schemas/sync.complete.v1.json", "").isProblem(t, 404, "want sync.completed.v1.json")
	for _, name := range []string{"..%2Fopenapi.json", "%00", "a%2Fb", strings.Repeat("x", 5000)} {
		s.send(http.MethodGet, "/schemas/"+name, "").isProblem(t, 404, "want a schema that /schemas lists")
	}
}
