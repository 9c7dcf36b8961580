package fault

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/common/v1"
	"go.temporal.io/api/workflowservice/v1"

	"github.com/lazi/lazisync/dev/temporalserver"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/internal/simulator"
	"github.com/lazi/lazisync/workflows"
)

// manyPages makes a run last long enough for a fault during it.
var manyPages = simulator.Options{RecordsPerEntity: 1500, ExportPageSize: 50}

// veryManyPages makes a run last through several faults.
var veryManyPages = simulator.Options{RecordsPerEntity: 6000, ExportPageSize: 50}

// deliver sends a webhook as ServiceTitan does.
func (r *rig) deliver(t *testing.T, gateway, body string) (*http.Response, error) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, gateway+"/webhooks/servicetitan", strings.NewReader(body))
	require.NoError(t, err)
	mac := hmac.New(sha256.New, []byte(r.stack.Variable("SERVICETITAN_WEBHOOK_SECRET")))
	mac.Write([]byte(body))
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("x-servicetitan-signature", hex.EncodeToString(mac.Sum(nil)))
	response, err := http.DefaultClient.Do(request)
	if err == nil {
		require.NoError(t, response.Body.Close())
	}
	return response, err
}

// webhook sends a webhook that is answered, somehow.
func (r *rig) webhook(t *testing.T, gateway, body string) *http.Response {
	t.Helper()
	response, err := r.deliver(t, gateway, body)
	require.NoError(t, err)
	return response
}

// stop terminates the role and returns how long that took.
func (one *role) stop(t *testing.T) time.Duration {
	t.Helper()
	began := time.Now()
	one.Signal(syscall.SIGTERM)
	select {
	case <-one.Ended():
	case <-time.After(waitLimit):
		require.Fail(t, "lazisync does not stop", one.name)
	}
	require.NoError(t, one.Err())
	return time.Since(began)
}

func executionOf(workflowID string) *common.WorkflowExecution {
	return &common.WorkflowExecution{WorkflowId: workflowID}
}

// idle reports whether no execution of a workflow is running.
func (r *rig) idle(t *testing.T, workflowID string) bool {
	t.Helper()
	described, err := r.client.DescribeWorkflowExecution(t.Context(), workflowID, "")
	return err != nil || described.GetWorkflowExecutionInfo().GetCloseTime() != nil
}

// executionsOf counts the executions of a workflow ID, continued ones each for itself.
func (r *rig) executionsOf(t *testing.T, workflowID string) int {
	t.Helper()
	list, err := r.client.ListWorkflow(t.Context(), &workflowservice.ListWorkflowExecutionsRequest{
		Namespace: temporalserver.Namespace, Query: "WorkflowId = '" + workflowID + "'",
	})
	require.NoError(t, err)
	return len(list.Executions)
}

// awaitRunStarted waits until a run serves a request.
func (r *rig) awaitRunStarted(t *testing.T, a *publishedCommand) {
	t.Helper()
	require.Eventually(t, func() bool {
		var begun bool
		err := r.sql.QueryRow(t.Context(), "select run_number is not null from raw.sync_requests where request_id = $1", a.requestID()).Scan(&begun)
		return err == nil && begun
	}, waitLimit, tick, "no run serves request %s", a.requestID())
}

// state returns the state of the run of a request, "" if no run serves it yet.
func (r *rig) state(t *testing.T, a *publishedCommand) (state string) {
	t.Helper()
	require.NoError(t, r.sql.QueryRow(t.Context(), `
		select coalesce((select r.state from raw.sync_runs r join raw.sync_requests using (run_number) where request_id = $1), '')`,
		a.requestID()).Scan(&state))
	return state
}

// awaitPaused waits until a run is reported as paused.
func (r *rig) awaitPaused(t *testing.T, workflowID string) {
	t.Helper()
	require.Eventually(t, func() bool {
		answer, err := r.client.QueryWorkflow(t.Context(), workflowID, "", workflows.QueryProgress)
		if err != nil {
			return false
		}
		var p ledger.Progress
		return answer.Get(&p) == nil && p.Paused
	}, waitLimit, tick, "%s is not paused", workflowID)
}

// readTwice counts, by entity, the feed pages that were requested again. The continuation token
// identifies a page.
func (r *rig) readTwice() map[string]int {
	pages, seen := map[string]int{}, map[string]map[string]bool{}
	for _, call := range r.stack.Simulator.Stats().Requests {
		if call.On != "export" {
			continue
		}
		if seen[call.Entity] == nil {
			seen[call.Entity] = map[string]bool{}
		}
		seen[call.Entity][call.Query] = true
		pages[call.Entity]++
	}
	twice := map[string]int{}
	for name, n := range pages {
		twice[name] = n - len(seen[name])
	}
	return twice
}
