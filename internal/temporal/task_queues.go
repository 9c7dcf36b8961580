package temporal

import (
	"context"
	"time"

	"go.temporal.io/api/enums/v1"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"

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

// Pollers are the workers that poll a task queue.
type Pollers struct {
	Active   int
	LastSeen time.Time // when a worker polled last, also one that stopped; zero if Temporal knows none
}

// pollMaxAge is the maximum age of the latest poll of a running worker. Temporal answers a poll
// without a task after a minute, and lists a worker for minutes after it stopped.
const pollMaxAge = 75 * time.Second

// Pollers returns the workers that poll a task queue.
func (c *Client) Pollers(ctx context.Context, q TaskQueue) (Pollers, error) {
	described, err := c.sdk.DescribeTaskQueue(ctx, q.Name, q.Kind)
	return pollersAt(described.GetPollers(), time.Now()), err
}

func pollersAt(listed []*taskqueuepb.PollerInfo, now time.Time) (p Pollers) {
	for _, one := range listed {
		seen := one.GetLastAccessTime().AsTime()
		if now.Sub(seen) <= pollMaxAge {
			p.Active++
		}
		if seen.After(p.LastSeen) {
			p.LastSeen = seen
		}
	}
	return p
}
