package workflows

import (
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
)

// Register makes the workflows known to a worker.
func Register(w worker.WorkflowRegistry) {
	w.RegisterWorkflow(FullSync)
	w.RegisterWorkflow(Rebuild)
	w.RegisterWorkflow(IncrementalSync)
	w.RegisterWorkflow(ScheduledSync)
	w.RegisterWorkflowWithOptions(earlierFull, workflow.RegisterOptions{Name: EarlierFull})
	w.RegisterWorkflowWithOptions(earlierIncremental, workflow.RegisterOptions{Name: EarlierIncremental})
}
