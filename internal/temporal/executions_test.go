package temporal

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"github.com/lazi/lazisync/workflows"
)

// fakeClient returns what its fields say and records its arguments.
type fakeClient struct {
	client.Client

	run        fakeRun
	err        error
	executions map[string]*workflowpb.WorkflowExecutionInfo // by run ID, "" for the current one

	options  client.StartWorkflowOptions
	signal   string
	args     []any
	deadline time.Time
}

type fakeRun struct {
	client.WorkflowRun
	runID, first string
}

func (r fakeRun) GetRunID() string               { return r.runID }
func (r fakeRun) GetFirstExecutionRunID() string { return r.first }

func (f *fakeClient) ExecuteWorkflow(ctx context.Context, o client.StartWorkflowOptions, _ any, args ...any) (client.WorkflowRun, error) {
	f.options, f.args = o, args
	f.deadline, _ = ctx.Deadline()
	return f.run, f.err
}

func (f *fakeClient) SignalWithStartWorkflow(
	_ context.Context, _, signal string, _ any, o client.StartWorkflowOptions, _ any, args ...any,
) (client.WorkflowRun, error) {
	f.options, f.signal, f.args = o, signal, args
	return f.run, f.err
}

func (f *fakeClient) SignalWorkflow(_ context.Context, _, _, signal string, _ any) error {
	f.signal = signal
	return f.err
}

func (f *fakeClient) DescribeWorkflowExecution(_ context.Context, _, runID string) (*workflowservice.DescribeWorkflowExecutionResponse, error) {
	info, known := f.executions[runID]
	if !known {
		return nil, serviceerror.NewNotFound("workflow not found")
	}
	return &workflowservice.DescribeWorkflowExecutionResponse{WorkflowExecutionInfo: info}, nil
}

func execution(runID, first string, status enumspb.WorkflowExecutionStatus) *workflowpb.WorkflowExecutionInfo {
	return &workflowpb.WorkflowExecutionInfo{
		Execution: &commonpb.WorkflowExecution{RunId: runID}, FirstRunId: first, Status: status,
	}
}

func TestStartOptions(t *testing.T) {
	t.Parallel()
	f := &fakeClient{run: fakeRun{runID: "r1"}}
	adapter := &Client{sdk: f, options: Options{TaskQueue: "sync-tasks"}}
	e := workflows.StartOptions{ID: "full-sync-1", Workflow: "FullSync", Input: 7, Timeout: time.Hour, Once: true}

	run, err := adapter.Start(context.Background(), e)
	require.NoError(t, err)
	require.Equal(t, "r1", run)
	require.Equal(t, client.StartWorkflowOptions{
		ID: "full-sync-1", TaskQueue: "sync-tasks", WorkflowExecutionTimeout: time.Hour,
		WorkflowIDReusePolicy:                    enumspb.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE,
		WorkflowIDConflictPolicy:                 enumspb.WORKFLOW_ID_CONFLICT_POLICY_FAIL,
		WorkflowExecutionErrorWhenAlreadyStarted: true,
	}, f.options)
	require.Equal(t, []any{7}, f.args)
	require.WithinDuration(t, time.Now().Add(callTimeout), f.deadline, callTimeout/2)

	f.run.first = "r0"
	run, err = adapter.SignalWithStart(context.Background(), workflows.StartOptions{ID: "incremental-sync-985"}, workflows.Signal{Name: "wake"})
	require.NoError(t, err)
	require.Equal(t, "r0", run, "the first run of the chain, where the server names it")
	require.Equal(t, "wake", f.signal)
	require.Equal(t, enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE, f.options.WorkflowIDReusePolicy, "it runs again after it was idle")

	_, err = adapter.SignalWithStart(context.Background(), e, workflows.Signal{Name: "cancel"})
	require.NoError(t, err)
	require.Equal(t, enumspb.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE, f.options.WorkflowIDReusePolicy)
}

func TestAlreadyStartedIsASuccess(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err        error
		executions map[string]*workflowpb.WorkflowExecutionInfo
		want       string
	}{
		"named by the error": {
			err:  serviceerror.NewWorkflowExecutionAlreadyStartedWithFirstExecutionRunId("started", "q", "r2", "r1"),
			want: "r1",
		},
		"found by looking": {
			err:        serviceerror.NewWorkflowExecutionAlreadyStarted("started", "q", "r2"),
			executions: map[string]*workflowpb.WorkflowExecutionInfo{"r2": execution("r2", "r1", enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED)},
			want:       "r1",
		},
		"deleted meanwhile": {err: serviceerror.NewWorkflowExecutionAlreadyStarted("started", "q", "r2"), want: "r2"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			adapter := &Client{sdk: &fakeClient{err: c.err, executions: c.executions}}
			run, err := adapter.Start(context.Background(), workflows.StartOptions{ID: "x", Once: true})
			require.NoError(t, err)
			require.Equal(t, c.want, run)
			run, err = adapter.SignalWithStart(context.Background(), workflows.StartOptions{ID: "x", Once: true}, workflows.Signal{Name: "cancel"})
			require.NoError(t, err)
			require.Equal(t, c.want, run)
		})
	}
}

func TestErrorClasses(t *testing.T) {
	t.Parallel()
	transient := errors.New("transient")
	for name, c := range map[string]struct{ err, want error }{
		"unavailable":        {serviceerror.NewUnavailable("no connection"), transient},
		"no answer":          {serviceerror.NewDeadlineExceeded("context deadline exceeded"), transient},
		"context":            {context.DeadlineExceeded, transient},
		"aborted":            {serviceerror.NewAborted("again"), transient},
		"internal":           {serviceerror.NewInternal("oops"), transient},
		"busy":               {serviceerror.NewResourceExhausted(enumspb.RESOURCE_EXHAUSTED_CAUSE_BUSY_WORKFLOW, "workflow is closing"), transient},
		"too many signals":   {serviceerror.NewInvalidArgument("exceeded workflow execution limit for signal events"), transient},
		"too large":          {serviceerror.NewInvalidArgument("Blob data size exceeds limit."), workflows.ErrRejected},
		"too large for gRPC": {serviceerror.NewResourceExhausted(0, "grpc: received message after decompression larger than max 4194304"), workflows.ErrRejected},
		"no such namespace":  {serviceerror.NewNamespaceNotFound("nowhere"), workflows.ErrMisconfigured},
		"not allowed":        {serviceerror.NewPermissionDenied("no", "reason"), workflows.ErrMisconfigured},
		"server too old":     {serviceerror.NewUnimplemented("what?"), workflows.ErrMisconfigured},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			adapter := &Client{sdk: &fakeClient{err: c.err}}
			_, started := adapter.Start(context.Background(), workflows.StartOptions{ID: "x"})
			_, signalledWithStart := adapter.SignalWithStart(context.Background(), workflows.StartOptions{ID: "x"}, workflows.Signal{})
			signalled := adapter.Signal(context.Background(), "x", workflows.Signal{})
			for _, err := range []error{started, signalledWithStart, signalled} {
				require.ErrorIs(t, err, c.err)
				require.Equal(t, errors.Is(c.want, workflows.ErrRejected), errors.Is(err, workflows.ErrRejected))
				require.Equal(t, errors.Is(c.want, workflows.ErrMisconfigured), errors.Is(err, workflows.ErrMisconfigured))
			}
		})
	}
}

func TestSignalOfAWorkflowThatIsNotRunning(t *testing.T) {
	t.Parallel()
	adapter := &Client{sdk: &fakeClient{err: serviceerror.NewNotFound("workflow execution already completed")}}
	require.ErrorIs(t, adapter.Signal(context.Background(), "x", workflows.Signal{Name: "pause"}), workflows.ErrNotRunning)
}

func TestExecutionStatus(t *testing.T) {
	t.Parallel()
	const (
		runs       = enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING
		completed  = enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED
		terminated = enumspb.WORKFLOW_EXECUTION_STATUS_TERMINATED
		timedOut   = enumspb.WORKFLOW_EXECUTION_STATUS_TIMED_OUT
		continued  = enumspb.WORKFLOW_EXECUTION_STATUS_CONTINUED_AS_NEW
	)
	type infos = map[string]*workflowpb.WorkflowExecutionInfo
	for name, c := range map[string]struct {
		first      string
		executions infos
		want       workflows.ExecutionStatus
	}{
		"runs":             {"r1", infos{"": execution("r1", "r1", runs)}, workflows.ExecutionOpen},
		"runs on as r3":    {"r1", infos{"": execution("r3", "r1", runs), "r1": execution("r1", "r1", continued)}, workflows.ExecutionOpen},
		"ended as r3":      {"r1", infos{"": execution("r3", "r1", timedOut), "r1": execution("r1", "r1", continued)}, workflows.ExecutionTimedOut},
		"terminated":       {"r1", infos{"": execution("r1", "r1", terminated)}, workflows.ExecutionTerminated},
		"completed":        {"r1", infos{"": execution("r1", "", completed)}, workflows.ExecutionCompleted},
		"another runs":     {"r1", infos{"": execution("r9", "r9", runs), "r1": execution("r1", "r1", terminated)}, workflows.ExecutionTerminated},
		"another, chain":   {"r1", infos{"": execution("r9", "r9", runs), "r1": execution("r1", "r1", continued)}, workflows.ExecutionSuperseded},
		"another, no more": {"r1", infos{"": execution("r9", "r9", runs)}, workflows.ExecutionSuperseded},
		"any run":          {"", infos{"": execution("r9", "r8", runs)}, workflows.ExecutionOpen},
		"unknown":          {"r1", infos{}, workflows.ExecutionNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			adapter := &Client{sdk: &fakeClient{executions: c.executions}}
			status, err := adapter.ExecutionStatus(context.Background(), "x", c.first)
			require.NoError(t, err)
			require.Equal(t, c.want, status)
		})
	}
}

func TestHasExecution(t *testing.T) {
	t.Parallel()
	f := &fakeClient{executions: map[string]*workflowpb.WorkflowExecutionInfo{"r1": execution("r1", "r1", enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED)}}
	adapter := &Client{sdk: f}
	for run, want := range map[string]bool{"r1": true, "r2": false} {
		has, err := adapter.HasExecution(t.Context(), "incremental-sync-1", run)
		require.NoError(t, err)
		require.Equal(t, want, has, run)
	}
}
