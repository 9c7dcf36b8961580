package temporal

import "go.temporal.io/sdk/client"

// taskFailures picks one measurement of Temporal's SDK: the workflow tasks that failed. A
// workflow task fails when the workflow's code panics or does not match the history of a
// running execution. That execution then makes no progress until a version is deployed that
// matches, while everything else works, so that nothing else reports it.
type taskFailures struct {
	client.MetricsHandler
	onFailure func(n int64)
}

// WithTags implements client.MetricsHandler. Tags are dropped: the log names the workflow.
func (t *taskFailures) WithTags(map[string]string) client.MetricsHandler { return t }

// Counter implements client.MetricsHandler.
func (t *taskFailures) Counter(name string) client.MetricsCounter {
	if name == "temporal_workflow_task_execution_failed" {
		return counterFunc(t.onFailure)
	}
	return t.MetricsHandler.Counter(name)
}

type counterFunc func(n int64)

// Inc implements client.MetricsCounter.
func (f counterFunc) Inc(n int64) { f(n) }
