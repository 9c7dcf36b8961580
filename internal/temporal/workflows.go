package temporal

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"strings"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/workflows"
)

// progressTimeout bounds the query of a workflow's progress, which a worker answers.
const progressTimeout = 3 * time.Second

// workflowStatuses maps Temporal's statuses to those of ledger.Workflow.
var workflowStatuses = map[enums.WorkflowExecutionStatus]string{
	enums.WORKFLOW_EXECUTION_STATUS_RUNNING:          ledger.WorkflowRunning,
	enums.WORKFLOW_EXECUTION_STATUS_PAUSED:           ledger.WorkflowRunning,
	enums.WORKFLOW_EXECUTION_STATUS_COMPLETED:        "completed",
	enums.WORKFLOW_EXECUTION_STATUS_FAILED:           "failed",
	enums.WORKFLOW_EXECUTION_STATUS_CANCELED:         "cancelled",
	enums.WORKFLOW_EXECUTION_STATUS_TERMINATED:       "terminated",
	enums.WORKFLOW_EXECUTION_STATUS_TIMED_OUT:        "timedOut",
	enums.WORKFLOW_EXECUTION_STATUS_CONTINUED_AS_NEW: "continuedAsNew",
}

// workflowStatus returns the status of an execution. With a status that this version does not know, it runs
// unless it has a close time.
func workflowStatus(info *workflowpb.WorkflowExecutionInfo) string {
	status, known := workflowStatuses[info.GetStatus()]
	if !known && info.GetCloseTime() == nil {
		return ledger.WorkflowRunning
	}
	return status
}

// queryStatuses maps the statuses of ledger.Workflow to those of a visibility query.
var queryStatuses = map[string]string{
	ledger.WorkflowRunning: "Running", "completed": "Completed", "failed": "Failed", "cancelled": "Canceled",
	"terminated": "Terminated", "timedOut": "TimedOut", "continuedAsNew": "ContinuedAsNew",
}

// Workflows lists executions on the task queue, newest first, at most size of them, of one
// status or, with "", of all. The page token is "" at first, then the one that the previous
// call returned; next is "" on the last page. It returns ledger.ErrPageToken for any other
// token.
func (c *Client) Workflows(ctx context.Context, status string, size int, pageToken string) (list []ledger.Workflow, next string, err error) {
	token, ok := decodePageToken(status, pageToken)
	if !ok {
		return nil, "", ledger.ErrPageToken
	}
	query := "TaskQueue = '" + strings.ReplaceAll(c.options.TaskQueue, "'", "''") + "'"
	if status != "" {
		query += " and ExecutionStatus = '" + queryStatuses[status] + "'"
	}
	page, err := c.sdk.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
		PageSize: int32(size), NextPageToken: token, Query: query,
	})
	if err != nil {
		return nil, "", fmt.Errorf("list workflows: %w", err)
	}
	for _, info := range page.GetExecutions() {
		list = append(list, workflow(info))
	}
	return list, encodePageToken(status, page.GetNextPageToken()), nil
}

// encodePageToken returns Temporal's token behind a checksum of the status and the token.
// Without it, a made-up token costs Temporal some seconds and looks like an outage.
func encodePageToken(status string, token []byte) string {
	if len(token) == 0 {
		return ""
	}
	sum := crc32.ChecksumIEEE(append([]byte(status), token...))
	return base64.RawURLEncoding.EncodeToString(append(binary.BigEndian.AppendUint32(nil, sum), token...))
}

// decodePageToken returns Temporal's token; ok is false if encodePageToken did not return
// the page token for that status.
func decodePageToken(status, pageToken string) (token []byte, ok bool) {
	if pageToken == "" {
		return nil, true
	}
	raw, err := base64.RawURLEncoding.DecodeString(pageToken)
	if err != nil || len(raw) <= crc32.Size {
		return nil, false
	}
	token = raw[crc32.Size:]
	return token, encodePageToken(status, token) == pageToken
}

func workflow(info *workflowpb.WorkflowExecutionInfo) ledger.Workflow {
	return ledger.Workflow{
		RequestsSync: !workflows.IsWorkflowID(info.GetExecution().GetWorkflowId()),
		WorkflowID:   info.GetExecution().GetWorkflowId(), RunID: info.GetExecution().GetRunId(),
		Type: info.GetType().GetName(), Status: workflowStatus(info),
		StartedAt: timePointer(info.GetStartTime()), ClosedAt: timePointer(info.GetCloseTime()),
	}
}

func timePointer(t *timestamppb.Timestamp) *time.Time {
	if t == nil {
		return nil
	}
	converted := t.AsTime()
	return &converted
}

// Workflow describes the latest execution of a workflow on the task queue, with its
// progress if it runs and a worker answers in time. It returns ledger.ErrWorkflowNotFound if
// there is none.
func (c *Client) Workflow(ctx context.Context, id string) (ledger.Workflow, error) {
	described, err := c.sdk.DescribeWorkflowExecution(ctx, id, "")
	info := described.GetWorkflowExecutionInfo()
	switch {
	case isNotFound(err) || is[*serviceerror.InvalidArgument](err): // the latter for an ID that no workflow can have
		return ledger.Workflow{}, ledger.ErrWorkflowNotFound
	case err != nil:
		return ledger.Workflow{}, fmt.Errorf("describe workflow %q: %w", id, err)
	case info.GetTaskQueue() != c.options.TaskQueue: // another application's
		return ledger.Workflow{}, ledger.ErrWorkflowNotFound
	}
	found := workflow(info)
	if found.ClosedAt == nil {
		found.Progress = c.progress(ctx, found)
		found.Retries = retries(described.GetPendingActivities())
	}
	return found, nil
}

// progress queries the progress of a running workflow; nil if no worker answers in time.
func (c *Client) progress(ctx context.Context, w ledger.Workflow) *ledger.Progress {
	ctx, cancel := context.WithTimeout(ctx, progressTimeout)
	defer cancel()
	var p ledger.Progress
	answer, err := c.sdk.QueryWorkflow(ctx, w.WorkflowID, w.RunID, workflows.QueryProgress)
	if err == nil {
		err = answer.Get(&p)
	}
	if err != nil {
		c.options.Logger.Debug().Err(err).Str("workflow_id", w.WorkflowID).Msg("query of progress failed")
		return nil
	}
	if p.Entities == nil {
		p.Entities = []ledger.EntityProgress{} // an array in JSON, not null
	}
	return &p
}
