package bridge_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/bridge"
	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/internal/testing/memory"
	"github.com/lazi/lazisync/workflows"
)

// Temporal answers with another namespace: it knows none of the workflows, which run on.
func TestNothingIsFinalizedInAnotherNamespace(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	require.NoError(t, w.requests(w.requested(t, "e1", events.RequestData{Mode: events.Full})))
	w.serve(t, "e1")
	w.temporal.SetStatus(w.request("e1").WorkflowID, workflows.ExecutionNotFound)
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
	require.Equal(t, ledger.Running, w.ledger.Runs()[0].State)

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
	w.serve(t, "e1")
	w.temporal.SetStatus(w.request("e1").WorkflowID, workflows.ExecutionNotFound)
	foreign := errors.New("another namespace")
	w.bridge.VerifyNamespaceNow = func(context.Context) error { return foreign }

	require.ErrorIs(t, w.reconcile(), foreign)
	require.Equal(t, ledger.Running, w.ledger.Runs()[0].State)
}

type history int64

func (h history) LastRunNumber(context.Context) (int64, error) { return int64(h), nil }

func TestPrepareRaisesRunNumbers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.bridge.History = history(41)
	require.NoError(t, w.bridge.Prepare(t.Context()))
	require.NoError(t, w.requests(w.requested(t, "e1", events.RequestData{Mode: events.Full}), w.requested(t, "e2", events.RequestData{Mode: events.Full})))
	require.Greater(t, w.serve(t, "e1").Number, int64(41))
	w.bridge.History = history(500) // restored under a bridge that runs
	require.NoError(t, w.reconcile())
	require.Greater(t, w.serve(t, "e2").Number, int64(500))
}

// After a restore the ledger may lack a workflow that is open in Temporal. An operator can still cancel it.
func TestAWorkflowMissingFromTheLedgerCanBeCancelled(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const workflow = "full-sync-0123456789abcdef0123"
	other := &memory.Temporal{TemporalServer: w.temporal.TemporalServer}
	_, err := other.Start(t.Context(), workflows.StartOptions{ID: workflow})
	require.NoError(t, err)
	require.NoError(t, w.controls(w.control(t, "c1", events.ControlData{Action: events.Cancel, WorkflowID: workflow})))
	require.Equal(t, "cancel", w.temporal.Signals(workflow)[0].Name)
	require.Equal(t, workflow, published(t, w, events.Accepted)[0].WorkflowID)
}

// restoredWorld is what the ledger, NATS and Temporal have. It records restores.
type restoredWorld struct {
	latest   *ledger.Request
	missing  map[string]bool // messages and run ids
	erased   map[string]bool // messages that the ledger does not have any more
	recorded []string
	err      error
}

func (r *restoredWorld) LatestServed(context.Context, time.Duration) (*ledger.Request, error) {
	return r.latest, nil
}

func (r *restoredWorld) IsReceived(_ context.Context, _, message string) (bool, error) {
	return !r.erased[message], r.err
}

func (r *restoredWorld) RecordRestore(_ context.Context, server, _ string, after time.Time) (bool, error) {
	r.recorded = append(r.recorded, server+" "+after.Format(time.TimeOnly))
	return true, nil
}

func (r *restoredWorld) HasMessage(_ context.Context, place string) (bool, error) {
	return !r.missing[place], r.err
}

func (r *restoredWorld) HasExecution(_ context.Context, _, runID string) (bool, error) {
	return !r.missing[runID], r.err
}

func TestRestoresOfNATSAndTemporalAreDetected(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.bridge.History = history(1)
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	first := &ledger.Request{ID: "1", Message: "m1", WorkflowID: "w1", FirstRunID: "r1", ReceivedAt: at}
	second := &ledger.Request{ID: "2", Message: "m2", WorkflowID: "w2", FirstRunID: "r2", ReceivedAt: at.Add(time.Hour)}
	r := &restoredWorld{missing: map[string]bool{}}
	w.bridge.Restores = &bridge.Restores{Ledger: r, Messages: r, Executions: r}
	require.NoError(t, w.bridge.Prepare(t.Context()), "an empty ledger")
	r.latest = first
	require.NoError(t, w.bridge.Prepare(t.Context()))
	require.Empty(t, r.recorded)

	r.latest, r.missing["m1"] = second, true // NATS was restored and has a request since
	require.NoError(t, w.reconcile())
	require.Equal(t, []string{"nats 12:00:00"}, r.recorded)

	r.missing["r2"], r.err = true, errors.New("unavailable")
	require.ErrorContains(t, w.reconcile(), "unavailable")
	require.ErrorContains(t, w.bridge.Prepare(t.Context()), "unavailable", "nothing is consumed before it is known")
	r.err = nil
	require.NoError(t, w.reconcile())
	require.Equal(t, []string{"nats 12:00:00", "temporal 13:00:00"}, r.recorded)
}

// lazisync erase deletes messages, after the ledger has forgotten them.
func TestAnErasedMessageIsNoRestore(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.bridge.History = history(1)
	r := &restoredWorld{
		latest:  &ledger.Request{ID: "1", Message: "m1", WorkflowID: "w1", FirstRunID: "r1"},
		missing: map[string]bool{}, erased: map[string]bool{},
	}
	w.bridge.Restores = &bridge.Restores{Ledger: r, Messages: r, Executions: r}
	require.NoError(t, w.bridge.Prepare(t.Context()))
	r.latest, r.missing["m1"], r.erased["m1"] = nil, true, true
	require.NoError(t, w.reconcile())
	require.Empty(t, r.recorded)
}
