package main

import (
	"context"
	"fmt"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/simulator"
)

// disturbance is what happens to one tenant while others are read.
type disturbance struct {
	name  string
	fault *simulator.Fault // of every call; nil for none
}

var disturbances = []disturbance{
	{"no other tenant", nil},
	{"its API is down (503)", &simulator.Fault{Kind: "503", Count: -1}},
	{"its API answers 429", &simulator.Fault{Kind: "429", WaitSeconds: 2, RetryAfter: true, Count: -1}},
	{"its API answers after 10 s", &simulator.Fault{Kind: "slow", DelayMS: 10_000, Count: -1}},
}

const (
	healthyTenants   = 20
	isolationWorkers = 2
)

// measureIsolation measures how much a tenant with an unavailable API delays the others.
func measureIsolation(ctx context.Context, d *deployment) ([]table, error) {
	t := table{
		Title:   fmt.Sprintf("Full syncs of %d healthy tenants with %d workers, while another tenant is disturbed", healthyTenants, isolationWorkers),
		Columns: []string{"the other tenant", "median (s)", "last (s)", "pages/s", "times as long as alone"},
	}
	alone := 0.0
	for _, one := range disturbances {
		d.progress("isolation: %s", one.name)
		seconds, pages, err := d.disturb(ctx, one)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", one.name, err)
		}
		last := seconds[len(seconds)-1]
		if alone == 0 {
			alone = last
		}
		t.Rows = append(t.Rows, []any{one.name, seconds[len(seconds)/2], last, pages / last, last / alone})
	}
	return []table{t}, nil
}

// disturb syncs the healthy tenants while the disturbance lasts, and returns their seconds,
// shortest first, and the number of pages.
func (d *deployment) disturb(ctx context.Context, one disturbance) (seconds []float64, pages float64, err error) {
	if err := d.prepare(ctx, isolationWorkers); err != nil {
		return nil, 0, err
	}
	tenants := fleet(healthyTenants + 1)
	healthy, other := tenants[:healthyTenants], tenants[healthyTenants]
	requestID := ""
	if one.fault != nil {
		if err := d.company(other).AddFault(*one.fault); err != nil {
			return nil, 0, err
		}
		if requestID, err = d.request(events.Full, other); err != nil {
			return nil, 0, err
		}
		if err := d.awaitCalls(ctx, other, requestEntities); err != nil {
			return nil, 0, err
		}
	}
	all, began, err := d.sync(ctx, events.Full, healthy)
	if err != nil {
		return nil, 0, err
	}
	if requestID != "" {
		err = d.cancel(ctx, other, requestID)
	}
	return durations(all, began), float64(counts(all).Pages), err
}

// awaitCalls waits until a tenant's API has received a number of calls.
func (d *deployment) awaitCalls(ctx context.Context, tenant string, n int) error {
	return await(ctx, fmt.Sprintf("%d calls of tenant %s", n, tenant), func() bool { return len(d.calls(tenant)) >= n })
}

// cancel ends the disturbance of a tenant, and its run.
func (d *deployment) cancel(ctx context.Context, tenant, requestID string) error {
	d.company(tenant).ClearFaults()
	if _, err := d.publish("sync.control", map[string]string{"action": "cancel", "requestId": requestID}); err != nil {
		return err
	}
	_, err := d.outcomes.await(ctx, []string{requestID})
	return err
}
