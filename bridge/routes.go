package bridge

import (
	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/workflows"
)

// startOptions returns the options of the workflow that serves a request, from the table of
// modes. Requests with the same workflow ID share one execution.
func startOptions(r ledger.Request, limits workflows.Limits) workflows.StartOptions {
	mode := r.Mode.Info()
	o := workflows.StartOptions{
		ID: r.WorkflowID, Workflow: mode.Workflow,
		Memo: map[string]any{workflows.MemoTenant: string(r.TenantID), workflows.MemoMode: string(r.Mode)}, Summary: mode.Title + " of tenant " + string(r.TenantID),
	}
	in := workflows.SyncInput{TenantID: r.TenantID, Limits: limits}
	if !mode.PerTenant {
		in.RequestID = r.ID
		o.Memo[workflows.MemoRequest], o.Memo[workflows.MemoEntities] = r.ID, r.Entities
		o.Timeout, o.Once = limits.ExecutionTimeout(), true
	}
	o.Input = in
	return o
}

// signalNames maps the actions of sync.control to names of signals.
var signalNames = map[events.Action]string{
	events.Pause:  workflows.SignalPause,
	events.Resume: workflows.SignalResume,
	events.Cancel: workflows.SignalCancel,
}
