package gateway

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/internal/ledger"
)

var errDown = errors.New("database unavailable")

// withRoles configures an operator and a viewer, whose secrets are their names.
func withRoles(o *Options) {
	o.Tokens = []Token{NewToken("ops", Operator, "ops"), NewToken("dash", Viewer, "dash")}
}

func (s *testServer) as(name, method, path, body string) answer {
	s.t.Helper()
	return s.send(method, path, body, "Authorization", "Bearer "+name)
}

func TestViewersMayReadEverythingAndNothingElse(t *testing.T) {
	t.Parallel()
	s := open(t, withRoles)
	s.fakeLedger.fail = errDown // no wait for a run ID
	for _, r := range s.gateway.routes() {
		path := filled(strings.TrimSuffix(r.path, "{$}"))
		switch {
		case r.access == public || r.path == "/api/events":
		case r.method == http.MethodGet:
			require.NotContains(t, []int{401, 403}, s.as("dash", r.method, path, "").status, path)
		case r.path == "/session":
			require.Equal(t, 204, s.as("dash", r.method, path, "").status)
		default:
			s.as("dash", r.method, path, "").
				isProblem(t, 403, `the API token "dash" has the role viewer, which may only read; want a token with the role operator`)
			require.NotEqual(t, 403, s.as("ops", r.method, path, "").status, path)
		}
	}
	require.Equal(t, "paused by ops", open(t, withRoles).pausedBy("ops"))
	require.Empty(t, open(t, withRoles).pausedBy("dash"))
}

// pausedBy pauses the schedule as a client and returns its note.
func (s *testServer) pausedBy(name string) string {
	s.as(name, http.MethodPost, "/api/temporal/schedules/lazisync-full-1001/pause", "")
	return s.fakeTemporal.schedule.Note
}

func TestEveryRouteThatChangesSomethingIsAnAction(t *testing.T) {
	t.Parallel()
	for _, r := range open(t, nil).gateway.routes() {
		require.Equal(t, r.method == http.MethodPost && r.access != public, r.action != "", "%s %s", r.method, r.path)
	}
}

func TestSessionHasTheRoleOfItsToken(t *testing.T) {
	t.Parallel()
	s := open(t, withRoles)
	opened := s.as("dash", http.MethodPost, "/session", "")
	cookie, _, _ := strings.Cut(opened.header.Get("Set-Cookie"), ";")
	require.JSONEq(t, `{"name":"dash","role":"viewer"}`, s.send(http.MethodGet, "/api/sync/session", "", "Cookie", cookie).body)
	require.Equal(t, 200, s.send(http.MethodGet, "/api/sync/runs", "", "Cookie", cookie).status)
	s.send(http.MethodPost, "/sync/full", "", "Cookie", cookie).isProblem(t, 403, "the role viewer")

	promoted := open(t, func(o *Options) { o.Tokens = []Token{NewToken("dash", Operator, "dash")} })
	require.Equal(t, 202, promoted.send(http.MethodPost, "/sync/full", "", "Cookie", cookie).status, "the token has another role now")

	require.JSONEq(t, `{"name":"ops","role":"operator"}`, s.as("ops", http.MethodGet, "/api/sync/session", "").body)
	require.JSONEq(t, `{"name":null,"role":"operator"}`, open(t, nil).send(http.MethodGet, "/api/sync/session", "").body)
	require.Equal(t, 401, s.send(http.MethodGet, "/api/sync/session", "").status)
}

func TestActionsAreRecorded(t *testing.T) {
	t.Parallel()
	const remote = "127.0.0.1"
	entry := func(actor string, role Role, action, target string, status int, problem string) ledger.AuditEntry {
		return ledger.AuditEntry{
			Number: 1, At: today, Actor: actor, Role: string(role), Action: action, Target: target, Status: status, Problem: problem, Remote: remote,
		}
	}
	const full = "/sync/full"
	requested := entry("ops", Operator, "request.full", "", 202, "")
	requested.TenantID, requested.Reason = "1001", "by hand"
	paused := entry("ops", Operator, "control.pause", "w1", 202, "")
	paused.Reason = "month-end"
	scheduled := entry("ops", Operator, "schedule.pause", "lazisync-full-1001", 200, "")
	scheduled.Reason = "holidays"
	notStored := entry("ops", Operator, "request.full", "", 503, "unavailable")
	notStored.TenantID = "1001"
	for name, c := range map[string]struct {
		who, path, body string
		want            ledger.AuditEntry
	}{
		"a request":           {"ops", full, `{"reason":"by hand"}`, requested},
		"a control":           {"ops", "/api/sync/w1/pause", `{"reason":"month-end"}`, paused},
		"a schedule":          {"ops", "/api/temporal/schedules/lazisync-full-1001/pause", `{"reason":"holidays"}`, scheduled},
		"a cancelled run":     {"ops", "/api/temporal/workflows/full-sync-1/cancel", "", entry("ops", Operator, "control.cancel", "full-sync-1", 202, "")},
		"a session":           {"dash", "/session", "", entry("dash", Viewer, "session.open", "", 204, "")},
		"a viewer":            {"dash", full, "", entry("dash", Viewer, "request.full", "", 403, "role")},
		"an unknown token":    {"thief", full, "", entry("", "", "request.full", "", 401, "unauthorized")},
		"an unknown session":  {"thief", "/session", "", entry("", "", "session.open", "", 401, "unauthorized")},
		"an unknown workflow": {"ops", "/sync/nosuch/cancel", "", entry("ops", Operator, "control.cancel", "nosuch", 404, "not-found")},
		"invalid data":        {"ops", full, `{"entitys":["password"]}`, entry("ops", Operator, "request.full", "", 422, "invalid-data")},
		"an unknown query":    {"ops", full + "?x=password", "", entry("ops", Operator, "request.full", "", 400, "bad-query")},
		"odd characters":      {"ops", "/sync/a%00%1b%ff/pause", "", entry("ops", Operator, "control.pause", "a\uFFFD\uFFFD\uFFFD", 0, "")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := open(t, withRoles)
			if c.want.Action == "request.full" {
				s.fakeLedger.fail = errDown // no wait for a run ID
			}
			got := s.as(c.who, http.MethodPost, c.path, c.body)
			recorded := s.fakeAudit.recorded()
			require.Len(t, recorded, 1)
			e := recorded[0]
			require.Equal(t, got.status, e.Status)
			if c.want.Status == 0 {
				c.want.Status, c.want.Problem = e.Status, e.Problem
			}
			if e.RequestID != "" {
				require.Equal(t, e.RequestID, got.json(t)["requestId"])
				c.want.RequestID = e.RequestID
			}
			if got.status == 202 && c.want.Action == "request.full" {
				c.want.Target = "full-sync-" + e.RequestID
			}
			require.Equal(t, c.want, e)
			require.Contains(t, s.log.String(), `"action":"`+e.Action+`"`)
			require.Equal(t, e.Refused(), strings.Contains(s.log.String(), "action refused"))
			require.NotContains(t, s.log.String()+fmt.Sprint(e), "password")
		})
	}
	t.Run("not stored", func(t *testing.T) {
		t.Parallel()
		s := open(t, withRoles)
		s.fakeStream.refuse = errDown
		s.as("ops", http.MethodPost, full, "").isProblem(t, 503, "not stored")
		got := s.fakeAudit.recorded()[0]
		notStored.Target = got.Target
		require.Equal(t, notStored, got)
	})
}

func TestReadingIsNoAction(t *testing.T) {
	t.Parallel()
	s := open(t, withRoles)
	s.as("dash", http.MethodGet, "/api/sync/runs", "")
	s.as("thief", http.MethodGet, "/api/sync/runs", "")
	s.send(http.MethodDelete, "/session", "")
	require.Empty(t, s.fakeAudit.recorded())
}

// An action is possible while PostgreSQL is unavailable, and the trail has it later.
func TestActionsDuringAnOutageAreRecordedLater(t *testing.T) {
	t.Parallel()
	s := open(t, withRoles)
	s.fakeAudit.setFail(errDown)
	for _, id := range []string{"w1", "w2"} {
		require.Equal(t, 202, s.as("ops", http.MethodPost, "/sync/"+id+"/pause", "").status)
	}
	require.Empty(t, s.fakeAudit.recorded())
	require.Equal(t, 2, strings.Count(s.log.String(), "action accepted, not in the audit trail yet, retrying"))
	s.gateway.trail.flush(t.Context())
	require.Empty(t, s.fakeAudit.recorded())

	s.fakeAudit.setFail(nil)
	require.Equal(t, 202, s.as("ops", http.MethodPost, "/sync/w3/pause", "").status)
	s.gateway.trail.flush(t.Context())
	var targets []string
	for _, e := range s.fakeAudit.recorded() {
		targets = append(targets, e.Target)
	}
	require.Equal(t, []string{"w1", "w2", "w3"}, targets, "in their order")
	require.Equal(t, 202, s.as("ops", http.MethodPost, "/sync/w4/pause", "").status)
	require.Len(t, s.fakeAudit.recorded(), 4, "stored at once again")
}

// Nothing is done without a trace: once the gateway cannot keep more entries, it refuses actions.
func TestActionsAreRefusedWhenTheTrailIsFull(t *testing.T) {
	t.Parallel()
	s := open(t, withRoles)
	s.fakeAudit.setFail(errDown)
	s.gateway.trail.pending = make([]ledger.AuditEntry, maxPending-1)
	require.Equal(t, 202, s.as("ops", http.MethodPost, "/sync/w1/pause", "").status)
	got := s.as("ops", http.MethodPost, "/sync/w2/pause", "")
	got.isProblem(t, 503, "actions are refused, because the audit trail cannot be stored: the database is unavailable, retry later")
	require.Equal(t, "10", got.header.Get("Retry-After"))
	require.Len(t, s.fakeStream.events(), 1)
	require.Equal(t, 200, s.as("dash", http.MethodGet, "/api/sync/runs", "").status)

	s.fakeAudit.setFail(nil)
	s.gateway.trail.flush(t.Context())
	require.Equal(t, 202, s.as("ops", http.MethodPost, "/sync/w2/pause", "").status)
}

func TestUnknownClientsCannotFillTheTrail(t *testing.T) {
	t.Parallel()
	s := open(t, withRoles)
	for range maxUnknown + 10 {
		require.Equal(t, 401, s.as("thief", http.MethodPost, "/sync/full", "").status)
	}
	require.Len(t, s.fakeAudit.recorded(), maxUnknown)
	require.Equal(t, 1, strings.Count(s.log.String(), "too many actions without a valid token"))
	require.Equal(t, 202, s.as("ops", http.MethodPost, "/sync/w1/pause", "").status)
	require.Len(t, s.fakeAudit.recorded(), maxUnknown+1)
}

func TestAuditIsListed(t *testing.T) {
	t.Parallel()
	s := open(t, withRoles)
	for range 3 {
		s.as("ops", http.MethodPost, "/sync/w1/pause", "")
	}
	got := s.as("dash", http.MethodGet, "/api/sync/audit?limit=2&tenant=1001&actor=ops&action=control.pause&outcome=accepted&since=2026-03-01T12:00:00Z&before=9", "")
	require.Equal(t, 200, got.status, got.body)
	require.Len(t, got.json(t)["actions"], 2)
	require.EqualValues(t, 2, got.json(t)["nextBefore"])
	require.Equal(t, ledger.AuditFilter{
		TenantID: "1001", Actor: "ops", Action: "control.pause", Outcome: "accepted", Since: today, Before: 9,
	}, s.fakeAudit.filters[0])
	require.NotContains(t, s.as("dash", http.MethodGet, "/api/sync/audit", "").body, "nextBefore")
	s.as("dash", http.MethodGet, "/api/sync/audit?action=pause&outcome=accept&tenant=x&since=today&before=0", "").
		isProblem(t, 422, `action: got "pause", want one of control.cancel, control.pause`)
	s.fakeAudit.setFail(errDown)
	s.as("dash", http.MethodGet, "/api/sync/audit", "").isProblem(t, 503, "the database is unavailable")
}
