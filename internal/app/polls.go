package app

import (
	"context"
	"fmt"
	"sync"
	"time"

	"go.temporal.io/api/enums/v1"
	taskqueue "go.temporal.io/api/taskqueue/v1"
	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/grpc"

	"github.com/lazi/lazisync/internal/probe"
	"github.com/lazi/lazisync/workflows"
)

// pollAccepted is how long a poll that is not answered must last to show that it was
// accepted: Temporal keeps it until there is a task, for up to a minute.
const pollAccepted = 2 * time.Second

// poll names what a worker polls for.
type poll struct {
	queue string
	kind  enums.TaskQueueType
}

// polls watches how the polls of a worker go. Temporal's SDK tries a refused poll again for
// ever and says so nowhere but in its log.
type polls struct {
	mu     sync.Mutex
	states map[poll]*pollState
}

type pollState struct {
	begun   time.Time // of the latest
	waiting int
	err     error // of the last one that ended
}

// watch is a grpc.UnaryClientInterceptor.
func (p *polls) watch(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	what, is := pollOf(req)
	if !is {
		return invoke(ctx, method, req, reply, cc, opts...)
	}
	p.note(what, func(s *pollState) { s.begun, s.waiting = time.Now(), s.waiting+1 })
	err := invoke(ctx, method, req, reply, cc, opts...)
	p.note(what, func(s *pollState) {
		s.waiting--
		if ctx.Err() == nil { // else the worker stops, or gave up waiting
			s.err = err
		}
	})
	return err
}

func pollOf(req any) (poll, bool) {
	var queue *taskqueue.TaskQueue
	kind := enums.TASK_QUEUE_TYPE_ACTIVITY
	switch r := req.(type) {
	case *workflowservice.PollActivityTaskQueueRequest:
		queue = r.GetTaskQueue()
	case *workflowservice.PollWorkflowTaskQueueRequest:
		queue, kind = r.GetTaskQueue(), enums.TASK_QUEUE_TYPE_WORKFLOW
	default:
		return poll{}, false
	}
	return poll{queue.GetName(), kind}, queue.GetKind() != enums.TASK_QUEUE_KIND_STICKY
}

func (p *polls) note(what poll, change func(*pollState)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.states == nil {
		p.states = map[poll]*pollState{}
	}
	if p.states[what] == nil {
		p.states[what] = &pollState{}
	}
	change(p.states[what])
}

// probe asks whether a worker polls everything that it serves.
func (p *polls) probe(queue string) probe.Probe {
	wanted := []poll{
		{queue, enums.TASK_QUEUE_TYPE_WORKFLOW}, {queue, enums.TASK_QUEUE_TYPE_ACTIVITY},
		{workflows.ControlTaskQueue(queue), enums.TASK_QUEUE_TYPE_ACTIVITY},
	}
	return probe.Probe{
		Name: "worker",
		Fix:  "let this client poll the task queue in its namespace: see TEMPORAL_NAMESPACE, TEMPORAL_TASK_QUEUE and TEMPORAL_API_KEY",
		Check: func(context.Context) error {
			p.mu.Lock()
			defer p.mu.Unlock()
			for _, w := range wanted {
				switch s := p.states[w]; {
				case s == nil:
					return fmt.Errorf("the worker does not poll task queue %s yet", w.queue)
				case s.err != nil && (s.waiting == 0 || time.Since(s.begun) < pollAccepted):
					return fmt.Errorf("poll task queue %s: %w", w.queue, s.err)
				}
			}
			return nil
		},
	}
}
