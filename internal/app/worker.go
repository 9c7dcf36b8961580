package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/worker"

	"github.com/lazi/lazisync/activities"
	"github.com/lazi/lazisync/internal/legacy"
	"github.com/lazi/lazisync/internal/temporal"
	"github.com/lazi/lazisync/workflows"
)

const (
	pageSlots     = 10 // slices of pages at once, in one process
	workflowSlots = 5
	controlSlots  = 20 // short ledger and event activities
	sliceLength   = 10 * time.Second

	// workerStop leaves the pages in flight time to be stored, controlStop what tells of
	// them, and both the rest of the 30 seconds of a graceful stop to everything else.
	workerStop  = 17 * time.Second
	controlStop = 4 * time.Second
)

// runWorker serves both task queues until ctx ends, then stores the pages in flight.
// It is not impressed by a Temporal that is away: it tries again.
func (p *process) runWorker(ctx context.Context) error {
	var logged string
	for ctx.Err() == nil {
		if err := p.namespace.verify(ctx); err != nil {
			if err.Error() != logged {
				logged = err.Error()
				p.log.Warn().Err(err).Msg("the worker does not poll yet, trying again")
			}
			pause(ctx, 2*time.Second)
			continue
		}
		err := p.workOnce(ctx)
		if err == nil {
			break
		}
		p.log.Error().Err(err).Msg("the worker stopped, starting it again")
		pause(ctx, 2*time.Second)
	}
	return nil
}

// watchNamespace reports when Temporal answers with another namespace than the ledger's,
// until ctx ends.
func (p *process) watchNamespace(ctx context.Context, failed chan<- error) {
	for ctx.Err() == nil {
		if err := p.namespace.verify(ctx); errors.Is(err, temporal.ErrForeignNamespace) {
			failed <- err
			return
		}
		pause(ctx, 5*time.Second)
	}
}

func (p *process) workOnce(ctx context.Context) error {
	failed := make(chan error, 3)
	options := worker.Options{
		WorkerStopTimeout:                workerStop,
		MaxHeartbeatThrottleInterval:     time.Second,
		DefaultHeartbeatThrottleInterval: time.Second,
		OnFatalError:                     func(err error) { failed <- err },
	}
	control := options
	control.WorkerStopTimeout = controlStop
	control.DisableWorkflowWorker = true
	control.MaxConcurrentActivityExecutionSize = controlSlots
	control.Interceptors = []interceptor.WorkerInterceptor{&activities.Heartbeats{}}
	options.MaxConcurrentActivityExecutionSize = pageSlots
	options.MaxConcurrentWorkflowTaskExecutionSize = workflowSlots

	pages := worker.New(p.temporal.SDK(), p.cfg.Temporal.TaskQueue, options)
	workflows.Register(pages)
	legacy.Register(pages)
	pages.RegisterActivity(&activities.Slices{
		Source: p.source, Store: p.store, Publisher: p.nats, Logger: p.log,
		Length: sliceLength, StallLimit: p.cfg.Sync.StallLimit, Full: make(chan struct{}, pageSlots-1),
		Failing: make(chan struct{}, pageSlots/2),
	})
	ledger := worker.New(p.temporal.SDK(), workflows.ControlTaskQueue(p.cfg.Temporal.TaskQueue), control)
	ledger.RegisterActivity(&activities.Runs{
		Ledger: p.store, Publisher: p.nats, Logger: p.log, Refusals: &p.refusals, Ours: p.namespace.verifyNow, History: p.nats,
	})
	ledger.RegisterActivity(&activities.Schedules{Publisher: p.nats, Requests: p.store})
	ledger.RegisterActivity(&activities.Outcomes{Requests: p.store})
	ledger.RegisterActivity(&legacy.Activities{Publisher: p.nats, Tenants: p.cfg.TenantIDs()})

	if err := errors.Join(ledger.Start(), pages.Start()); err != nil {
		ledger.Stop()
		pages.Stop()
		return fmt.Errorf("start the worker: %w", err)
	}
	p.log.Info().Str("task_queue", p.cfg.Temporal.TaskQueue).Msg("worker polls")
	watching, stopWatching := context.WithCancel(ctx)
	defer stopWatching()
	go p.watchNamespace(watching, failed)
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	pages.Stop()
	ledger.Stop() // last: what the slices led to may still have to be told
	return err
}
