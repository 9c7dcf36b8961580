package temporal

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/rs/zerolog"
	"go.temporal.io/api/enums/v1"
	taskqueue "go.temporal.io/api/taskqueue/v1"
	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/grpc"

	"github.com/lazi/lazisync/internal/outage"
)

// pollAccepted is how long an unanswered poll must last to count as accepted. Temporal
// holds an accepted poll for up to a minute until there is a task, and rejects a bad one at
// once.
const pollAccepted = 2 * time.Second

// Polls observes the long polls of a worker. Temporal's SDK retries a rejected poll forever;
// the log has one line when that begins and one when it ends. The zero value is ready to use;
// a Polls is safe for concurrent use.
type Polls struct {
	log    zerolog.Logger // that of the client
	outage outage.Detector

	mu     sync.Mutex
	states map[pollKey]*pollState
}

// pollKey names what a worker polls for.
type pollKey struct {
	queue string
	kind  enums.TaskQueueType
}

type pollState struct {
	latestStart time.Time
	pending     int
	lastErr     error // of the poll that ended last
}

// intercept is a grpc.UnaryClientInterceptor.
func (p *Polls) intercept(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	key, isPoll := pollKeyOf(req)
	if !isPoll {
		return invoke(ctx, method, req, reply, cc, opts...)
	}
	p.update(key, func(s *pollState) { s.latestStart, s.pending = time.Now(), s.pending+1 })
	err := invoke(ctx, method, req, reply, cc, opts...)
	p.update(key, func(s *pollState) {
		s.pending--
		if ctx.Err() == nil { // otherwise the worker stops, or the poll reached its own timeout
			s.lastErr = err
		}
	})
	if ctx.Err() == nil {
		p.logOutage(key, err)
	}
	return err
}

// logOutage logs when Temporal begins to reject polls and when it accepts them again.
func (p *Polls) logOutage(key pollKey, err error) {
	if err != nil {
		if p.outage.Fail() {
			p.log.Warn().Err(err).Str("task_queue", key.queue).Msg("Temporal unavailable, retrying")
		}
		return
	}
	if lasted, ended := p.outage.Succeed(); ended {
		p.log.Info().Int64("duration_ms", lasted.Milliseconds()).Msg("Temporal available again")
	}
}

// pollKeyOf reports whether a gRPC request is a poll of a shared task queue. Sticky queues,
// which belong to a single process, are left out.
func pollKeyOf(req any) (pollKey, bool) {
	var queue *taskqueue.TaskQueue
	kind := enums.TASK_QUEUE_TYPE_ACTIVITY
	switch r := req.(type) {
	case *workflowservice.PollActivityTaskQueueRequest:
		queue = r.GetTaskQueue()
	case *workflowservice.PollWorkflowTaskQueueRequest:
		queue, kind = r.GetTaskQueue(), enums.TASK_QUEUE_TYPE_WORKFLOW
	default:
		return pollKey{}, false
	}
	return pollKey{queue.GetName(), kind}, queue.GetKind() != enums.TASK_QUEUE_KIND_STICKY
}

func (p *Polls) update(key pollKey, change func(*pollState)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.states == nil {
		p.states = map[pollKey]*pollState{}
	}
	if p.states[key] == nil {
		p.states[key] = &pollState{}
	}
	change(p.states[key])
}

// Check returns an error unless Temporal accepts the polls of every task queue that a
// worker of the named task queue polls.
func (p *Polls) Check(taskQueue string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, q := range taskQueues(taskQueue) {
		switch s := p.states[pollKey{q.Name, q.Kind}]; {
		case s == nil:
			return fmt.Errorf("the worker does not poll task queue %s yet", q.Name)
		case s.lastErr != nil && (s.pending == 0 || time.Since(s.latestStart) < pollAccepted):
			return fmt.Errorf("poll task queue %s: %w", q.Name, s.lastErr)
		}
	}
	return nil
}
