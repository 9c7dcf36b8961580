package app

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"strings"
	"time"

	"github.com/rs/zerolog"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/lazi/lazisync/internal/gateway"
	"github.com/lazi/lazisync/workflows"
)

// progressTimeout is how long a worker may take to say how far a run is.
const progressTimeout = 3 * time.Second

// temporalView is what the gateway sees of Temporal: the workflows on our task queue,
// and our schedules.
type temporalView struct {
	schedules
	client    client.Client
	taskQueue string
	log       zerolog.Logger
}

func newTemporalView(c client.Client, cfg *Config, log zerolog.Logger) *temporalView {
	return &temporalView{schedules: newSchedules(c, cfg), client: c, taskQueue: cfg.Temporal.TaskQueue, log: log}
}

// workflowStates ties Temporal's states to the gateway's, and to their names in queries.
var workflowStates = map[enums.WorkflowExecutionStatus]string{
	enums.WORKFLOW_EXECUTION_STATUS_RUNNING:          "running",
	enums.WORKFLOW_EXECUTION_STATUS_PAUSED:           "running",
	enums.WORKFLOW_EXECUTION_STATUS_COMPLETED:        "completed",
	enums.WORKFLOW_EXECUTION_STATUS_FAILED:           "failed",
	enums.WORKFLOW_EXECUTION_STATUS_CANCELED:         "cancelled",
	enums.WORKFLOW_EXECUTION_STATUS_TERMINATED:       "terminated",
	enums.WORKFLOW_EXECUTION_STATUS_TIMED_OUT:        "timedOut",
	enums.WORKFLOW_EXECUTION_STATUS_CONTINUED_AS_NEW: "continuedAsNew",
}

var queriedStates = map[string]string{
	"running": "Running", "completed": "Completed", "failed": "Failed", "cancelled": "Canceled",
	"terminated": "Terminated", "timedOut": "TimedOut", "continuedAsNew": "ContinuedAsNew",
}

func (v *temporalView) Workflows(ctx context.Context, status string, size int, page string) ([]gateway.Workflow, string, error) {
	token, ok := tokenOf(status, page)
	if !ok {
		return nil, "", gateway.ErrBadPage
	}
	query := "TaskQueue = '" + strings.ReplaceAll(v.taskQueue, "'", "''") + "'"
	if status != "" {
		query += " and ExecutionStatus = '" + queriedStates[status] + "'"
	}
	answer, err := v.client.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
		PageSize: int32(size), NextPageToken: token, Query: query,
	})
	if err != nil {
		return nil, "", fmt.Errorf("list workflows: %w", err)
	}
	var list []gateway.Workflow
	for _, info := range answer.GetExecutions() {
		list = append(list, workflowOf(info))
	}
	return list, pageOf(status, answer.GetNextPageToken()), nil
}

// pageOf makes the name of a page: Temporal's token behind a sum, since of a token that
// it did not make Temporal says after some seconds that it is out of order.
func pageOf(status string, token []byte) string {
	if len(token) == 0 {
		return ""
	}
	sum := crc32.ChecksumIEEE(append([]byte(status), token...))
	return base64.RawURLEncoding.EncodeToString(append(binary.BigEndian.AppendUint32(nil, sum), token...))
}

// tokenOf is the token behind the name of a page; false where pageOf did not make it for
// that status.
func tokenOf(status, page string) (token []byte, ok bool) {
	raw, err := base64.RawURLEncoding.DecodeString(page)
	if err != nil || page != "" && len(raw) <= 4 {
		return nil, false
	}
	if page == "" {
		return nil, true
	}
	return raw[4:], pageOf(status, raw[4:]) == page
}

func workflowOf(info *workflowpb.WorkflowExecutionInfo) gateway.Workflow {
	return gateway.Workflow{
		Asked:      !workflows.IsWorkflowID(info.GetExecution().GetWorkflowId()),
		WorkflowID: info.GetExecution().GetWorkflowId(), RunID: info.GetExecution().GetRunId(),
		Type: info.GetType().GetName(), Status: workflowStates[info.GetStatus()],
		StartedAt: momentOf(info.GetStartTime()), ClosedAt: momentOf(info.GetCloseTime()),
	}
}

func momentOf(t *timestamppb.Timestamp) *time.Time {
	if t == nil {
		return nil
	}
	moment := t.AsTime()
	return &moment
}

func (v *temporalView) Workflow(ctx context.Context, id string) (gateway.Workflow, error) {
	answer, err := v.client.DescribeWorkflowExecution(ctx, id, "")
	_, unknown := errors.AsType[*serviceerror.NotFound](err)
	_, refused := errors.AsType[*serviceerror.InvalidArgument](err) // an ID that no workflow can have
	info := answer.GetWorkflowExecutionInfo()
	switch {
	case unknown || refused:
		return gateway.Workflow{}, gateway.ErrNotFound
	case err != nil:
		return gateway.Workflow{}, fmt.Errorf("describe workflow %q: %w", id, err)
	case info.GetTaskQueue() != v.taskQueue: // somebody else's
		return gateway.Workflow{}, gateway.ErrNotFound
	}
	found := workflowOf(info)
	if found.ClosedAt == nil {
		found.Progress = v.progress(ctx, found)
	}
	return found, nil
}

// progress asks a running workflow how far it is; nil where it does not say in time.
func (v *temporalView) progress(ctx context.Context, of gateway.Workflow) *gateway.Progress {
	ctx, cancel := context.WithTimeout(ctx, progressTimeout)
	defer cancel()
	var p workflows.Progress
	answer, err := v.client.QueryWorkflow(ctx, of.WorkflowID, of.RunID, workflows.QueryProgress)
	if err == nil {
		err = answer.Get(&p)
	}
	if err != nil {
		v.log.Debug().Err(err).Str("workflow_id", of.WorkflowID).Msg("no progress known")
		return nil
	}
	shown := &gateway.Progress{
		RunNumber: p.RunNumber, Mode: p.Mode, Paused: p.Paused, Stopping: p.Stopping, Passes: p.Passes,
		Entities: make([]gateway.EntityProgress, len(p.Entities)),
	}
	for i, e := range p.Entities {
		shown.Entities[i] = gateway.EntityProgress{
			Entity: e.Entity, Phase: e.Phase, Status: e.Status, Pages: e.Pages, Records: e.Records, Waiting: e.Waiting,
		}
		if e.Total >= 0 {
			shown.Entities[i].Total = &e.Total
		}
	}
	return shown
}
