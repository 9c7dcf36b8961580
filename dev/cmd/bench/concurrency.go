package main

import (
	"context"
	"fmt"
	"time"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/workflows"
)

// answerTimes are the latencies of ServiceTitan at which concurrency is measured.
var answerTimes = []time.Duration{250 * time.Millisecond, time.Second}

// measureConcurrency measures a tenant whose syncs wait for ServiceTitan and not for a processor.
func measureConcurrency(ctx context.Context, d *deployment) ([]table, error) {
	defer d.pace(latency)
	chains, err := d.measureChains(ctx)
	if err != nil {
		return nil, err
	}
	all, err := d.measureAllEntities(ctx)
	return []table{chains, all}, err
}

// measureChains compares full syncs of four entities with their bound: each page of an export feed
// names the next one, so no sync is faster than the pages of the longest feed one after another.
func (d *deployment) measureChains(ctx context.Context) (table, error) {
	t := table{
		Title:   fmt.Sprintf("Full sync of four entities of %d pages each, one worker", soloPages),
		Columns: []string{"latency of a call (ms)", "bound (s)", "publish to outcome (s)", "times the bound"},
	}
	for _, each := range answerTimes {
		d.progress("four entities at %s a call", each)
		d.pace(each)
		if err := d.prepare(ctx, 1); err != nil {
			return t, err
		}
		synced, began, err := d.sync(ctx, events.Full, []string{tenantOf(soloTenant)})
		if err != nil {
			return t, err
		}
		bound, took := (soloPages * each).Seconds(), durations(synced, began)[0]
		t.Rows = append(t.Rows, []any{each.Milliseconds(), bound, took, took / bound})
	}
	return t, nil
}

// measureAllEntities measures the share of the rate budget that a full sync of every entity uses.
func (d *deployment) measureAllEntities(ctx context.Context) (table, error) {
	t := table{
		Title: fmt.Sprintf("Full sync of all entities of one tenant with %d calls/s of budget, one worker", budgetPerSecond),
		Columns: []string{"latency of a call (ms)", "calls", "publish to outcome (s)", "used share of the budget", "of it while there was work for 48 reads",
			"most calls waiting for ServiceTitan", "most calls in a second", "429s", "worker, resident memory at most (MiB)"},
	}
	for _, each := range answerTimes {
		d.progress("all entities at %s a call", each)
		d.pace(each)
		if err := d.prepare(ctx, 1); err != nil {
			return t, err
		}
		began := time.Now()
		request, err := d.request(events.Full, tenantOf(everythingTenant), events.AllEntities)
		if err != nil {
			return t, err
		}
		synced, err := d.awaitCompleted(ctx, []string{request})
		if err != nil {
			return t, err
		}
		calls, took := d.calls(tenantOf(everythingTenant)), synced[0].at.Sub(began).Seconds()
		busy, seconds := calls.whileBusy(workflows.MaxParallel)
		t.Rows = append(t.Rows, []any{each.Milliseconds(), len(calls), took, budgetShare(len(calls), took), budgetShare(busy, seconds),
			calls.mostWithin(each), calls.mostWithin(time.Second), calls.refused(), d.peakMemory("worker")})
	}
	return t, nil
}

// budgetShare is the share of the rate budget that calls used in a number of seconds.
func budgetShare(calls int, seconds float64) string {
	return fmt.Sprintf("%.0f %%", 100*float64(calls)/seconds/budgetPerSecond)
}
