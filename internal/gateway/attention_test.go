package gateway

import (
	"encoding/json"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
)

// messageOf returns an event as the message that the stream has.
func messageOf(t *testing.T, event events.Event) events.Message {
	t.Helper()
	encoded, err := events.Encode(event)
	require.NoError(t, err)
	subject := map[string]string{
		events.Started.Name: events.Started.Subject, events.Failed.Name: events.Failed.Subject, events.Paused.Name: events.Paused.Subject,
	}[event.Type()]
	require.NotEmpty(t, subject, event.Type())
	return events.Message{Subject: subject, Header: map[string][]string{"Content-Type": {events.ContentType}}, Data: encoded}
}

func (s *testServer) attention(t *testing.T) []attentionView {
	t.Helper()
	got := s.send(http.MethodGet, "/api/sync/attention", "")
	require.Equal(t, http.StatusOK, got.status, got.body)
	var body struct{ Attention []attentionView }
	require.NoError(t, json.Unmarshal([]byte(got.body), &body))
	return body.Attention
}

func TestAttentionListsWhatNeedsAnOperator(t *testing.T) {
	t.Parallel()
	failure := func(entity string) events.Result {
		return events.Result{Entity: entity, Status: events.StatusFailed, Error: &events.RunError{Type: "ApiError", Message: entity + ": status 500"}}
	}
	failed := ledger.Run{
		Number: 5, TenantID: "1001", Mode: events.Incremental, State: ledger.Failed, FinishedAt: today,
		Results: []events.Result{failure("jobs"), failure("invoices"), {Entity: "customers", Status: events.StatusCompleted}},
	}
	later := ledger.Run{
		Number: 6, TenantID: "1001", Mode: events.Full, State: ledger.Completed,
		Results: []events.Result{{Entity: "invoices", Status: events.StatusCompleted}, {Entity: "jobs", Status: events.StatusSkipped}},
	}
	paused := ledger.Run{Number: 7, TenantID: "1001", Mode: events.Incremental, State: ledger.Running, Pause: &ledger.Pause{Since: today, Actor: "ann", Reason: "month-end"}}
	nothing := func(s *testServer) { s.deadLetters.list = nil }
	for name, c := range map[string]struct {
		change func(s *testServer)
		want   []string
	}{
		"nothing":   {func(*testServer) {}, []string{}},
		"no worker": {func(s *testServer) { s.fakeTemporal.noWorker = true }, []string{"error noWorker: No worker is running: no run starts or continues"}},
		"Temporal unavailable": {
			func(s *testServer) { s.fakeTemporal.fail = errors.New("refused") },
			[]string{"error temporalUnavailable: Temporal is unavailable: no run starts or continues"},
		},
		"NATS unavailable": {
			func(s *testServer) { s.deadLetters.fail = errors.New("refused") },
			[]string{"error natsUnavailable: NATS is unavailable: requests and webhooks are not accepted"},
		},
		"stale": {
			func(s *testServer) {
				s.fakeLedger.outages = []ledger.Outage{{TenantID: "1001", Cause: "no worker runs", Entities: []ledger.OutageEntity{{Entity: "jobs"}, {Entity: "invoices"}}}}
			},
			[]string{"error stale: jobs, invoices are stale. Likely cause: no worker runs"},
		},
		"an entity fails until it is read": {
			func(s *testServer) { s.fakeLedger.runs = []ledger.Run{later, failed} },
			[]string{"error entityFailed: Run 5 failed for jobs: ApiError: jobs: status 500"},
		},
		"a paused incremental run": {
			func(s *testServer) { s.fakeLedger.runs = []ledger.Run{paused} },
			[]string{"warning runPaused: Run 7 is paused by ann: month-end. All later incremental requests of the tenant wait, webhooks included"},
		},
		"a paused schedule": {
			func(s *testServer) {
				s.fakeTemporal.schedule.Paused, s.fakeTemporal.schedule.Note = true, "paused by ann"
			},
			[]string{"warning schedulePaused: The schedule lazisync-full-1001 is paused: paused by ann"},
		},
		"open dead letters": {
			func(s *testServer) {
				s.deadLetters.list = []deadLetter{
					{RejectedMessage: events.RejectedMessage{Sequence: 1, At: today, Reason: "not JSON"}},
					{RejectedMessage: events.RejectedMessage{Sequence: 2, At: today}, Handling: ledger.Handling{Replay: &ledger.Replay{}}},
				}
			},
			[]string{"warning deadLetters: 1 rejected message, neither replayed nor dismissed; latest: not JSON"},
		},
		"rejected records": {
			func(s *testServer) {
				s.fakeLedger.rejected = []ledger.RejectedRecord{{TenantID: "1001", Entity: "jobs", Run: 3}}
			},
			[]string{"warning rejectedRecords: 1 record of jobs could not be stored in the last 24 hours"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := open(t, nil)
			nothing(s)
			c.change(s)
			got := []string{}
			for _, a := range s.attention(t) {
				got = append(got, a.Severity+" "+a.Code+": "+a.Text)
			}
			require.Equal(t, c.want, got)
		})
	}
}

func TestAttentionIsReusedForAMoment(t *testing.T) {
	t.Parallel()
	now := today
	s := open(t, func(o *Options) { o.Now = func() time.Time { return now } })
	s.deadLetters.list = nil
	require.Empty(t, s.attention(t))
	s.fakeTemporal.noWorker = true
	require.Empty(t, s.attention(t))
	const pageDelay = 300 * time.Millisecond // from an event to the requests of the page, as in main.js
	now = now.Add(pageDelay)
	require.Len(t, s.attention(t), 1)

	now = now.Add(pageDelay)
	s.fakeLedger.fail = errors.New("refused")
	s.send(http.MethodGet, "/api/sync/attention", "").isProblem(t, http.StatusServiceUnavailable, "the database is unavailable")
}

func TestEventsOfARunEndWithItsOutcome(t *testing.T) {
	t.Parallel()
	s := open(t, nil)
	run := ledger.Run{
		Number: 2, TenantID: "1001", Mode: events.Full, WorkflowID: "w", FirstRunID: "f", State: ledger.Failed, StartedAt: today, FinishedAt: today,
		Entities: []string{"jobs"}, Error: &events.RunError{Type: "ApiError", Message: "m"},
	}
	other := run
	other.Number, other.WorkflowID = 3, "v"
	for _, r := range []ledger.Run{other, run} {
		started, err := r.StartedEvents()
		require.NoError(t, err)
		s.history = append(s.history, messageOf(t, started[0]))
	}
	outcome, err := run.OutcomeEvents()
	require.NoError(t, err)
	s.history = append(s.history, messageOf(t, outcome[0]))
	s.history = append(s.history, s.history[1]) // after the outcome nothing is read
	s.fakeLedger.runs = []ledger.Run{run}

	got := s.send(http.MethodGet, "/api/sync/runs/2/events", "")
	require.Equal(t, http.StatusOK, got.status, got.body)
	var body struct{ Events []struct{ Type string } }
	require.NoError(t, json.Unmarshal([]byte(got.body), &body))
	require.Equal(t, []struct{ Type string }{{events.Started.Name}, {events.Failed.Name}}, body.Events)
}

func TestRejectedRecordsAreFilteredByTheQuery(t *testing.T) {
	t.Parallel()
	s := open(t, nil)
	s.fakeLedger.rejected = []ledger.RejectedRecord{{Run: 2, TenantID: "1001", Entity: "jobs", RecordID: "5", Reason: "bad date", Bytes: 9, At: today}}
	got := s.send(http.MethodGet, "/api/sync/rejected?limit=1&entity=jobs&run=2&tenant=1001&before=2026-03-02T00:00:00.000001Z", "")
	require.JSONEq(t, `{"nextBefore":"2026-03-01T12:00:00Z","records":[{"runNumber":2,"tenantId":"1001","entity":"jobs","recordId":"5",
		"reason":"bad date","bytes":9,"rejectedAt":"2026-03-01T12:00:00Z"}]}`, got.body)
	filter := ledger.RejectedFilter{TenantID: "1001", Entity: "jobs", Run: 2, Before: today.Add(12*time.Hour + time.Microsecond)}
	require.Equal(t, []any{filter, 1}, s.fakeLedger.calls)
	s.send(http.MethodGet, "/api/sync/rejected?run=0&before=x&tenant=a&entity=job", "").isProblem(t, http.StatusUnprocessableEntity, "")
}

func TestDeadLettersAreReplayedOverHTTP(t *testing.T) {
	t.Parallel()
	s := open(t, nil)
	s.deadLetters.list = append(s.deadLetters.list, deadLetter{RejectedMessage: events.RejectedMessage{Sequence: 9, At: today, Message: events.Message{Subject: "sync.completed", Data: []byte("{}\xff")}}})

	got := s.send(http.MethodGet, "/api/deadletters?limit=1", "").json(t)
	require.EqualValues(t, 2, got["total"])
	require.EqualValues(t, 8, got["nextBefore"])
	detail := s.send(http.MethodGet, "/api/deadletters/7", "").json(t)
	require.JSONEq(t, `{"mode":"ful"}`, detail["data"].(string))
	require.Equal(t, "{}\uFFFD", s.send(http.MethodGet, "/api/deadletters/9", "").json(t)["data"])

	replayed := s.send(http.MethodPost, "/api/deadletters/7/replay", "")
	require.Equal(t, http.StatusAccepted, replayed.status, replayed.body)
	require.Equal(t, detail["requestId"], replayed.json(t)["requestId"])
	require.Equal(t, map[string]any{"at": "2026-03-01T12:00:00Z"}, s.send(http.MethodGet, "/api/deadletters/7", "").json(t)["replayed"])

	for _, sequence := range []string{"8", "0", "x"} {
		s.send(http.MethodPost, "/api/deadletters/"+sequence+"/replay", "").isProblem(t, http.StatusNotFound, "")
	}
	s.send(http.MethodPost, "/api/deadletters/9/replay", "").isProblem(t, http.StatusUnprocessableEntity, "")
	s.send(http.MethodPost, "/api/deadletters/7/replay", `{"x":1}`).isProblem(t, http.StatusUnprocessableEntity, "")
	s.deadLetters.fail = errors.New("refused")
	s.send(http.MethodGet, "/api/deadletters", "").isProblem(t, http.StatusServiceUnavailable, "the dead-letter stream is unavailable")
}

func TestDeadLettersAreDismissedOverHTTP(t *testing.T) {
	t.Parallel()
	s := open(t, func(o *Options) { o.Tokens = []Token{NewToken("ann", Operator, "secret")} })
	authorized := []string{"Authorization", "Bearer secret"}
	got := s.send(http.MethodPost, "/api/deadletters/7/dismiss", `{"reason":"a test"}`, authorized...)
	require.JSONEq(t, `{"success":true,"sequence":7}`, got.body)
	require.Equal(t, map[string]any{"at": "2026-03-01T12:00:00Z", "actor": "ann", "reason": "a test"},
		s.send(http.MethodGet, "/api/deadletters/7", "", authorized...).json(t)["dismissed"])
	s.send(http.MethodPost, "/api/deadletters/8/dismiss", "", authorized...).isProblem(t, http.StatusNotFound, "")
}

func TestCallsOfTheLastDay(t *testing.T) {
	t.Parallel()
	got := open(t, nil).send(http.MethodGet, "/api/sync/calls", "").json(t)
	require.Equal(t, "2026-02-28T12:10:00Z", got["since"])
	tenant := got["tenants"].([]any)[0].(map[string]any)
	calls := tenant["calls"].([]any)
	require.Len(t, calls, callIntervals)
	require.EqualValues(t, 30, calls[callIntervals-7], "an hour ago")
	delete(tenant, "calls")
	require.Equal(t, map[string]any{"tenantId": "1001", "perSecond": 50.0, "share": 0.5, "slowedAt": "2026-03-01T12:00:00Z"}, tenant)
}
