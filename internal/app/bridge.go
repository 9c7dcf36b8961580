package app

import (
	"context"
	"fmt"
	"time"

	"github.com/lazi/lazisync/bridge"
	"github.com/lazi/lazisync/internal/backoff"
	"github.com/lazi/lazisync/internal/connect"
	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/metrics"
	"github.com/lazi/lazisync/internal/probe"
	"github.com/lazi/lazisync/internal/stream"
)

const (
	requestBatch       = 2500 // requests that are validated, recorded and answered together
	requestBatches     = 2    // at the same time: while one waits for a server, the other one is processed
	controlBatch       = 1    // controls are handled in order
	maxDeliveriesBatch = 20
	reconcileInterval  = 5 * time.Second
)

// bridge consumes requests and controls, starts workflows, and reconciles after crashes.
func (p *process) bridge() []part {
	var tenants []bridge.Tenant
	for _, t := range p.cfg.Tenants {
		tenants = append(tenants, bridge.Tenant{ID: t.ID, Entities: t.Entities, Channel: t.Channel, Parallel: connect.Parallel(t.RequestsPerSecond)})
	}
	b := bridge.New(bridge.Options{
		Ledger:             p.store,
		Publisher:          p.stream,
		Temporal:           p.temporal,
		History:            p.stream,
		VerifyNamespace:    p.namespace.Verify,
		VerifyNamespaceNow: p.namespace.VerifyNow,
		Logger:             p.log,

		Tenants:       tenants,
		KnownEntities: entity.Names(),
		Limits:        connect.Limits(p.cfg),
		RetryDelay:    stream.RetryDelay,
		SecondPass:    p.cfg.Sync.SecondPass,
		KeepChanges:   p.cfg.Sync.ChangesKeep,
		Restores:      &bridge.Restores{Ledger: p.store, Messages: p.stream, Executions: p.temporal},
		Freshness:     &bridge.Freshness{Ledger: p.store, Inspector: p.temporal, Targets: p.cfg.FreshnessTargets()},

		Recorder: metrics.NewBridge(p.metrics),
	})
	requests := func(ctx context.Context, batch []*stream.Message) error {
		return b.HandleRequests(ctx, convert(batch, func(m *stream.Message) bridge.Message { return m }))
	}
	controls := func(ctx context.Context, batch []*stream.Message) error {
		for _, m := range batch {
			if err := b.HandleControl(ctx, m); err != nil {
				return err
			}
		}
		return nil
	}
	maxDeliveries := func(ctx context.Context, batch []*stream.Message) error {
		return p.stream.ForEachExhausted(ctx, batch, func(m *stream.Exhausted) error { return b.HandleMaxDeliveries(ctx, m) })
	}
	parts := []part{
		p.oncePrepared(b, p.consume(stream.ConsumerControl, stream.BatchOptions{Max: controlBatch, Ready: p.checkBreaker}, controls)),
		p.oncePrepared(b, p.consume(stream.ConsumerMaxDeliveries, stream.BatchOptions{Max: maxDeliveriesBatch, Ready: p.checkBreaker}, maxDeliveries)),
		func(ctx context.Context) error { b.RunReconciler(ctx, reconcileInterval); return nil },
	}
	for range requestBatches {
		parts = append(parts, p.oncePrepared(b, p.consume(stream.ConsumerRequests, stream.BatchOptions{Max: requestBatch, Ready: p.checkBreaker}, requests)))
	}
	return parts
}

// consume passes batches of a consumer to handle.
func (p *process) consume(consumer string, o stream.BatchOptions, handle stream.Handler) part {
	return func(ctx context.Context) error { return p.stream.ConsumeBatches(ctx, consumer, o, handle) }
}

// convert converts each message of a batch to the interface of a role.
func convert[M any](batch []*stream.Message, as func(*stream.Message) M) []M {
	messages := make([]M, len(batch))
	for i, m := range batch {
		messages[i] = as(m)
	}
	return messages
}

// oncePrepared runs a part once the bridge is prepared: it compares the ledger with the
// event stream first. Until then the role is not ready.
func (p *process) oncePrepared(b *bridge.Bridge, run part) part {
	return func(ctx context.Context) error {
		var logged string
		for ctx.Err() == nil {
			err := b.Prepare(ctx)
			if err == nil {
				p.notPrepared.Store(nil)
				return run(ctx)
			}
			err = fmt.Errorf("the bridge does not consume: %w", err)
			p.notPrepared.Store(&err)
			if err.Error() != logged {
				logged = err.Error()
				p.log.Warn().Err(err).Msg("bridge not prepared, retrying")
			}
			backoff.Sleep(ctx, 2*retryInterval)
		}
		return nil
	}
}

// whilePrepared returns a probe that also fails while the bridge is not prepared.
func (p *process) whilePrepared(one probe.Probe) probe.Probe {
	check := one.Check
	one.Check = func(ctx context.Context) error {
		if err := check(ctx); err != nil {
			return err
		}
		if err := p.notPrepared.Load(); err != nil {
			return *err
		}
		return nil
	}
	return one
}

// checkBreaker returns an error if something fails that the bridge calls for each command.
// It consumes nothing then.
func (p *process) checkBreaker(ctx context.Context) error {
	for _, one := range p.breaker {
		if err := one.Check(ctx); err != nil {
			return fmt.Errorf("%s: %w", one.Name, err)
		}
	}
	return nil
}
