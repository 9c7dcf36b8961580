package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/worker"

	"github.com/lazi/lazisync/activities"
	"github.com/lazi/lazisync/internal/backoff"
	"github.com/lazi/lazisync/internal/connect"
	"github.com/lazi/lazisync/internal/legacy"
	"github.com/lazi/lazisync/internal/probe"
	"github.com/lazi/lazisync/internal/temporal"
	"github.com/lazi/lazisync/workflows"
)

const (
	// pageSlots is the number of slices at once, in one process. Most of them wait for ServiceTitan.
	pageSlots = workflows.MaxParallel + 16
	// incrementalSlots of them are free of full syncs and rebuilds.
	incrementalSlots = 8
	// pagesInMemory bounds the pages that are read, decoded and stored at once.
	pagesInMemory = 12
	// controlSlots is the number of short activities on the ledger and the events at once, and as many
	// within workflow tasks.
	controlSlots = 20
	sliceLength  = 10 * time.Second

	// Of the 30 seconds of a graceful stop, pages in flight get pagesStop to be stored, and
	// then the activities that report them controlStop.
	pagesStop   = 17 * time.Second
	controlStop = 4 * time.Second
)

// runWorker runs workflows and activities until ctx ends. It starts the worker again when it
// fails, for example because Temporal is unreachable.
func (p *process) runWorker(ctx context.Context) error {
	var logged string
	for ctx.Err() == nil {
		if err := cmp.Or(p.namespace.Verify(ctx), p.fields.Check(ctx)); err != nil {
			if err.Error() != logged {
				logged = err.Error()
				p.log.Warn().Err(err).Msg("worker not started, retrying")
			}
			backoff.Sleep(ctx, 2*retryInterval)
			continue
		}
		err := p.workUntilFailure(ctx)
		if err == nil {
			break
		}
		p.log.Error().Err(err).Msg("worker failed, restarting")
		backoff.Sleep(ctx, 2*retryInterval)
	}
	return nil
}

// watchNamespace fails the worker if the ledger turns out to belong to another Temporal
// namespace, for example after a server was replaced. It ends with ctx.
func (p *process) watchNamespace(ctx context.Context, failed chan<- error) {
	for ctx.Err() == nil {
		if err := p.namespace.Verify(ctx); errors.Is(err, temporal.ErrForeignNamespace) {
			failed <- err
			return
		}
		backoff.Sleep(ctx, 5*retryInterval)
	}
}

// workUntilFailure polls both task queues until ctx ends or a worker fails. It stops the
// worker of pages first.
func (p *process) workUntilFailure(ctx context.Context) error {
	failed := make(chan error, 3)
	options := worker.Options{
		WorkerStopTimeout:                pagesStop,
		MaxHeartbeatThrottleInterval:     time.Second,
		DefaultHeartbeatThrottleInterval: time.Second,
		OnFatalError:                     func(err error) { failed <- err },
	}
	controlOptions := options
	controlOptions.WorkerStopTimeout = controlStop
	controlOptions.DisableWorkflowWorker = true
	controlOptions.MaxConcurrentActivityExecutionSize = controlSlots
	controlOptions.Interceptors = []interceptor.WorkerInterceptor{&activities.Heartbeats{}}
	options.MaxConcurrentActivityExecutionSize = pageSlots
	options.MaxConcurrentWorkflowTaskExecutionSize = controlSlots
	options.MaxConcurrentLocalActivityExecutionSize = controlSlots

	pages := worker.New(p.temporal.SDK(), p.cfg.Temporal.TaskQueue, options)
	workflows.Register(pages)
	legacy.Register(pages)
	pages.RegisterActivity(&activities.Slices{
		Source: connect.ServiceTitan(p.cfg, p.store, pagesInMemory, p.apiMetrics, p.otlp.TracerProvider(), p.log), Store: p.store, Publisher: p.stream, Logger: p.log,
		Length: sliceLength, StallLimit: p.cfg.Sync.StallLimit, Full: make(chan struct{}, pageSlots-incrementalSlots),
		Failing: make(chan struct{}, pageSlots/2),
	})
	runs := &activities.Runs{
		Ledger: p.store, Publisher: p.stream, Logger: p.log, Refusals: &p.refusals, VerifyNamespace: p.namespace.VerifyNow, History: p.stream,
		MinInterval: p.cfg.MinIntervals(),
	}
	pages.RegisterActivity(runs) // for the steps within workflow tasks
	control := worker.New(p.temporal.SDK(), workflows.ControlTaskQueue(p.cfg.Temporal.TaskQueue), controlOptions)
	control.RegisterActivity(runs)
	control.RegisterActivity(&activities.Schedules{Publisher: p.stream, Requests: p.store})
	control.RegisterActivity(&activities.Outcomes{Requests: p.store})
	control.RegisterActivity(&legacy.Activities{Publisher: p.stream, Tenants: p.cfg.TenantIDs()})

	if err := errors.Join(control.Start(), pages.Start()); err != nil {
		control.Stop()
		pages.Stop()
		return fmt.Errorf("start the worker: %w", err)
	}
	p.log.Info().Str("task_queue", p.cfg.Temporal.TaskQueue).Msg("worker started")
	watching, stopWatching := context.WithCancel(ctx)
	defer stopWatching()
	go p.watchNamespace(watching, failed)
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	pages.Stop()
	control.Stop() // last: it reports the pages stored meanwhile
	return err
}

// runsProbe checks that PostgreSQL lets runs start and end.
func runsProbe(refusals *activities.Refusals) probe.Probe {
	return probe.Probe{
		Name:  "runs",
		Fix:   "repair what the error names; the runs continue within a minute",
		Check: refusals.Check,
	}
}
