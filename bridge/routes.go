package bridge

import (
	"context"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/workflows"
)

// routes is the whole translation from event to Temporal: the mode of a
// sync.requested chooses a workflow, the action of a sync.control a signal.
var routes = struct {
	requests map[events.Mode]route
	controls map[events.Action]string
}{
	requests: map[events.Mode]route{
		events.Full: {
			workflowID: func(r ledger.Request) string { return workflows.FullSyncID(r.ID) },
			execution: func(r ledger.Request, l workflows.Limits) workflows.StartOptions {
				return workflows.StartOptions{
					ID: r.WorkflowID, Workflow: workflows.FullSync, Timeout: l.ExecutionTimeout(), Once: true,
					Input: workflows.FullSyncInput{TenantID: r.TenantID, RequestID: r.ID, Limits: l},
				}
			},
			call: startOnce,
		},
		events.Incremental: {
			workflowID: func(r ledger.Request) string { return workflows.IncrementalSyncID(r.TenantID) },
			execution: func(r ledger.Request, l workflows.Limits) workflows.StartOptions {
				return workflows.StartOptions{
					ID: r.WorkflowID, Workflow: workflows.IncrementalSync,
					Input: workflows.IncrementalSyncInput{TenantID: r.TenantID, Limits: l},
				}
			},
			call: wake,
		},
		events.Rebuild: {
			workflowID: func(r ledger.Request) string { return workflows.RebuildID(r.ID) },
			execution: func(r ledger.Request, l workflows.Limits) workflows.StartOptions {
				return workflows.StartOptions{
					ID: r.WorkflowID, Workflow: workflows.Rebuild, Timeout: l.ExecutionTimeout(), Once: true,
					Input: workflows.RebuildInput{TenantID: r.TenantID, RequestID: r.ID, Limits: l},
				}
			},
			call: startOnce,
		},
	},
	controls: map[events.Action]string{
		events.Pause:  workflows.SignalPause,
		events.Resume: workflows.SignalResume,
		events.Cancel: workflows.SignalCancel,
	},
}

// route says which workflow serves a request. Requests with the same workflow ID
// share one call.
type route struct {
	workflowID func(ledger.Request) string
	execution  func(ledger.Request, workflows.Limits) workflows.StartOptions
	call       func(context.Context, Temporal, workflows.StartOptions) (firstRunID string, err error)
}

// startOnce serves a request with a workflow of its own.
func startOnce(ctx context.Context, t Temporal, e workflows.StartOptions) (string, error) {
	return t.Start(ctx, e)
}

// wake tells the workflow that serves many requests to look into the ledger.
func wake(ctx context.Context, t Temporal, e workflows.StartOptions) (string, error) {
	return t.SignalWithStart(ctx, e, workflows.Signal{Name: workflows.SignalWake})
}
