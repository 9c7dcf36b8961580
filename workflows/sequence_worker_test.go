package workflows_test

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/lazi/lazisync/activities"
	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/testing/memory"
	"github.com/lazi/lazisync/workflows"
)

const (
	calmAfter = 6 * time.Hour    // from the beginning of a sequence
	maxTicks  = 24 * 10          // ticks after which an execution counts as stuck
	maxRounds = 300              // how often a workflow may continue as new
	heartbeat = time.Second / 2  // until an activity notices that it is cancelled
	tick      = 61 * time.Minute // between two rounds of the bridge while an execution runs
)

// execution is one run of a workflow in Temporal's test environment.
type execution struct {
	memory.Execution
	*chain
	env         *testsuite.TestWorkflowEnvironment
	attempts    map[string]*attempts // of activities, by their IDs
	activities  int                  // that have ended
	running     int                  // attempts of activities that run
	posted      int                  // signals that were given to the environment
	isStarted   bool                 // the environment takes signals
	isCancelled bool                 // by Temporal
	isEnding    atomic.Bool          // it is being terminated
}

// chain is what the executions of a chain have in common.
type chain struct {
	firstRunID     string
	forwarded      int // signals that an execution has received
	cancelRequests int // of Temporal that wait for the next execution
	isTerminated   bool
	paused         pauses
	wakes          map[string]bool // requests that waited when a signal woke the workflow
}

func (s *sequence) chainOf(firstRunID string) *chain {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.chains[firstRunID] == nil {
		s.chains[firstRunID] = &chain{firstRunID: firstRunID, wakes: map[string]bool{}, paused: pauses{limit: s.settings.PauseLimit, seen: map[string]bool{}}}
	}
	return s.chains[firstRunID]
}

// run runs a workflow to its end, through every continue-as-new.
func (s *sequence) run(e memory.Execution) {
	in, c := e.Input.(workflows.SyncInput), s.chainOf(e.FirstRunID)
	for round := 1; ; round++ {
		x := &execution{Execution: e, chain: c, posted: c.forwarded, attempts: map[string]*attempts{}}
		s.begin(x)
		s.note("%s runs (%d)", e.FirstRunID, round)
		x.env.ExecuteWorkflow(e.Workflow, in)
		s.end(x)
		time.Sleep(time.Second) // attempts of activities that run end: the clock of the next execution may jump
		err := x.env.GetWorkflowError()
		var again *workflow.ContinueAsNewError
		if !errors.As(err, &again) || s.failure != "" {
			s.close(x, err)
			return
		}
		in = workflows.SyncInput{}
		if err := converter.GetDefaultDataConverter().FromPayloads(again.Input, &in); err != nil {
			panic(err)
		}
		s.note("%s continues as new", e.FirstRunID)
		_ = s.reach("a workflow continues as new")
		if round == maxRounds {
			s.fail("%s has continued as new %d times, want an end", e.FirstRunID, round)
		}
	}
}

// begin creates the environment of an execution.
func (s *sequence) begin(x *execution) {
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	x.env = suite.NewTestWorkflowEnvironment()
	x.env.SetStartTime(s.clock)
	x.env.SetTestTimeout(1000 * time.Hour)
	x.env.SetWorkerOptions(worker.Options{
		DeadlockDetectionTimeout: time.Hour, Interceptors: []interceptor.WorkerInterceptor{&observer{s: s, x: x}},
	})
	x.env.SetStartWorkflowOptions(client.StartWorkflowOptions{ID: x.ID, TaskQueue: taskQueue})
	x.env.SetOnActivityCanceledListener(func(info *activity.Info) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if a := x.attempts[info.ActivityID]; a != nil {
			a.cancelSoon()
		}
	})
	workflows.Register(x.env)
	ledger, publisher := &workerLedger{&memory.Ledger{Database: s.database, Call: s.workerCall}, x.FirstRunID}, &workerPublisher{s}
	x.env.RegisterActivity(&activities.Runs{Ledger: ledger, Publisher: publisher, MinInterval: map[events.TenantID]time.Duration{tenant: s.settings.Interval}})
	x.env.RegisterActivity(&activities.Slices{Source: s.source, Store: ledger, Publisher: publisher, Logger: zerolog.Nop(), Length: s.settings.Slice})
	s.mu.Lock()
	s.current = x
	s.mu.Unlock()
	_ = s.reach("a workflow starts")
	x.env.RegisterDelayedCallback(func() {
		s.mu.Lock()
		x.isStarted = true
		s.mu.Unlock()
		s.forward()
	}, 0)
	s.schedule(x)
}

// schedule lets the steps at times happen, and the bridge deliver and reconcile while the execution runs.
func (s *sequence) schedule(x *execution) {
	elapsed := s.clock.Sub(s.began)
	for i, step := range s.steps {
		if step.at.point != "" || s.done[i] {
			continue
		}
		x.env.RegisterDelayedCallback(func() {
			if !s.done[i] {
				s.done[i] = true
				s.note("%s: %s", step.at, step.what)
				step.do(s)
			}
		}, max(step.at.after-elapsed, 1))
	}
	ticks := 0
	var next func()
	next = func() {
		if ticks++; ticks > maxTicks {
			s.fail("%s does not end", x.ID)
			s.terminate()
			return
		}
		s.reconcile()
		if s.now().Sub(s.began) > calmAfter {
			s.calm()
			if s.isPaused(x.chain) {
				s.note("an operator resumes %s", x.ID)
				s.control(events.ControlData{Action: events.Resume, WorkflowID: x.ID}, bridgeFault{}, false)
			}
		}
		x.env.RegisterDelayedCallback(next, tick)
	}
	x.env.RegisterDelayedCallback(next, tick)
}

// end ends an execution: its activities notice that soon.
func (s *sequence) end(x *execution) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clock, s.current = x.env.Now(), nil
	for _, a := range x.attempts {
		a.cancelSoon()
	}
}

// close closes a workflow in Temporal.
func (s *sequence) close(x *execution, err error) {
	status := workflows.ExecutionCompleted
	var failed *temporal.ApplicationError
	var stopped *temporal.CanceledError
	switch {
	case x.isTerminated:
		status = workflows.ExecutionTerminated
	case errors.As(err, &failed):
		status = workflows.ExecutionFailed
	case errors.As(err, &stopped):
		status = workflows.ExecutionCancelled
	case err != nil:
		s.fail("%s ends with %v, want no error but that of its run", x.ID, err)
	}
	s.temporal.SetStatus(x.ID, status)
	s.note("%s is %s", x.FirstRunID, status)
	if status != workflows.ExecutionTerminated {
		s.checkClosed(x, status)
	}
	_ = s.reach("a workflow was closed")
}

// forward hands signals over to the running execution. What arrives between two executions waits for the next one.
func (s *sequence) forward() {
	s.mu.Lock()
	x, isTogether := s.current, s.isTogether
	isReady := x != nil && x.isStarted
	s.mu.Unlock()
	if !isReady {
		return
	}
	signals := s.signalsOf(x)
	for i := x.posted; i < len(signals); i++ {
		x.posted = i + 1
		// Signals count from the moment at which the environment takes them: before that it may have ended.
		x.env.RegisterDelayedCallback(func() {
			x.forwarded = i + 1
			s.received(x, signals[i], isTogether)
		}, 0)
		send := x.env.SignalWorkflow
		if isTogether {
			send = x.env.SignalWorkflowSkippingWorkflowTask
		}
		send(signals[i].Name, signals[i].Payload)
	}
	if x.cancelRequests > 0 && !x.isCancelled { // Temporal cancels an execution once
		x.env.RegisterDelayedCallback(func() { s.receivedCancel(x, math.MaxUint64) }, 0)
		x.env.CancelWorkflow()
		x.isCancelled = true
	}
	x.cancelRequests = 0
}

func (s *sequence) signalsOf(x *execution) []workflows.Signal {
	all := s.temporal.Executions()
	return all[slices.IndexFunc(all, func(e memory.Execution) bool { return e.FirstRunID == x.FirstRunID })].Signals
}

// cancelInTemporal cancels the oldest open workflow.
func (s *sequence) cancelInTemporal() {
	if e, found := s.open(); found {
		s.chainOf(e.FirstRunID).cancelRequests++
		s.forward()
	}
}

// terminate terminates the oldest open workflow.
func (s *sequence) terminate() {
	e, found := s.open()
	if !found {
		return
	}
	s.mu.Lock()
	x := s.current
	s.mu.Unlock()
	if x == nil || !x.isStarted || x.FirstRunID != e.FirstRunID {
		return
	}
	x.env.RegisterDelayedCallback(func() { x.isTerminated = true; x.isEnding.Store(true) }, 0)
	x.env.SignalWorkflow("terminated", nil)
}

// suggestContinueAsNew makes Temporal suggest continue-as-new from the next workflow task on.
func (s *sequence) suggestContinueAsNew() {
	s.mu.Lock()
	x := s.current
	s.mu.Unlock()
	if x != nil {
		x.env.RegisterDelayedCallback(func() { x.env.SetContinueAsNewSuggested(true) }, 0)
	}
}

var errDied = errors.New("the worker died")

func (x *execution) String() string { return fmt.Sprintf("%s of %s", x.Workflow, x.FirstRunID) }
