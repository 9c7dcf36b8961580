package bridge

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/failpoint"
	"github.com/lazi/lazisync/internal/ledger"
)

// Freshness is what the bridge needs to report entities that are too old.
type Freshness struct {
	Ledger    FreshnessLedger
	Inspector Inspector
	// Targets has the maximum age of each entity, by tenant.
	Targets map[events.TenantID]map[string]time.Duration
}

// FreshnessLedger stores targets and outages.
type FreshnessLedger interface {
	SetTargets(ctx context.Context, targets map[events.TenantID]map[string]time.Duration) error
	// UpdateOutages opens and closes outages, each once whatever the number of bridges.
	UpdateOutages(ctx context.Context, cause func(context.Context, ledger.Outage) string) error
	// UnpublishedOutages lists outages whose beginning or end is not marked as published.
	UnpublishedOutages(ctx context.Context) ([]ledger.Outage, error)
	MarkOutagePublished(ctx context.Context, id string, fresh bool) error

	// TenantRuns lists every open run of a tenant and then the latest others.
	TenantRuns(ctx context.Context, tenant events.TenantID, limit int) ([]ledger.Run, error)
	Waiting(ctx context.Context, tenant events.TenantID) ([]ledger.Waiting, error)
}

// Inspector describes Temporal, for the likely cause of an outage.
type Inspector interface {
	ListSchedules(ctx context.Context) ([]ledger.Schedule, error)
	// HasWorkers reports whether a worker polls every task queue.
	HasWorkers(ctx context.Context) (bool, error)
	// SliceFailure returns the error of a page slice that a workflow retries, "" if there is none.
	SliceFailure(ctx context.Context, workflowID string) (string, error)
}

// reportFreshness opens and closes outages, and publishes sync.stale and sync.fresh. An event that
// a crash kept from being published is published in the next round, by any bridge.
func (b *Bridge) reportFreshness(ctx context.Context) error {
	if b.Freshness == nil {
		return nil
	}
	if !b.targetsSet {
		if err := b.Freshness.Ledger.SetTargets(ctx, b.Freshness.Targets); err != nil {
			return fmt.Errorf("set freshness targets: %w", err)
		}
		b.targetsSet = true
	}
	if err := b.Freshness.Ledger.UpdateOutages(ctx, b.likelyCause); err != nil {
		return fmt.Errorf("update outages: %w", err)
	}
	failpoint.Hit("bridge/outages-updated")
	unpublished, err := b.Freshness.Ledger.UnpublishedOutages(ctx)
	if err != nil {
		return fmt.Errorf("list unpublished outages: %w", err)
	}
	var errs []error
	for _, o := range unpublished {
		errs = append(errs, b.publishOutage(ctx, o))
	}
	return errors.Join(errs...)
}

// publishOutage publishes the beginning of an outage and, if it is closed, its end.
func (b *Bridge) publishOutage(ctx context.Context, o ledger.Outage) error {
	publish := func(event events.Event, err error, fresh bool) error {
		if err == nil {
			err = b.Publisher.Publish(ctx, event)
		}
		if err != nil {
			return fmt.Errorf("publish outage %s: %w", o.ID, err)
		}
		failpoint.Hit("bridge/outage-published")
		if err := b.Freshness.Ledger.MarkOutagePublished(ctx, o.ID, fresh); err != nil {
			return fmt.Errorf("mark outage %s as published: %w", o.ID, err)
		}
		return nil
	}
	if !o.StalePublished {
		event, err := o.StaleEvent()
		if err := publish(event, err, false); err != nil {
			return err
		}
		b.Logger.Warn().Stringer("tenant", o.TenantID).Str("outage", o.ID).Time("since", o.Since).Str("cause", o.Cause).
			Strs("entities", o.Names()).Msg("entities are stale")
	}
	if o.ClosedAt.IsZero() || o.FreshPublished {
		return nil
	}
	event, err := o.FreshEvent()
	if err := publish(event, err, true); err != nil {
		return err
	}
	b.Logger.Info().Stringer("tenant", o.TenantID).Str("outage", o.ID).Time("since", o.Since).Strs("entities", o.Names()).
		Msg("entities are fresh again")
	return nil
}

const (
	causeTimeout = 5 * time.Second
	causeRuns    = 5 // latest runs that may say why
)

// likelyCause returns the likely cause of an outage. What cannot be looked up is left out: a cause
// is a hint, and must not delay the event.
func (b *Bridge) likelyCause(ctx context.Context, o ledger.Outage) string {
	ctx, cancel := context.WithTimeout(ctx, causeTimeout)
	defer cancel()
	facts := ledger.CauseFacts{Workers: true}
	facts.Runs, _ = b.Freshness.Ledger.TenantRuns(ctx, o.TenantID, causeRuns)
	facts.Waiting, _ = b.Freshness.Ledger.Waiting(ctx, o.TenantID)
	facts.Schedules, _ = b.Freshness.Inspector.ListSchedules(ctx)
	if workers, err := b.Freshness.Inspector.HasWorkers(ctx); err == nil {
		facts.Workers = workers
	} else {
		facts.TemporalError = err
	}
	for _, run := range facts.Runs {
		if run.State == ledger.Running && facts.SliceFailure == "" {
			facts.SliceFailure, _ = b.Freshness.Inspector.SliceFailure(ctx, run.WorkflowID)
		}
	}
	return o.LikelyCause(facts)
}
