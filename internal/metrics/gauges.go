package metrics

import (
	"context"
	"errors"
	"maps"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/backoff"
	"github.com/lazi/lazisync/internal/ledger"
)

const (
	gaugesInterval = 15 * time.Second
	gaugesRetry    = 2 * time.Second // after a failure
	gaugesTimeout  = 10 * time.Second
	// gaugesMaxAge is how old values may be that are exported: old ones would hide an outage.
	gaugesMaxAge = time.Minute
)

// Backlog is what the streams hold.
type Backlog struct {
	Pending  map[string]uint64 // by consumer: not settled
	Bytes    map[string]uint64 // by stream
	MaxBytes map[string]uint64 // by stream; absent without a limit
}

// GaugeSources read the values of gauges. A nil source has no gauges.
type GaugeSources struct {
	Ledger  func(ctx context.Context) (ledger.Gauges, error) // of the bridge
	Backlog func(ctx context.Context) (Backlog, error)
	// DeadLetters counts dead letters that are neither replayed nor dismissed, which needs NATS and PostgreSQL.
	DeadLetters func(ctx context.Context) (uint64, error)
	// Streams adds sizes of streams to the backlog; otherwise there are only consumers.
	Streams bool
	Tenants []Tenant
}

// Gauges exports values that are read from PostgreSQL and NATS. They are read at an interval
// and not by each scrape, and are absent while they cannot be read.
type Gauges struct {
	sources GaugeSources

	mu          sync.Mutex
	ledger      reading[ledger.Gauges]
	backlog     reading[Backlog]
	deadLetters reading[uint64]
}

// reading is what a source returned last. The zero value is too old to export.
type reading[V any] struct {
	values V
	at     time.Time
}

// age returns the age of the values, and whether they may be exported.
func (r reading[V]) age() (age time.Duration, ok bool) {
	age = time.Since(r.at)
	return age, age < gaugesMaxAge
}

// NewGauges registers the gauges. They have no values before Run reads them.
func NewGauges(r prometheus.Registerer, sources GaugeSources) *Gauges {
	g := &Gauges{sources: sources}
	r.MustRegister(g)
	return g
}

// Run reads the values at an interval until ctx is done.
func (g *Gauges) Run(ctx context.Context) error {
	for {
		next := gaugesInterval
		if err := g.refresh(ctx); err != nil {
			next = gaugesRetry // not logged: the role's readiness has the reason
		}
		if !backoff.Sleep(ctx, next) {
			return nil
		}
	}
}

// refresh reads the values. An unavailable source takes its whole time, and none of the others'.
func (g *Gauges) refresh(ctx context.Context) error {
	var ledgerErr, backlogErr, deadLettersErr error
	var all sync.WaitGroup
	all.Go(func() { ledgerErr = refresh(ctx, g, g.sources.Ledger, &g.ledger) })
	all.Go(func() { backlogErr = refresh(ctx, g, g.sources.Backlog, &g.backlog) })
	all.Go(func() { deadLettersErr = refresh(ctx, g, g.sources.DeadLetters, &g.deadLetters) })
	all.Wait()
	return errors.Join(ledgerErr, backlogErr, deadLettersErr)
}

// refresh reads the values of one source, nothing if it is nil.
func refresh[V any](ctx context.Context, g *Gauges, read func(context.Context) (V, error), latest *reading[V]) error {
	if read == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, gaugesTimeout)
	defer cancel()
	found, err := read(ctx)
	if err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	*latest = reading[V]{found, time.Now()}
	return nil
}

// Descriptions of the gauges.
var (
	runsOpen     = desc("lazisync_runs_open")
	entityAge    = desc("lazisync_entity_age_seconds")
	entityStale  = desc("lazisync_entity_stale")
	rejected     = desc("lazisync_rejected_records")
	databaseSize = desc("lazisync_database_size_bytes")
	pending      = desc("lazisync_consumer_pending")
	streamBytes  = desc("lazisync_stream_bytes")
	streamLimit  = desc("lazisync_stream_max_bytes")
	deadLetters  = desc("lazisync_dead_letters")
)

// Describe implements prometheus.Collector.
func (g *Gauges) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{runsOpen, entityAge, entityStale, rejected, databaseSize, pending, streamBytes, streamLimit, deadLetters} {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (g *Gauges) Collect(out chan<- prometheus.Metric) {
	g.mu.Lock()
	defer g.mu.Unlock()
	send := func(d *prometheus.Desc, value float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	if age, ok := g.ledger.age(); ok {
		g.collectLedger(send, age)
	}
	if _, ok := g.deadLetters.age(); ok {
		send(deadLetters, float64(g.deadLetters.values))
	}
	if _, ok := g.backlog.age(); !ok {
		return
	}
	for consumer, n := range g.backlog.values.Pending {
		send(pending, float64(n), consumer)
	}
	if !g.sources.Streams {
		return
	}
	for name, n := range g.backlog.values.Bytes {
		send(streamBytes, float64(n), name)
	}
	for name, n := range g.backlog.values.MaxBytes {
		send(streamLimit, float64(n), name)
	}
}

func (g *Gauges) collectLedger(send func(*prometheus.Desc, float64, ...string), age time.Duration) {
	open := map[ledger.OpenRuns]int64{}
	rejectedBy := map[ledger.TenantEntity]int64{}
	for _, t := range g.sources.Tenants {
		for _, m := range events.Modes() {
			for _, state := range []ledger.RunState{ledger.Running, ledger.Paused} {
				open[ledger.OpenRuns{TenantID: events.TenantID(t.ID), Mode: m.Mode, State: state}] = 0
			}
		}
		for _, name := range t.Entities {
			rejectedBy[ledger.TenantEntity{TenantID: events.TenantID(t.ID), Entity: name}] = 0
		}
	}
	maps.Copy(open, g.ledger.values.OpenRuns)
	maps.Copy(rejectedBy, g.ledger.values.RejectedRecords)
	for key, n := range open {
		send(runsOpen, float64(n), string(key.TenantID), string(key.Mode), string(key.State))
	}
	for key, n := range rejectedBy {
		send(rejected, float64(n), string(key.TenantID), key.Entity)
	}
	for _, v := range g.ledger.values.Freshness {
		if !v.AsOf.IsZero() {
			send(entityAge, (v.Age + age).Seconds(), string(v.TenantID), v.Entity)
		}
		if v.Target > 0 {
			stale := 0.0
			if v.Stale {
				stale = 1
			}
			send(entityStale, stale, string(v.TenantID), v.Entity)
		}
	}
	send(databaseSize, float64(g.ledger.values.DatabaseBytes))
}
