package workflows_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/lazi/lazisync/activities"
	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/internal/testing/memory"
)

// wait takes some virtual time, which is never the same: no two calls are made at the same time, so that a script
// always has the same result.
func (s *sequence) wait(what string) {
	s.mu.Lock()
	s.waits[what]++
	sum := fnv.New64a()
	fmt.Fprintf(sum, "%s %d", what, s.waits[what])
	s.mu.Unlock()
	time.Sleep(time.Millisecond + time.Duration(sum.Sum64()%uint64(40*time.Millisecond)))
}

// observer intercepts workflows and activities of one execution.
type observer struct {
	interceptor.WorkerInterceptorBase
	s *sequence
	x *execution
}

func (o *observer) InterceptWorkflow(_ workflow.Context, next interceptor.WorkflowInboundInterceptor) interceptor.WorkflowInboundInterceptor {
	return &workflowObserver{WorkflowInboundInterceptorBase: interceptor.WorkflowInboundInterceptorBase{Next: next}, x: o.x}
}

func (o *observer) InterceptActivity(_ context.Context, next interceptor.ActivityInboundInterceptor) interceptor.ActivityInboundInterceptor {
	return &activityObserver{ActivityInboundInterceptorBase: interceptor.ActivityInboundInterceptorBase{Next: next}, s: o.s, x: o.x}
}

// workflowObserver ends a workflow that is terminated: the test environment cannot.
type workflowObserver struct {
	interceptor.WorkflowInboundInterceptorBase
	x *execution
}

func (o *workflowObserver) Init(next interceptor.WorkflowOutboundInterceptor) error {
	return o.Next.Init(&activityOptions{interceptor.WorkflowOutboundInterceptorBase{Next: next}})
}

func (o *workflowObserver) ExecuteWorkflow(ctx workflow.Context, in *interceptor.ExecuteWorkflowInput) (any, error) {
	always, _ := workflow.NewDisconnectedContext(ctx)
	workflow.Go(always, func(ctx workflow.Context) {
		_ = workflow.Await(ctx, o.x.isEnding.Load)
		panic("terminated")
	})
	return o.Next.ExecuteWorkflow(ctx, in)
}

// activityOptions leaves timeouts and retries to activityObserver: the test environment has its own ideas of them.
type activityOptions struct {
	interceptor.WorkflowOutboundInterceptorBase
}

func (o *activityOptions) ExecuteActivity(ctx workflow.Context, name string, args ...any) workflow.Future {
	options := workflow.GetActivityOptions(ctx)
	options.StartToCloseTimeout, options.HeartbeatTimeout = 1000*time.Hour, 0
	options.RetryPolicy = &temporal.RetryPolicy{MaximumAttempts: 1}
	return o.Next.ExecuteActivity(workflow.WithActivityOptions(ctx, options), name, args...)
}

// activityObserver retries activities, as Temporal does.
type activityObserver struct {
	interceptor.ActivityInboundInterceptorBase
	s *sequence
	x *execution
}

type runKey struct{}

func (o *activityObserver) ExecuteActivity(ctx context.Context, in *interceptor.ExecuteActivityInput) (result any, err error) {
	info := activity.GetInfo(ctx)
	what := info.ActivityType.Name
	if slice, ok := in.Args[0].(activities.SliceInput); ok {
		what += " " + slice.Entity
		ctx = context.WithValue(ctx, runKey{}, slice.RunNumber)
	}
	defer func() { o.s.ended(o.x, result) }()
	if info.IsLocalActivity {
		return o.attempt(ctx, what, in)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	a := &attempts{cancel: cancel}
	o.s.mu.Lock()
	o.x.attempts[info.ActivityID] = a
	o.s.mu.Unlock()
	for backoff := time.Second; ; backoff *= 2 {
		result, err = o.attempt(ctx, what, in)
		var failed *temporal.ApplicationError
		isApplication := errors.As(err, &failed)
		if err == nil || isApplication && failed.NonRetryable() || !o.s.mayRetry(a) {
			return result, err
		}
		delay := backoff
		if isApplication {
			delay = cmp.Or(failed.NextRetryDelay(), delay)
		}
		select {
		case <-time.After(min(delay, time.Minute)):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		o.s.mu.Lock()
		a.isWaiting = false
		o.s.mu.Unlock()
	}
}

// attempts are those of one activity.
type attempts struct {
	cancel      func()
	isWaiting   bool // for the next attempt
	isCancelled bool
}

// cancelSoon cancels the activity. An attempt that runs notices that with its next heartbeat, and no other follows.
func (a *attempts) cancelSoon() {
	a.isCancelled = true
	if a.isWaiting {
		a.cancel()
	} else {
		time.AfterFunc(heartbeat, a.cancel)
	}
}

// mayRetry reports whether there is another attempt, and lets it wait.
func (s *sequence) mayRetry(a *attempts) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	a.isWaiting = !a.isCancelled
	return a.isWaiting
}

// attempt carries out one attempt of an activity. Its worker may die before or after it.
func (o *activityObserver) attempt(ctx context.Context, what string, in *interceptor.ExecuteActivityInput) (result any, err error) {
	name := activity.GetInfo(ctx).ActivityType.Name
	o.s.begins(o.x, in.Args[0])
	defer o.s.attempted(o.x)
	o.s.wait(what)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if o.s.reach(name+" begins") != nil {
		return nil, errDied
	}
	if result, err = o.Next.ExecuteActivity(ctx, in); err != nil {
		return nil, err
	}
	if o.s.reach(name+" ends") != nil {
		return nil, errDied
	}
	return result, nil
}

// begins notes that an attempt of an activity begins.
func (s *sequence) begins(x *execution, in any) {
	s.mu.Lock()
	x.running++
	s.mu.Unlock()
	switch in := in.(type) {
	case activities.SliceInput:
		s.checkNotPaused(x, in)
	case activities.FinishInput:
		s.note("run %d is finished: %s", in.RunNumber, in.Outcome.State)
	}
}

// attempted notes that an attempt of an activity has ended.
func (s *sequence) attempted(x *execution) {
	s.mu.Lock()
	defer s.mu.Unlock()
	x.running--
}

// ended notes that an activity has ended. The workflow receives its result in its next task. What found nothing to do
// adds nothing to the history, so that an execution whose history may have two activities makes progress.
func (s *sequence) ended(x *execution, result any) {
	slice, isSlice := result.(activities.SliceResult)
	begun, isBegun := result.(activities.BeginResult)
	s.mu.Lock()
	defer s.mu.Unlock()
	x.paused.settle(x.env.Now(), time.Now())
	if isSlice && slice.Busy || isBegun && !begun.Found {
		return
	}
	if x.activities++; x.activities == s.settings.History {
		x.env.RegisterDelayedCallback(func() { x.env.SetContinueAsNewSuggested(true) }, 0)
	}
}

// workerCall carries out a call of the ledger by an activity.
func (s *sequence) workerCall(op memory.Op, do func() error) error {
	s.wait(op.Method + " " + op.Detail)
	if err := s.reach(op.Method + " is called"); err != nil {
		return err
	}
	if err := do(); err != nil {
		return err
	}
	return s.reach(op.Method + " returns")
}

// workerLedger is the ledger of the activities of one chain: the test environment has no first run IDs.
type workerLedger struct {
	*memory.Ledger
	firstRunID string
}

func (l *workerLedger) BeginRun(ctx context.Context, in ledger.BeginInput) (ledger.Run, bool, error) {
	in.FirstRunID = l.firstRunID
	return l.Ledger.BeginRun(ctx, in)
}

// workerPublisher publishes the events of activities, without progress.
type workerPublisher struct{ s *sequence }

func (p *workerPublisher) Publish(ctx context.Context, e events.Event) error {
	if e.Type() == events.Progress.Name {
		return nil
	}
	typ, _ := events.ByType(e.Type())
	p.s.wait("Publish " + typ.Subject)
	if err := p.s.reach(typ.Subject + " is published"); err != nil {
		return err
	}
	if err := (&memory.Publisher{Stream: p.s.stream}).Publish(ctx, e); err != nil {
		return err
	}
	p.s.note("%s of %s", typ.Subject, e.ID())
	return p.s.reach(typ.Subject + " was published")
}
