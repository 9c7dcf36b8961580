package gateway

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
)

func TestWorkflowsAreListedByStatusAndPage(t *testing.T) {
	t.Parallel()
	s := open(t, nil)
	got := s.send(http.MethodGet, "/api/temporal/workflows", "")
	require.Equal(t, 200, got.status, got.body)
	require.JSONEq(t, `{"workflows":[{"workflowId":"full-sync-1","runId":"r","type":"FullSync","status":"running",
		"startedAt":"2026-03-01T12:00:00Z","closedAt":null}],"nextPage":"next"}`, got.body)
	require.Equal(t, 200, s.send(http.MethodGet, "/api/temporal/workflows?status=timedOut&limit=200&page=next", "").status)
	require.Equal(t, []any{"", 50, "", "timedOut", 200, "next"}, s.fakeTemporal.calls)

	for query, detail := range map[string]string{
		"status=done": `status: got "done", want one of running, completed`,
		"limit=201":   `limit: got "201", want an integer from 1 to 200`,
		"page=bad":    `page: got "bad", want nextPage of the previous response`,
	} {
		s.send(http.MethodGet, "/api/temporal/workflows?"+query, "").isProblem(t, 422, detail)
	}
}

// Temporal reports a paused run as running.
func TestWorkflowsHaveTheStateOfTheirRun(t *testing.T) {
	t.Parallel()
	s := open(t, nil)
	s.fakeLedger.runs = []ledger.Run{{
		Number: 7, WorkflowID: "full-sync-1", State: ledger.Running, Pause: &ledger.Pause{Since: today, Actor: "ann", Reason: "lunch"},
	}}
	got := s.send(http.MethodGet, "/api/temporal/workflows/full-sync-1", "").json(t)
	require.Equal(t, "running", got["status"])
	require.Equal(t, "paused", got["state"])
	require.Equal(t, map[string]any{"since": "2026-03-01T12:00:00Z", "actor": "ann", "reason": "lunch"}, got["paused"])
	require.Contains(t, s.send(http.MethodGet, "/api/temporal/workflows", "").body, `"state":"paused"`)

	s.fakeLedger.fail = errors.New("connection refused")
	require.Equal(t, 200, s.send(http.MethodGet, "/api/temporal/workflows", "").status, "the database is not needed")
}

func TestWorkflowIsShownOrNotFound(t *testing.T) {
	t.Parallel()
	s := open(t, nil)
	require.Equal(t, "running", s.send(http.MethodGet, "/api/temporal/workflows/full-sync-1", "").json(t)["status"])
	s.send(http.MethodGet, "/api/temporal/workflows/full-sync-2", "").isProblem(t, 404, `workflowId: got "full-sync-2"`)
}

func TestWorkflowCancelPublishesAControl(t *testing.T) {
	t.Parallel()
	s := open(t, nil)
	const cancel = "/api/temporal/workflows/full-sync-1/cancel"
	got := s.send(http.MethodPost, cancel, `{"reason":"wrong tenant"}`)
	require.Equal(t, 202, got.status, got.body)
	data, err := events.Control.Data(s.fakeStream.events()[0])
	require.NoError(t, err)
	require.Equal(t, events.ControlData{Action: events.Cancel, WorkflowID: "full-sync-1", Reason: "wrong tenant"}, data)

	s.fakeTemporal.workflows[0].RequestsSync = true // like that of a schedule: the request that it waits for is cancelled
	require.Equal(t, 202, s.send(http.MethodPost, cancel, "").status)
	data, err = events.Control.Data(s.fakeStream.events()[1])
	require.NoError(t, err)
	require.Equal(t, events.ControlData{Action: events.Cancel, RequestID: "full-sync-1"}, data)

	s.send(http.MethodPost, strings.Replace(cancel, "sync-1", "sync-2", 1), "").isProblem(t, 404, "full-sync-2")
	s.fakeTemporal.workflows[0].Status = "failed"
	s.send(http.MethodPost, cancel, "").isProblem(t, 409, "is not running: failed")
	require.Len(t, s.fakeStream.events(), 2, "what cannot be is not asked for")
}

func TestSchedulesArePausedAndResumedWithANote(t *testing.T) {
	t.Parallel()
	s := open(t, func(o *Options) { o.Tokens = []Token{NewToken("kim", Operator, "secret")} })
	send := func(verb, body string) answer {
		return s.send(http.MethodPost, "/api/temporal/schedules/lazisync-full-1001/"+verb, body, "Authorization", "Bearer secret")
	}
	require.Equal(t, 200, send("pause", `{"reason":"month-end"}`).status)
	require.True(t, s.fakeTemporal.schedule.Paused)
	require.Equal(t, "paused by kim: month-end", s.fakeTemporal.schedule.Note)
	require.Equal(t, 200, send("unpause", "").status)
	require.False(t, s.fakeTemporal.schedule.Paused)
	require.Equal(t, "resumed by kim", s.fakeTemporal.schedule.Note)

	for body, detail := range map[string]string{
		`{"why":"x"}`:  "why: got ",
		`{"reason":7}`: "reason: got 7, want a string",
		`{"reason":"` + strings.Repeat("x", 501) + `"}`: "want a string of at most 500 characters",
	} {
		send("pause", body).isProblem(t, 422, detail)
	}
	send("trigger", `{"mode":"full"}`).isProblem(t, 422, "want an empty body")
	require.False(t, s.fakeTemporal.schedule.Paused)
}

func TestScheduleTriggerStartsOrIsSkipped(t *testing.T) {
	t.Parallel()
	s := open(t, nil)
	const trigger = "/api/temporal/schedules/lazisync-full-1001/trigger"
	got := s.send(http.MethodPost, trigger, "")
	require.Equal(t, 202, got.status)
	require.JSONEq(t, `{"scheduleId":"lazisync-full-1001","workflowId":"lazisync-full-1001-now"}`, got.body)
	s.fakeTemporal.overlaps = true
	s.send(http.MethodPost, trigger, "").isProblem(t, 409, "its overlap policy is to skip")
}

func TestTemporalErrorsAreReported(t *testing.T) {
	t.Parallel()
	for request, unknown := range map[string]bool{
		"GET /api/temporal/workflows":                     false,
		"GET /api/temporal/workflows/w":                   true,
		"POST /api/temporal/workflows/w/cancel":           true,
		"GET /api/temporal/schedules":                     false,
		"POST /api/temporal/schedules/somebody-s/pause":   true,
		"POST /api/temporal/schedules/somebody-s/unpause": true,
		"POST /api/temporal/schedules/somebody-s/trigger": true,
	} {
		t.Run(request, func(t *testing.T) {
			t.Parallel()
			method, path, _ := strings.Cut(request, " ")
			s := open(t, nil)
			if unknown {
				s.send(method, path, "").isProblem(t, 404, "want ")
			}
			s.fakeTemporal.fail = errors.New("connection refused")
			got := s.send(method, path, "")
			got.isProblem(t, 503, "Temporal is unavailable")
			require.Equal(t, "10", got.header.Get("Retry-After"))
			require.NotContains(t, got.body, "refused", "why is for the log")
			require.Contains(t, s.log.String(), "connection refused")
			require.Empty(t, s.fakeStream.events())
		})
	}
}
