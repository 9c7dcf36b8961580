package workflows

import "go.temporal.io/sdk/worker"

// Register registers the workflows with a worker.
func Register(w worker.WorkflowRegistry) {
	w.RegisterWorkflow(FullSync)
	w.RegisterWorkflow(Rebuild)
	w.RegisterWorkflow(Verify)
	w.RegisterWorkflow(IncrementalSync)
	w.RegisterWorkflow(ScheduledSync)
}
