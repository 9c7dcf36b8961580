package bridge_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/bridge"
	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
)

// outages is a ledger with one outage, which the test changes.
type outages struct {
	targets  map[events.TenantID]map[string]time.Duration
	outage   *ledger.Outage
	markFail error
}

func (o *outages) SetTargets(_ context.Context, targets map[events.TenantID]map[string]time.Duration) error {
	o.targets = targets
	return nil
}

func (o *outages) UpdateOutages(ctx context.Context, cause func(context.Context, ledger.Outage) string) error {
	if o.outage != nil && o.outage.Cause == "" {
		o.outage.Cause = cause(ctx, *o.outage)
	}
	return nil
}

func (o *outages) UnpublishedOutages(context.Context) ([]ledger.Outage, error) {
	if o.outage == nil || o.outage.StalePublished && (o.outage.ClosedAt.IsZero() || o.outage.FreshPublished) {
		return nil, nil
	}
	return []ledger.Outage{*o.outage}, nil
}

func (o *outages) MarkOutagePublished(_ context.Context, _ string, fresh bool) error {
	if o.markFail != nil {
		return o.markFail
	}
	if fresh {
		o.outage.FreshPublished = true
	} else {
		o.outage.StalePublished = true
	}
	return nil
}

func (o *outages) TenantRuns(context.Context, events.TenantID, int) ([]ledger.Run, error) {
	return nil, nil
}

func (o *outages) Waiting(context.Context, events.TenantID) ([]ledger.Waiting, error) {
	return nil, nil
}

// idle is a Temporal without workers.
type idle struct{}

func (idle) ListSchedules(context.Context) ([]ledger.Schedule, error)    { return nil, nil }
func (idle) HasWorkers(context.Context) (bool, error)                    { return false, nil }
func (idle) SliceFailure(context.Context, string) (text string, _ error) { return "", nil }

// outageRecorder records what is published.
type outageRecorder struct {
	bridge.Publisher
	published []events.Event
}

func (r *outageRecorder) Publish(_ context.Context, e events.Event) error {
	r.published = append(r.published, e)
	return nil
}

func TestOutagesArePublishedUntilTheyAreMarked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	book, published := &outages{}, &outageRecorder{}
	targets := map[events.TenantID]map[string]time.Duration{"985": {"jobs": time.Hour}}
	b := bridge.New(bridge.Options{
		Ledger: w.ledger, Publisher: published, Temporal: w.temporal, Logger: zerolog.Nop(),
		Freshness: &bridge.Freshness{Ledger: book, Inspector: idle{}, Targets: targets},
	})
	require.NoError(t, b.Reconcile(t.Context()))
	require.Equal(t, targets, book.targets)
	require.Empty(t, published.published)

	book.outage = &ledger.Outage{
		ID: "0198c0de", TenantID: "985", Since: at, OpenedAt: at.Add(time.Minute),
		Entities: []ledger.OutageEntity{{Entity: "jobs", AsOf: at.Add(-time.Hour), Age: 61 * time.Minute, Target: time.Hour}},
	}
	book.markFail = errors.New("connection refused") // as if the bridge crashed here
	require.Error(t, b.Reconcile(t.Context()))
	book.markFail = nil
	require.NoError(t, b.Reconcile(t.Context()))
	require.NoError(t, b.Reconcile(t.Context()))
	require.Len(t, published.published, 2)
	require.Equal(t, published.published[0], published.published[1], "the repeated event is the same")
	require.Equal(t, "0198c0de/com.lazi.sync.stale.v1", published.published[0].ID())
	data, err := events.Stale.Data(published.published[0])
	require.NoError(t, err)
	asOf := at.Add(-time.Hour)
	require.Equal(t, events.FreshnessData{
		TenantID: "985", Since: at, Cause: "no worker runs",
		Entities: []events.EntityAge{{Entity: "jobs", AsOf: &asOf, AgeSeconds: 3660, TargetSeconds: 3600}},
	}, data)

	book.outage.ClosedAt, book.outage.FreshEntities = at.Add(time.Hour), []ledger.OutageEntity{{Entity: "jobs", AsOf: at, Age: time.Hour, Target: time.Hour}}
	require.NoError(t, b.Reconcile(t.Context()))
	require.NoError(t, b.Reconcile(t.Context()))
	require.Len(t, published.published, 3)
	require.Equal(t, "0198c0de/com.lazi.sync.fresh.v1", published.published[2].ID())
}
