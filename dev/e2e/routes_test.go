package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/simulator"
)

// Every operation of the OpenAPI document succeeds at least once on the real stack.
func TestEveryRouteOverHTTP(t *testing.T) {
	t.Parallel()
	w := newFixture(t, options{webhooks: true, simulator: simulator.Options{RecordsPerEntity: 500, ExportPageSize: 50}})
	w.migrate(t, "SYNC_SCHEDULE_FULL="+never)
	serve := w.start(t, "serve")
	s := newSite(t, serve.gateway)
	full := "lazisync-full-" + w.tenant

	t.Run("a sync is requested, shown, steered and cancelled", func(t *testing.T) {
		w.stack.Simulator.SetPace(slowPage)
		var accepted answer
		var first map[string]any
		require.Eventually(t, func() bool { // null if Temporal does not have it within two seconds
			accepted = s.call(t, "POST", "/sync/full", nil, `{"reason":"by hand"}`, "Idempotency-Key", "k1-"+w.tenant)
			first = accepted.object(t)
			return accepted.status == http.StatusAccepted && first["runId"] != nil
		}, waitLimit, tick)
		id := first["workflowId"].(string)
		described, err := w.temporal.DescribeWorkflowExecution(t.Context(), id, "")
		require.NoError(t, err)
		require.Equal(t, described.GetWorkflowExecutionInfo().GetFirstRunId(), first["runId"])

		require.Eventually(t, func() bool {
			return s.call(t, "POST", "/api/sync/full", nil, `{"reason":"by hand"}`, "Idempotency-Key", "k1-"+w.tenant).body == accepted.body
		}, waitLimit, tick, "the same request")
		require.Equal(t, http.StatusConflict, s.call(t, "POST", "/sync/full", nil, `{"reason":"another"}`, "Idempotency-Key", "k1-"+w.tenant).status)

		var shown struct {
			Status   string
			Progress struct {
				RunNumber int64
				Entities  []struct{ Records int64 }
			}
		}
		require.Eventually(t, func() bool {
			got := s.call(t, "GET", "/api/temporal/workflows/{workflowId}", []string{id}, "")
			require.NoError(t, json.Unmarshal([]byte(got.body), &shown))
			return shown.Progress.RunNumber == 1 && len(shown.Progress.Entities) == 4
		}, waitLimit, tick)
		require.Equal(t, "running", shown.Status)

		for _, prefix := range []string{"", "/api"} {
			require.Equal(t, http.StatusAccepted, s.call(t, "POST", prefix+"/sync/{workflowId}/pause", []string{id}, `{"reason":"month-end"}`).status)
		}
		await(t, w, "sync.paused", func(d events.ControlledData) bool { return d.WorkflowID == id })
		for _, prefix := range []string{"", "/api"} {
			require.Equal(t, http.StatusAccepted, s.call(t, "POST", prefix+"/sync/{workflowId}/resume", []string{id}, "").status)
		}
		await(t, w, "sync.resumed", func(d events.ControlledData) bool { return d.WorkflowID == id })
		require.True(t, s.call(t, "POST", "/api/temporal/workflows/{workflowId}/cancel", []string{id}, `{"reason":"enough","actor":"kim"}`).isAccepted())
		require.Equal(t, "enough", w.outcome(t, "sync.cancelled", first["requestId"].(string)).Reason)
		w.stack.Simulator.SetPace(0)

		require.Eventually(t, func() bool {
			return s.call(t, "POST", "/api/temporal/workflows/{workflowId}/cancel", []string{id}, "").status == http.StatusConflict
		}, waitLimit, tick, "it has ended")
		for _, prefix := range []string{"", "/api"} { // accepted, and later rejected by an event
			require.Equal(t, http.StatusAccepted, s.call(t, "POST", prefix+"/sync/{workflowId}/cancel", []string{id}, "").status)
		}
		w.rejected(t, func(d events.RejectedData) bool { return d.Code == events.CodeFinishedRun })
	})

	t.Run("events are followed while a sync runs, and the ledger has it", func(t *testing.T) {
		following := follow(t, s)
		accepted := s.call(t, "POST", "/sync/full", nil, "").object(t)
		requestID := accepted["requestId"].(string)
		seen := following.until(t, "sync.completed", requestID)
		require.Contains(t, seen, "sync.started")
		w.completed(t, requestID)

		require.Contains(t, s.call(t, "GET", "/api/sync/requests?mode=full&limit=1", nil, "").body, requestID)
		request := s.call(t, "GET", "/api/sync/requests/{requestId}", []string{requestID}, "").object(t)
		require.Equal(t, map[string]any{"state": "completed", "runNumber": request["runNumber"]}, request["outcome"])
		require.Contains(t, s.call(t, "GET", "/api/sync/runs?limit=1", nil, "").body, accepted["workflowId"])
		require.Contains(t, s.call(t, "GET", "/api/sync/runs?mode=full&state=completed&limit=1", nil, "").body, accepted["workflowId"])
		run := s.call(t, "GET", "/api/sync/runs/{runNumber}", []string{fmt.Sprint(request["runNumber"])}, "").object(t)
		require.Equal(t, requestID, run["requestList"].([]any)[0].(map[string]any)["requestId"])
		require.Contains(t, s.call(t, "GET", "/api/sync/state?tenant="+w.tenant, nil, "").body, `"records":500`)
		for _, prefix := range []string{"", "/api"} {
			for _, mode := range events.Modes() {
				if mode.Mode == events.Full { // above
					continue
				}
				got := s.call(t, "POST", prefix+"/sync/"+string(mode.Mode), nil, `{"entities":["jobs"]}`).object(t)
				require.Equal(t, mode.Mode.WorkflowID(events.TenantID(w.tenant), got["requestId"].(string)), got["workflowId"])
			}
		}
	})

	t.Run("the outcome is the answer to a request that waits", func(t *testing.T) {
		for _, prefix := range []string{"", "/api"} {
			ended := s.call(t, "POST", prefix+"/sync/incremental?wait=60s", nil, `{"entities":["jobs"]}`)
			require.Equal(t, http.StatusOK, ended.status, ended.body)
			require.Equal(t, "jobs", ended.object(t)["run"].(map[string]any)["results"].([]any)[0].(map[string]any)["entity"])
		}
	})

	t.Run("workflows are listed by state, a page at a time", func(t *testing.T) {
		listed := func(query string) (ids []string) {
			for page := ""; ; {
				got := s.call(t, "GET", "/api/temporal/workflows?limit=1"+query+page, nil, "").object(t)
				for _, one := range got["workflows"].([]any) {
					ids = append(ids, one.(map[string]any)["type"].(string))
				}
				next, more := got["nextPage"].(string)
				if !more {
					return ids
				}
				page = "&page=" + url.QueryEscape(next)
			}
		}
		require.Eventually(t, func() bool { return countOf(listed(""), "FullSync") == 2 }, waitLimit, 10*tick)
		require.Eventually(t, func() bool { return countOf(listed("&status=completed"), "FullSync") == 1 }, waitLimit, 10*tick)
		require.Eventually(t, func() bool { return countOf(listed("&status=cancelled"), "FullSync") == 1 }, waitLimit, 10*tick)
		require.Empty(t, listed("&status=failed"))
	})

	t.Run("what the page shows", func(t *testing.T) {
		require.Contains(t, s.call(t, "GET", "/api/sync/attention", nil, "").body, `"code":"deadLetters"`)
		require.Contains(t, s.call(t, "GET", "/api/sync/calls", nil, "").body, `"tenantId":"`+w.tenant+`"`)
		require.Equal(t, []any{}, s.call(t, "GET", "/api/sync/rejected", nil, "").object(t)["records"])
		require.Equal(t, []any{}, s.call(t, "GET", "/api/sync/fields", nil, "").object(t)["fields"])
		require.Contains(t, s.call(t, "GET", "/api/sync/runs/{runNumber}/events", []string{"1"}, "").body, `"com.lazi.sync.cancelled.v1"`)
	})

	t.Run("dead letters are listed, replayed and dismissed", func(t *testing.T) {
		rejected := s.call(t, "GET", "/api/deadletters", nil, "").object(t)["deadLetters"].([]any)
		require.GreaterOrEqual(t, len(rejected), 2, "the controls of the finished run")
		require.Contains(t, s.call(t, "GET", "/api/deadletters/{sequence}", []string{"1"}, "").body, `"code":"finishedRun"`)
		require.Equal(t, http.StatusAccepted, s.call(t, "POST", "/api/deadletters/{sequence}/replay", []string{"1"}, "").status)
		require.Equal(t, http.StatusOK, s.call(t, "POST", "/api/deadletters/{sequence}/dismiss", []string{"2"}, `{"reason":"the run had ended"}`).status)
		require.Contains(t, s.call(t, "GET", "/api/deadletters/{sequence}", []string{"1"}, "").object(t), "replayed")
		require.Contains(t, s.call(t, "GET", "/api/deadletters/{sequence}", []string{"2"}, "").object(t), "dismissed")
	})

	t.Run("schedules", func(t *testing.T) {
		require.Contains(t, s.call(t, "GET", "/api/temporal/schedules", nil, "").body, `"cron":"`+never+`"`)
		require.Equal(t, http.StatusOK, s.call(t, "POST", "/api/temporal/schedules/{scheduleId}/pause", []string{full}, "").status)
		require.Equal(t, http.StatusOK, s.call(t, "POST", "/api/temporal/schedules/{scheduleId}/unpause", []string{full}, "").status)
		w.stack.Simulator.SetPace(slowPage) // so that the run does not end between the two
		require.True(t, s.call(t, "POST", "/api/temporal/schedules/{scheduleId}/trigger", []string{full}, "").isAccepted())
		require.Equal(t, http.StatusConflict, s.call(t, "POST", "/api/temporal/schedules/{scheduleId}/trigger", []string{full}, "").status)
		w.stack.Simulator.SetPace(0)
	})

	t.Run("webhooks", func(t *testing.T) {
		secret := w.stack.Variable("SERVICETITAN_WEBHOOK_SECRET")
		const body = `{"eventType":"job.updated","id":7}`
		for path, arguments := range map[string][]string{"/webhooks/servicetitan": nil, "/webhooks/servicetitan/{tenant}": {w.tenant}} {
			require.Equal(t, http.StatusOK, s.call(t, "POST", path, arguments, body, "X-ServiceTitan-Signature", "sha256="+sign(secret, body)).status)
			require.Equal(t, http.StatusUnauthorized, s.call(t, "POST", path, arguments, body+" ", "X-ServiceTitan-Signature", sign(secret, body)).status)
		}
		require.Equal(t, http.StatusNotFound, s.call(t, "POST", "/webhooks/servicetitan/{tenant}", []string{"1"}, body, "X-ServiceTitan-Signature", sign(secret, body)).status)
	})

	t.Run("pages and health", func(t *testing.T) {
		for _, path := range []string{"/", "/openapi.json", "/asyncapi.json", "/schemas", "/healthz", "/readyz", "/metrics"} {
			require.Equal(t, http.StatusOK, s.call(t, "GET", path, nil, "").status)
		}
		require.Equal(t, http.StatusOK, s.call(t, "GET", "/schemas/{name}", []string{"sync.completed.v1.json"}, "").status)
		require.Equal(t, http.StatusNoContent, s.call(t, "POST", "/session", nil, "").status)
		require.Equal(t, http.StatusNoContent, s.call(t, "DELETE", "/session", nil, "").status)
		require.Equal(t, map[string]any{"name": nil, "role": "operator"}, s.call(t, "GET", "/api/sync/session", nil, "").object(t))
		audit := s.call(t, "GET", "/api/sync/audit?action=request.full&outcome=refused", nil, "").object(t)["actions"].([]any)
		require.Equal(t, "key-reused", audit[0].(map[string]any)["problem"])
		require.Contains(t, s.call(t, "GET", "/metrics", nil, "").body, `lazisync_gateway_webhooks_total{result="bad_signature"} 2`)
	})

	t.Run("what is wrong is a problem", func(t *testing.T) {
		requireProblems(t, w, s)
	})

	for path, methods := range s.paths {
		for method := range methods {
			good := slices.ContainsFunc([]string{"200", "202", "204"}, func(status string) bool { return s.answered[method+" "+path+" "+status] })
			require.True(t, good, "%s %s was never called with success", method, path)
		}
	}

	t.Run("who listens is let go when the gateway stops", func(t *testing.T) {
		following := follow(t, s)
		require.Less(t, serve.stop(t), 30*time.Second)
		following.end(t)
	})
}

func countOf(list []string, word string) int {
	n := 0
	for _, w := range list {
		if w == word {
			n++
		}
	}
	return n
}

func requireProblems(t *testing.T, w *fixture, s *site) {
	t.Helper()
	large := `{"reason":"` + strings.Repeat("x", 256<<10) + `"}`
	for _, c := range []struct {
		status       int
		method, path string
		body         string
		detail       string
		headers      []string
	}{
		{404, "GET", "/api/nothing", "", `path: got \"/api/nothing\"`, nil},
		{405, "PUT", "/sync/full", "{}", "got PUT, want POST", nil},
		{405, "GET", "/webhooks/servicetitan", "", "want POST", nil},
		{405, "DELETE", "/api/temporal/schedules", "", "want GET or HEAD", nil},
		{415, "POST", "/sync/full", "full", "want application/json", []string{"Content-Type", "text/plain"}},
		{415, "POST", "/webhooks/servicetitan", "a=b", "want application/json", []string{"Content-Type", "application/x-www-form-urlencoded"}},
		{413, "POST", "/sync/incremental", large, "want at most 262144", nil},
		{413, "POST", "/webhooks/servicetitan", large, "want at most 262144", nil},
		{400, "POST", "/sync/full", "{", "want one JSON object", nil},
		{400, "POST", "/sync/full", `{"reason":"a","reason":"b"}`, "a duplicate key", nil},
		{422, "POST", "/sync/full", `{"entitys":["jobs"]}`, "entitys", nil},
		{422, "POST", "/sync/full", `{"entities":["jbos"]}`, "did you mean jobs?", nil},
		{422, "POST", "/sync/rebuild", `{"entities":["jobs","customers"]}`, "entities", nil},
		{422, "POST", "/sync/full", `{"mode":"incremental"}`, "the path determines it", nil},
		{422, "POST", "/sync/full", `{"tenantId":"1"}`, "tenantId: got ", nil},
		{422, "POST", "/sync/incremental", `{"notify":"yes"}`, "notify", nil},
		{422, "POST", "/sync/some-workflow/pause", `{"requestId":"x"}`, "the path names the workflow", nil},
		{422, "GET", "/api/sync/runs?limit=0", "", "an integer from 1 to 500", nil},
		{422, "GET", "/api/sync/requests?before=none", "", "nextBefore of the previous response", nil},
		{422, "GET", "/api/sync/runs?state=done", "", "one of running, paused, completed, failed, cancelled", nil},
		{404, "GET", "/api/sync/runs/999999", "", "the number of a run that the ledger has", nil},
		{404, "GET", "/api/sync/requests/0000", "", "a request of the last 90 days", nil},
		{404, "GET", "/api/temporal/workflows/full-sync-none", "", "the ID of an existing workflow", nil},
		{404, "GET", "/api/temporal/workflows/" + strings.Repeat("x", 2000), "", "the ID of an existing workflow", nil},
		{404, "POST", "/api/temporal/workflows/full-sync-none/cancel", "", "the ID of an existing workflow", nil},
		{422, "GET", "/api/temporal/workflows?status=odd", "", "one of running", nil},
		{422, "GET", "/api/temporal/workflows?page=bm8", "", "nextPage of the previous response", nil},
		{422, "GET", "/api/temporal/workflows?page=!", "", "nextPage of the previous response", nil},
		{422, "GET", "/api/temporal/workflows?page=AAAA", "", "nextPage of the previous response", nil},
		{404, "POST", "/api/temporal/schedules/lazisync-full-1/trigger", "", "a schedule that", nil},
		{404, "POST", "/api/temporal/schedules/lazisync-incremental-" + w.tenant + "/pause", "", "a schedule that", nil}, // disabled
		{422, "POST", "/api/temporal/schedules/lazisync-full-" + w.tenant + "/pause", `{"why":"x"}`, "want reason", nil},
		{403, "POST", "/sync/full", "{}", "cross-origin requests are not allowed", []string{"Sec-Fetch-Site", "cross-site"}},
	} {
		got := callAvailable(t, c.method, s.url+c.path, c.body, c.headers...)
		require.Equal(t, c.status, got.status, "%s %.60s %.80s: %s", c.method, c.path, c.body, got.body)
		require.Equal(t, "application/problem+json", got.header.Get("Content-Type"))
		assert.Contains(t, got.body, c.detail)
		s.fits(t, got.body, "components", "schemas", "Problem")
	}
	slow := dripping(t, s.url)
	require.Equal(t, http.StatusRequestTimeout, slow.StatusCode)
	require.NoError(t, slow.Body.Close())
}

// dripping sends half a body and keeps the connection open.
func dripping(t *testing.T, gateway string) *http.Response {
	t.Helper()
	connection, err := net.Dial("tcp", strings.TrimPrefix(gateway, "http://"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = connection.Close() })
	_, err = fmt.Fprint(connection, "POST /sync/full HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{")
	require.NoError(t, err)
	response, err := http.ReadResponse(bufio.NewReader(connection), nil)
	require.NoError(t, err)
	return response
}
