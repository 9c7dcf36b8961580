package temporal

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"github.com/lazi/lazisync/internal/failpoint"
	"github.com/lazi/lazisync/workflows"
)

// startOptions reject an ID that is running, and with Once also an ID that was started
// before. The rejection must be an error: otherwise a repeated start looks like a first one.
func (c *Client) startOptions(o workflows.StartOptions) client.StartWorkflowOptions {
	reuse := enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE
	if o.Once {
		reuse = enumspb.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE
	}
	return client.StartWorkflowOptions{
		ID: o.ID, TaskQueue: c.options.TaskQueue, WorkflowExecutionTimeout: o.Timeout,
		WorkflowIDReusePolicy:                    reuse,
		WorkflowIDConflictPolicy:                 enumspb.WORKFLOW_ID_CONFLICT_POLICY_FAIL,
		WorkflowExecutionErrorWhenAlreadyStarted: true,
		Memo:                                     o.Memo,
		StaticSummary:                            o.Summary,
	}
}

// Start starts a workflow and returns the run ID of the first run of its chain. If the ID
// is running, or was started before and Once is set, it returns the first run of that
// execution.
func (c *Client) Start(ctx context.Context, o workflows.StartOptions) (firstRunID string, err error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	run, err := c.sdk.ExecuteWorkflow(ctx, c.startOptions(o), o.Workflow, o.Input)
	err = cmp.Or(err, failpoint.Error("temporal/started", context.DeadlineExceeded))
	if started, ok := errors.AsType[*serviceerror.WorkflowExecutionAlreadyStarted](err); ok {
		return c.firstRun(ctx, o.ID, started)
	}
	if err != nil {
		return "", classify("start", err)
	}
	return runIDOf(run), nil
}

// SignalWithStart signals a workflow and starts it first if it is not running. With Once, a
// workflow that was started before and is closed is neither started nor signalled.
func (c *Client) SignalWithStart(ctx context.Context, o workflows.StartOptions, signal workflows.Signal) (firstRunID string, err error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	options := c.startOptions(o)
	options.WorkflowIDConflictPolicy = enumspb.WORKFLOW_ID_CONFLICT_POLICY_UNSPECIFIED // signal the one that is running
	run, err := c.sdk.SignalWithStartWorkflow(ctx, o.ID, signal.Name, signal.Payload, options, o.Workflow, o.Input)
	err = cmp.Or(err, failpoint.Error("temporal/signalled", context.DeadlineExceeded))
	if started, ok := errors.AsType[*serviceerror.WorkflowExecutionAlreadyStarted](err); ok {
		return c.firstRun(ctx, o.ID, started) // closed: nothing is left to signal
	}
	if err != nil {
		return "", classify("signal with start", err)
	}
	return runIDOf(run), nil
}

// Signal signals a running workflow. It returns workflows.ErrNotRunning if none runs.
func (c *Client) Signal(ctx context.Context, workflowID string, signal workflows.Signal) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	err := c.sdk.SignalWorkflow(ctx, workflowID, "", signal.Name, signal.Payload)
	err = cmp.Or(err, failpoint.Error("temporal/signalled", context.DeadlineExceeded))
	if isNotFound(err) {
		return fmt.Errorf("signal %q: %w", signal.Name, workflows.ErrNotRunning)
	}
	if err != nil {
		return classify("signal", err)
	}
	return nil
}

func runIDOf(run client.WorkflowRun) string {
	if first := run.GetFirstExecutionRunID(); first != "" {
		return first
	}
	return run.GetRunID()
}

// firstRun returns the first run of an execution that was started before. The run that the
// error names may be a later run of the chain.
func (c *Client) firstRun(ctx context.Context, workflowID string, started *serviceerror.WorkflowExecutionAlreadyStarted) (string, error) {
	if started.FirstExecutionRunId != "" {
		return started.FirstExecutionRunId, nil
	}
	described, err := c.sdk.DescribeWorkflowExecution(ctx, workflowID, started.RunId)
	if isNotFound(err) {
		return started.RunId, nil
	}
	if err != nil {
		return "", classify("describe", err)
	}
	if first := described.GetWorkflowExecutionInfo().GetFirstRunId(); first != "" {
		return first, nil
	}
	return started.RunId, nil
}

// ExecutionStatus returns the status of the execution that began with firstRunID, or of the
// latest execution if firstRunID is "". The latest execution is described first, because a
// chain that continued as new is open under a later run ID.
func (c *Client) ExecutionStatus(ctx context.Context, workflowID, firstRunID string) (workflows.ExecutionStatus, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	latest, err := c.sdk.DescribeWorkflowExecution(ctx, workflowID, "")
	if isNotFound(err) {
		return workflows.ExecutionNotFound, nil
	}
	if err != nil {
		return "", classify("describe", err)
	}
	info := latest.GetWorkflowExecutionInfo()
	if firstRunID == "" || info.GetFirstRunId() == firstRunID || info.GetExecution().GetRunId() == firstRunID {
		return executionStatus(info.GetStatus()), nil
	}
	earlier, err := c.sdk.DescribeWorkflowExecution(ctx, workflowID, firstRunID)
	if isNotFound(err) {
		return workflows.ExecutionSuperseded, nil
	}
	if err != nil {
		return "", classify("describe", err)
	}
	return executionStatus(earlier.GetWorkflowExecutionInfo().GetStatus()), nil
}

// HasExecution reports whether a workflow has a run, open or closed.
func (c *Client) HasExecution(ctx context.Context, workflowID, runID string) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	_, err := c.sdk.DescribeWorkflowExecution(ctx, workflowID, runID)
	if isNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, classify("describe", err)
	}
	return true, nil
}

// executionStatus translates Temporal's status. A run that continued as new and is no
// longer the latest belongs to a chain that has ended.
func executionStatus(status enumspb.WorkflowExecutionStatus) workflows.ExecutionStatus {
	switch status {
	case enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING, enumspb.WORKFLOW_EXECUTION_STATUS_PAUSED:
		return workflows.ExecutionOpen
	case enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED:
		return workflows.ExecutionCompleted
	case enumspb.WORKFLOW_EXECUTION_STATUS_FAILED:
		return workflows.ExecutionFailed
	case enumspb.WORKFLOW_EXECUTION_STATUS_CANCELED:
		return workflows.ExecutionCancelled
	case enumspb.WORKFLOW_EXECUTION_STATUS_TERMINATED:
		return workflows.ExecutionTerminated
	case enumspb.WORKFLOW_EXECUTION_STATUS_TIMED_OUT:
		return workflows.ExecutionTimedOut
	case enumspb.WORKFLOW_EXECUTION_STATUS_CONTINUED_AS_NEW:
		return workflows.ExecutionSuperseded
	}
	return workflows.ExecutionUnknown
}
