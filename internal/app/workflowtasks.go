package app

import (
	"github.com/prometheus/client_golang/prometheus"
	"go.temporal.io/sdk/client"
)

// workflowTasks counts, of all that Temporal's SDK measures, the workflow tasks that
// failed: the code of a workflow panicked, or does not fit the history of one that is
// under way. Such a workflow stands still until a version comes that fits; everything
// else goes on, so that nobody notices.
type workflowTasks struct {
	client.MetricsHandler
	failed prometheus.Counter
}

func newWorkflowTasks(registry *prometheus.Registry) *workflowTasks {
	w := &workflowTasks{client.MetricsNopHandler, prometheus.NewCounter(prometheus.CounterOpts{
		Name: "lazisync_worker_workflow_tasks_failed_total", Help: "Workflow tasks that failed: workflows stand still, see the log.",
	})}
	registry.MustRegister(w.failed)
	return w
}

// WithTags implements client.MetricsHandler. The log says which workflow it is.
func (w *workflowTasks) WithTags(map[string]string) client.MetricsHandler { return w }

// Counter implements client.MetricsHandler.
func (w *workflowTasks) Counter(name string) client.MetricsCounter {
	if name == "temporal_workflow_task_execution_failed" {
		return failedTasks{w.failed}
	}
	return w.MetricsHandler.Counter(name)
}

type failedTasks struct{ counter prometheus.Counter }

func (f failedTasks) Inc(n int64) { f.counter.Add(float64(n)) }
