package temporalserver_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/lazi/lazisync/dev/temporalserver"
	"github.com/lazi/lazisync/internal/temporal"
	"github.com/lazi/lazisync/internal/testing/contract"
	"github.com/lazi/lazisync/workflows"
)

// Ending an execution waits for a worker.
func init() { _ = flag.Set("rapid.checks", "15") }

// The signal that ends an execution of contractWorkflow, with how.
const (
	signalEnd   = "end"
	continuesAs = "continued_as_new"
)

// contractWorkflow ends as its signal says and ignores all other signals.
func contractWorkflow(ctx workflow.Context) error {
	var how string
	ended := workflow.GetSignalChannel(ctx, signalEnd)
	if err := workflow.Await(ctx, func() bool { return ended.ReceiveAsync(&how) }); err != nil {
		return err // cancelled
	}
	switch how {
	case continuesAs:
		return workflow.NewContinueAsNewError(ctx, contractWorkflow)
	case string(workflows.ExecutionFailed):
		return errors.New("failed")
	}
	return nil
}

// Temporal in memory, with which the bridge is tested, does what the server does.
func TestTemporalContract(t *testing.T) {
	s := start(t, temporalserver.Options{File: filepath.Join(t.TempDir(), "temporal.db")})
	t.Cleanup(func() { stop(t, s) })
	adapter, err := temporal.Open(temporal.Options{Address: s.Addr(), Namespace: temporalserver.Namespace, TaskQueue: "contract", Logger: zerolog.Nop()})
	require.NoError(t, err)
	t.Cleanup(adapter.Close)
	w := worker.New(adapter.SDK(), "contract", worker.Options{})
	w.RegisterWorkflowWithOptions(contractWorkflow, workflow.RegisterOptions{Name: "Contract"})
	require.NoError(t, w.Start())
	t.Cleanup(w.Stop)
	contract.Temporal(t, &realTemporal{adapter})
}

// realTemporal is a Temporal server with a worker.
type realTemporal struct{ *temporal.Client }

// latest describes the latest run of an ID.
func (r *realTemporal) latest(ctx context.Context, id string) (runID string, isOpen bool, err error) {
	described, err := r.SDK().DescribeWorkflowExecution(ctx, id, "")
	if err != nil {
		return "", false, err
	}
	info := described.GetWorkflowExecutionInfo()
	return info.GetExecution().GetRunId(), info.GetStatus() == enums.WORKFLOW_EXECUTION_STATUS_RUNNING, nil
}

func (r *realTemporal) End(ctx context.Context, id string, status workflows.ExecutionStatus) error {
	if current, err := r.ExecutionStatus(ctx, id, ""); err != nil || current != workflows.ExecutionOpen {
		return err
	}
	var err error
	switch status {
	case workflows.ExecutionTerminated:
		return r.SDK().TerminateWorkflow(ctx, id, "", "test")
	case workflows.ExecutionCancelled:
		err = r.SDK().CancelWorkflow(ctx, id, "")
	default:
		err = r.SDK().SignalWorkflow(ctx, id, "", signalEnd, string(status))
	}
	if err != nil {
		return err
	}
	return r.await(ctx, id, func(_ string, isOpen bool) bool { return !isOpen })
}

func (r *realTemporal) ContinueAsNew(ctx context.Context, id string) error {
	before, isOpen, err := r.latest(ctx, id)
	if err != nil || !isOpen {
		return nil //nolint:nilerr // none runs
	}
	if err := r.SDK().SignalWorkflow(ctx, id, "", signalEnd, continuesAs); err != nil {
		return err
	}
	return r.await(ctx, id, func(runID string, _ bool) bool { return runID != before })
}

// await waits until the latest run of an ID is as wanted.
func (r *realTemporal) await(ctx context.Context, id string, is func(runID string, isOpen bool) bool) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for tick := time.NewTicker(5 * time.Millisecond); ; {
		runID, isOpen, err := r.latest(ctx, id)
		if err != nil {
			return fmt.Errorf("wait for workflow %s: %w", id, err)
		}
		if is(runID, isOpen) {
			tick.Stop()
			return nil
		}
		<-tick.C
	}
}

// Received reads the histories of a chain, the latest run last.
func (r *realTemporal) Received(ctx context.Context, id string) (names []string, err error) {
	runID, _, err := r.latest(ctx, id)
	for err == nil && runID != "" {
		var ofRun []string
		ofRun, runID, err = r.receivedBy(ctx, id, runID)
		names = append(ofRun, names...)
	}
	if err != nil && len(names) == 0 {
		return nil, nil //nolint:nilerr // it was never started
	}
	return names, err
}

// receivedBy lists the signals of a run, and the run that it continues.
func (r *realTemporal) receivedBy(ctx context.Context, id, runID string) (names []string, continues string, err error) {
	history := r.SDK().GetWorkflowHistory(ctx, id, runID, false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for history.HasNext() {
		event, err := history.Next()
		if err != nil {
			return nil, "", err
		}
		if started := event.GetWorkflowExecutionStartedEventAttributes(); started != nil {
			continues = started.GetContinuedExecutionRunId()
		}
		if signal := event.GetWorkflowExecutionSignaledEventAttributes(); signal != nil && signal.GetSignalName() != signalEnd {
			names = append(names, signal.GetSignalName())
		}
	}
	return names, continues, nil
}
