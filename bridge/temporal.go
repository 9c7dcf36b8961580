package bridge

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
)

// callTimeout bounds one call, so that a Temporal that hangs is noticed while the
// messages of a batch are still ours.
const callTimeout = 5 * time.Second

// temporalClient is what the adapter uses of client.Client.
type temporalClient interface {
	ExecuteWorkflow(ctx context.Context, options client.StartWorkflowOptions, workflow any, args ...any) (client.WorkflowRun, error)
	SignalWithStartWorkflow(ctx context.Context, workflowID, signalName string, signalArg any,
		options client.StartWorkflowOptions, workflow any, workflowArgs ...any) (client.WorkflowRun, error)
	SignalWorkflow(ctx context.Context, workflowID, runID, signalName string, arg any) error
	DescribeWorkflowExecution(ctx context.Context, workflowID, runID string) (*workflowservice.DescribeWorkflowExecutionResponse, error)
}

type temporal struct {
	client    temporalClient
	taskQueue string
}

// NewTemporal makes the bridge's view of a Temporal client, which may be a lazy
// one. Workflows are started on the task queue.
func NewTemporal(c client.Client, taskQueue string) Temporal {
	return &temporal{client: c, taskQueue: taskQueue}
}

// options refuse an ID that is running, and one that ran where it may run but once.
// The refusal is an error: without it a duplicate could not be told from a start.
func (t *temporal) options(e Execution) client.StartWorkflowOptions {
	reuse := enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE
	if e.Once {
		reuse = enumspb.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE
	}
	return client.StartWorkflowOptions{
		ID: e.ID, TaskQueue: t.taskQueue, WorkflowExecutionTimeout: e.Timeout,
		WorkflowIDReusePolicy:                    reuse,
		WorkflowIDConflictPolicy:                 enumspb.WORKFLOW_ID_CONFLICT_POLICY_FAIL,
		WorkflowExecutionErrorWhenAlreadyStarted: true,
	}
}

func (t *temporal) Start(ctx context.Context, e Execution) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	run, err := t.client.ExecuteWorkflow(ctx, t.options(e), e.Workflow, e.Input)
	if started, ok := errors.AsType[*serviceerror.WorkflowExecutionAlreadyStarted](err); ok {
		return t.firstRun(ctx, e.ID, started)
	}
	if err != nil {
		return "", classify("start", err)
	}
	return firstRunID(run), nil
}

func (t *temporal) Wake(ctx context.Context, e Execution, signal Signal) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	options := t.options(e)
	options.WorkflowIDConflictPolicy = enumspb.WORKFLOW_ID_CONFLICT_POLICY_UNSPECIFIED // a running one is signalled
	run, err := t.client.SignalWithStartWorkflow(ctx, e.ID, signal.Name, signal.Payload, options, e.Workflow, e.Input)
	if started, ok := errors.AsType[*serviceerror.WorkflowExecutionAlreadyStarted](err); ok {
		return t.firstRun(ctx, e.ID, started) // it ran and ended: there is nothing left to signal
	}
	if err != nil {
		return "", classify("signal with start", err)
	}
	return firstRunID(run), nil
}

func (t *temporal) Signal(ctx context.Context, workflowID string, signal Signal) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	err := t.client.SignalWorkflow(ctx, workflowID, "", signal.Name, signal.Payload)
	if isNotFound(err) {
		return fmt.Errorf("signal %q: %w", signal.Name, ErrNotRunning)
	}
	if err != nil {
		return classify("signal", err)
	}
	return nil
}

func firstRunID(run client.WorkflowRun) string {
	if first := run.GetFirstExecutionRunID(); first != "" {
		return first
	}
	return run.GetRunID()
}

// firstRun finds the first run of an execution that was started before. The one
// that the error names may be a later run of its chain.
func (t *temporal) firstRun(ctx context.Context, workflowID string, started *serviceerror.WorkflowExecutionAlreadyStarted) (string, error) {
	if started.FirstExecutionRunId != "" {
		return started.FirstExecutionRunId, nil
	}
	described, err := t.client.DescribeWorkflowExecution(ctx, workflowID, started.RunId)
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

// Describe looks at the current execution first: a chain goes on in later runs.
func (t *temporal) Describe(ctx context.Context, workflowID, firstRunID string) (Fate, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	current, err := t.client.DescribeWorkflowExecution(ctx, workflowID, "")
	if isNotFound(err) {
		return FateForgotten, nil
	}
	if err != nil {
		return "", classify("describe", err)
	}
	info := current.GetWorkflowExecutionInfo()
	if firstRunID == "" || info.GetFirstRunId() == firstRunID || info.GetExecution().GetRunId() == firstRunID {
		return fateOf(info.GetStatus()), nil
	}
	earlier, err := t.client.DescribeWorkflowExecution(ctx, workflowID, firstRunID)
	if isNotFound(err) {
		return FateSuperseded, nil
	}
	if err != nil {
		return "", classify("describe", err)
	}
	return fateOf(earlier.GetWorkflowExecutionInfo().GetStatus()), nil
}

// fateOf reads the status of an execution. One that continued as new and is not
// the current one any more ended somewhere in its chain.
func fateOf(status enumspb.WorkflowExecutionStatus) Fate {
	switch status {
	case enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING, enumspb.WORKFLOW_EXECUTION_STATUS_PAUSED:
		return Open
	case enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED:
		return FateCompleted
	case enumspb.WORKFLOW_EXECUTION_STATUS_FAILED:
		return FateFailed
	case enumspb.WORKFLOW_EXECUTION_STATUS_CANCELED:
		return FateCancelled
	case enumspb.WORKFLOW_EXECUTION_STATUS_TERMINATED:
		return FateTerminated
	case enumspb.WORKFLOW_EXECUTION_STATUS_TIMED_OUT:
		return FateTimedOut
	case enumspb.WORKFLOW_EXECUTION_STATUS_CONTINUED_AS_NEW:
		return FateSuperseded
	}
	return FateUnknowable
}

func isNotFound(err error) bool { return is[*serviceerror.NotFound](err) }

// classify says which of our errors a Temporal error is. Everything it does not
// know may pass: unavailable, busy, no answer in time.
func classify(what string, err error) error {
	switch {
	case is[*serviceerror.NamespaceNotFound](err), is[*serviceerror.PermissionDenied](err),
		is[*serviceerror.Unimplemented](err), is[*serviceerror.NamespaceInvalidState](err):
		return fmt.Errorf("%s: %w: %w", what, ErrMisconfigured, err)
	case forGood(err):
		return fmt.Errorf("%s: %w: %w", what, ErrRefused, err)
	}
	return fmt.Errorf("%s: %w", what, err)
}

// forGood says whether an error is about the call itself. Two lie about
// themselves: too many signals is an invalid argument although the workflow will
// continue as new, and a message over the size of gRPC looks like a lack of resources.
func forGood(err error) bool {
	if is[*serviceerror.InvalidArgument](err) {
		return !strings.Contains(err.Error(), "limit for signal events")
	}
	return strings.Contains(err.Error(), "message after decompression larger than max") ||
		strings.Contains(err.Error(), "received message larger than max")
}

func is[E error](err error) bool {
	_, found := errors.AsType[E](err)
	return found
}
