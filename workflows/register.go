package workflows

import "go.temporal.io/sdk/worker"

// Register makes the workflows known to a worker.
func Register(w worker.WorkflowRegistry) {
	w.RegisterWorkflow(FullSync)
	w.RegisterWorkflow(Rebuild)
	w.RegisterWorkflow(IncrementalSync)
	w.RegisterWorkflow(ScheduledSync)
}
