package temporal

import "go.temporal.io/sdk/client"

// taskFailures reports one measurement of Temporal's SDK: the workflow tasks that failed. A
// workflow task fails when the workflow's code panics or does not match the history of a
// running execution. That execution then makes no progress until a version is deployed that
// matches, while everything else works, so that nothing else reports it.
type taskFailures struct {
	client.MetricsHandler
	onFailure func(n int64)
}

// WithTags implements client.MetricsHandler.
func (t *taskFailures) WithTags(tags map[string]string) client.MetricsHandler {
	return &taskFailures{t.MetricsHandler.WithTags(tags), t.onFailure}
}

// Counter implements client.MetricsHandler.
func (t *taskFailures) Counter(name string) client.MetricsCounter {
	counter := t.MetricsHandler.Counter(name)
	if name != "temporal_workflow_task_execution_failed" {
		return counter
	}
	return counterFunc(func(n int64) {
		t.onFailure(n)
		counter.Inc(n)
	})
}
