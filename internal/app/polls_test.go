package app

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

func TestAWorkerWhosePollsAreRefusedIsNotReady(t *testing.T) {
	t.Parallel()
	p := &polls{}
	one := p.probe("sync-tasks")
	check := func() error { return one.Check(t.Context()) }
	asked := func(queue string, workflows bool, result error) {
		t.Helper()
		q := &taskqueue.TaskQueue{Name: queue}
		var request any = &workflowservice.PollActivityTaskQueueRequest{TaskQueue: q}
		if workflows {
			request = &workflowservice.PollWorkflowTaskQueueRequest{TaskQueue: q}
		}
		err := p.watch(t.Context(), "", request, nil, nil, func(context.Context, string, any, any, *grpc.ClientConn, ...grpc.CallOption) error { return result })
		require.Equal(t, result, err)
	}
	require.EqualError(t, check(), "the worker does not poll task queue sync-tasks yet")
	asked("sync-tasks", true, nil)
	asked("sync-tasks", false, nil)
	require.EqualError(t, check(), "the worker does not poll task queue sync-tasks-control yet")
	asked("sync-tasks-control", false, nil)
	require.NoError(t, check())

	asked("sync-tasks", true, errors.New("namespace not found"))
	require.EqualError(t, check(), "poll task queue sync-tasks: namespace not found")
	asked("sync-tasks", true, nil)
	require.NoError(t, check())
	asked("sync-tasks", false, errors.New("denied"))
	require.EqualError(t, check(), "poll task queue sync-tasks: denied")

	// A poll that Temporal keeps was accepted, though it is not answered for a minute.
	p.note(poll{"sync-tasks", enums.TASK_QUEUE_TYPE_ACTIVITY}, func(s *pollState) { s.waiting, s.begun = 1, time.Now() })
	require.Error(t, check())
	p.note(poll{"sync-tasks", enums.TASK_QUEUE_TYPE_ACTIVITY}, func(s *pollState) { s.begun = time.Now().Add(-pollAccepted) })
	require.NoError(t, check())
}

func TestPollsOfAStoppingWorkerAndOfStickyQueuesSayNothing(t *testing.T) {
	t.Parallel()
	p := &polls{}
	stopped, stop := context.WithCancel(t.Context())
	stop()
	request := &workflowservice.PollActivityTaskQueueRequest{TaskQueue: &taskqueue.TaskQueue{Name: "sync-tasks"}}
	_ = p.watch(stopped, "", request, nil, nil, func(ctx context.Context, _ string, _, _ any, _ *grpc.ClientConn, _ ...grpc.CallOption) error {
		return ctx.Err()
	})
	require.NoError(t, p.states[poll{"sync-tasks", enums.TASK_QUEUE_TYPE_ACTIVITY}].err)

	_, is := pollOf(&workflowservice.PollWorkflowTaskQueueRequest{TaskQueue: &taskqueue.TaskQueue{Name: "host:1", Kind: enums.TASK_QUEUE_KIND_STICKY}})
	require.False(t, is)
	_, is = pollOf(&workflowservice.GetSystemInfoRequest{})
	require.False(t, is)
}
