package bridge_test

import (
	"context"
	"errors"
	"testing"

	"github.com/lazi/lazisync/workflows"
	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
)

// Temporal answers with another namespace: it knows none of the workflows, which run on.
func TestNothingIsFinalizedInAnotherNamespace(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	require.NoError(t, w.requests(w.requested(t, "e1", events.RequestData{Mode: events.Full})))
	run := w.ledger.serve("e1")
	delete(w.temporal.statuses, w.request("e1").WorkflowID)
	foreign := errors.New("another namespace")
	w.bridge.VerifyNamespace = func(context.Context) error { return foreign }
	before := len(w.effects)

	require.ErrorIs(t, w.bridge.Prepare(t.Context()), foreign)
	require.ErrorIs(t, w.reconcile(), foreign)
	m := w.requested(t, "e2", events.RequestData{Mode: events.Full})
	require.ErrorIs(t, w.requests(m), foreign)
	require.ErrorIs(t, w.controls(w.control(t, "c1", events.ControlData{Action: events.Cancel, RequestID: "e1"})), foreign)
	require.Len(t, w.effects, before, "nothing is written, started or published")
	require.Empty(t, m.ended)
	require.Equal(t, ledger.Running, run.State)

	w.bridge.VerifyNamespace = func(context.Context) error { return nil } // accepted, or the right Temporal is back
	require.NoError(t, w.reconcile())
	require.Equal(t, events.Terminated, published(t, w, events.Failed)[0].Error.Type)
}

// Temporal is replaced within a round: the round began with the right one, and the answer
// that a workflow is unknown comes from the other.
func TestNothingIsFinalizedIfTemporalWasJustReplaced(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	require.NoError(t, w.requests(w.requested(t, "e1", events.RequestData{Mode: events.Full})))
	run := w.ledger.serve("e1")
	delete(w.temporal.statuses, w.request("e1").WorkflowID)
	foreign := errors.New("another namespace")
	w.bridge.VerifyNamespaceNow = func(context.Context) error { return foreign }

	require.ErrorIs(t, w.reconcile(), foreign)
	require.Equal(t, ledger.Running, run.State)
}

type history int64

func (h history) LastRunNumber(context.Context) (int64, error) { return int64(h), nil }

func TestPrepareRaisesRunNumbers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.bridge.History = history(41)
	require.NoError(t, w.bridge.Prepare(t.Context()))
	require.EqualValues(t, 41, w.ledger.raised)
	w.bridge.History = history(50) // restored under a bridge that runs
	require.NoError(t, w.reconcile())
	require.EqualValues(t, 50, w.ledger.raised)
}

// After a restore the ledger may lack a workflow that is open in Temporal. An operator can still cancel it.
func TestAWorkflowMissingFromTheLedgerCanBeCancelled(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const workflow = "full-sync-0123456789abcdef0123"
	w.temporal.statuses[workflow] = workflows.ExecutionOpen
	require.NoError(t, w.controls(w.control(t, "c1", events.ControlData{Action: events.Cancel, WorkflowID: workflow})))
	require.Equal(t, "cancel", w.temporal.signals[workflow][0].Name)
	require.Equal(t, workflow, published(t, w, events.Accepted)[0].WorkflowID)
}
