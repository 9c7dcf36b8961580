package main

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/lazi/lazisync/events"
)

const (
	latencyTenants = 10
	latencySamples = 300
	latencyChanges = 1                      // record of the tenant that changes before each request
	idleTime       = 300 * time.Millisecond // before each request: the workflow of the one before closes after its outcome
)

// latencyCase is a kind of small incremental sync.
type latencyCase struct {
	name     string
	tenants  int // that request one at once
	entities []string
}

var latencyCases = []latencyCase{
	{"one tenant, one entity", 1, defaultEntities[:1]},
	{"one tenant, four entities", 1, defaultEntities},
	{"ten tenants at once, one entity each", latencyTenants, defaultEntities[:1]},
	{"ten tenants at once, four entities each", latencyTenants, defaultEntities},
}

// measureLatency measures the time from the publication of a request to its outcome, while nothing
// else runs and the API answers at once.
func measureLatency(ctx context.Context, d *deployment) ([]table, error) {
	if err := d.prepare(ctx, 1); err != nil {
		return nil, err
	}
	d.pace(0)
	defer d.pace(latency)
	if _, _, err := d.sync(ctx, events.Full, tenantsFrom(latencyTenant, latencyTenants)); err != nil {
		return nil, err
	}
	t := table{
		Title: fmt.Sprintf("From the publication of a request to its outcome: %d incremental syncs of one change in idle servers, one worker, API without latency",
			latencySamples),
		Columns: []string{"incremental syncs", "p50 (ms)", "p95 (ms)", "p99 (ms)", "of it until sync.started, p50 (ms)",
			"worker, CPU ms per sync", "PostgreSQL", "other roles", "the other servers"},
	}
	for _, c := range latencyCases {
		d.progress("latency: %s", c.name)
		row, err := d.measureLatencyCase(ctx, c)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.name, err)
		}
		t.Rows = append(t.Rows, row)
	}
	return []table{t}, nil
}

func (d *deployment) measureLatencyCase(ctx context.Context, c latencyCase) ([]any, error) {
	var took, started []float64
	var used cpuUse
	for len(took) < latencySamples {
		for _, tenant := range tenantsFrom(latencyTenant, c.tenants) {
			d.company(tenant).Mutate(latencyChanges)
		}
		time.Sleep(idleTime)
		before := d.cpu()
		all, published, err := d.incrementals(ctx, c)
		if err != nil {
			return nil, err
		}
		used = used.plus(d.cpu().minus(before))
		for i, one := range all {
			took = append(took, milliseconds(one.at.Sub(published[i])))
			started = append(started, milliseconds(one.started.Sub(published[i])))
		}
	}
	perSync := 1000 / float64(len(took))
	return []any{c.name, percentile(took, 50), percentile(took, 95), percentile(took, 99), percentile(started, 50),
		perSync * used.workers, perSync * used.postgres, perSync * used.others, perSync * used.servers}, nil
}

// incrementals requests an incremental sync of each tenant at once and returns the outcomes and when
// each request was published.
func (d *deployment) incrementals(ctx context.Context, c latencyCase) (all []outcome, published []time.Time, err error) {
	var requests []string
	for _, tenant := range tenantsFrom(latencyTenant, c.tenants) {
		published = append(published, time.Now())
		id, err := d.request(events.Incremental, tenant, c.entities...)
		if err != nil {
			return nil, nil, err
		}
		requests = append(requests, id)
	}
	all, err = d.awaitCompleted(ctx, requests)
	return all, published, err
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// percentile returns the smallest value that p percent of the values do not exceed.
func percentile(values []float64, p float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[max(0, int(math.Ceil(p/100*float64(len(sorted))))-1)]
}
