package temporal

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/enums/v1"
	taskqueue "go.temporal.io/api/taskqueue/v1"
	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/grpc"
)

func TestPollsCheck(t *testing.T) {
	t.Parallel()
	p := &Polls{}
	check := func() error { return p.Check("sync-tasks") }
	polled := func(queue string, workflows bool, result error) {
		t.Helper()
		q := &taskqueue.TaskQueue{Name: queue}
		var request any = &workflowservice.PollActivityTaskQueueRequest{TaskQueue: q}
		if workflows {
			request = &workflowservice.PollWorkflowTaskQueueRequest{TaskQueue: q}
		}
		err := p.intercept(t.Context(), "", request, nil, nil, func(context.Context, string, any, any, *grpc.ClientConn, ...grpc.CallOption) error { return result })
		require.Equal(t, result, err)
	}
	require.EqualError(t, check(), "the worker does not poll task queue sync-tasks yet")
	polled("sync-tasks", true, nil)
	polled("sync-tasks", false, nil)
	require.EqualError(t, check(), "the worker does not poll task queue sync-tasks-control yet")
	polled("sync-tasks-control", false, nil)
	require.NoError(t, check())

	polled("sync-tasks", true, errors.New("namespace not found"))
	require.EqualError(t, check(), "poll task queue sync-tasks: namespace not found")
	polled("sync-tasks", true, nil)
	require.NoError(t, check())
	polled("sync-tasks", false, errors.New("denied"))
	require.EqualError(t, check(), "poll task queue sync-tasks: denied")

	// Temporal holds an accepted poll: one that is unanswered for pollAccepted clears the error.
	p.update(pollKey{"sync-tasks", enums.TASK_QUEUE_TYPE_ACTIVITY}, func(s *pollState) { s.pending, s.latestStart = 1, time.Now() })
	require.Error(t, check())
	p.update(pollKey{"sync-tasks", enums.TASK_QUEUE_TYPE_ACTIVITY}, func(s *pollState) { s.latestStart = time.Now().Add(-pollAccepted) })
	require.NoError(t, check())
}

func TestPollsOfAStoppingWorkerAndOfStickyQueuesAreIgnored(t *testing.T) {
	t.Parallel()
	p := &Polls{}
	stopped, stop := context.WithCancel(t.Context())
	stop()
	request := &workflowservice.PollActivityTaskQueueRequest{TaskQueue: &taskqueue.TaskQueue{Name: "sync-tasks"}}
	_ = p.intercept(stopped, "", request, nil, nil, func(ctx context.Context, _ string, _, _ any, _ *grpc.ClientConn, _ ...grpc.CallOption) error {
		return ctx.Err()
	})
	require.NoError(t, p.states[pollKey{"sync-tasks", enums.TASK_QUEUE_TYPE_ACTIVITY}].lastErr)

	_, isPoll := pollKeyOf(&workflowservice.PollWorkflowTaskQueueRequest{TaskQueue: &taskqueue.TaskQueue{Name: "host:1", Kind: enums.TASK_QUEUE_KIND_STICKY}})
	require.False(t, isPoll)
	_, isPoll = pollKeyOf(&workflowservice.GetSystemInfoRequest{})
	require.False(t, isPoll)
}
