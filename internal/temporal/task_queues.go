package temporal

import (
	"context"

	"go.temporal.io/api/enums/v1"

	"github.com/lazi/lazisync/workflows"
)

// TaskQueue is one task queue that a worker polls.
type TaskQueue struct {
	Name   string
	Kind   enums.TaskQueueType
	Serves string // what runs on it: workflows, pages or short activities
}

// TaskQueues lists the task queues that a worker polls.
func (c *Client) TaskQueues() []TaskQueue { return taskQueues(c.options.TaskQueue) }

func taskQueues(name string) []TaskQueue {
	return []TaskQueue{
		{name, enums.TASK_QUEUE_TYPE_WORKFLOW, "workflows"},
		{name, enums.TASK_QUEUE_TYPE_ACTIVITY, "pages"},
		{workflows.ControlTaskQueue(name), enums.TASK_QUEUE_TYPE_ACTIVITY, "short activities"},
	}
}

// CountPollers returns the number of workers that poll a task queue.
func (c *Client) CountPollers(ctx context.Context, q TaskQueue) (int, error) {
	described, err := c.sdk.DescribeTaskQueue(ctx, q.Name, q.Kind)
	return len(described.GetPollers()), err
}
