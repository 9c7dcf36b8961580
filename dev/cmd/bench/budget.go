package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/entity"
)

const (
	budgetPerSecond = 50 // default of SERVICETITAN_REQUESTS_PER_SECOND
	apiPerSecond    = 60 // ServiceTitan's limit
	requestEntities = 4  // of each of four requests
)

// busyEntities are sixteen entities with an export feed. Reading all of them at once needs more
// calls than the rate budget has.
func busyEntities() []string {
	names := slices.Clone(defaultEntities)
	for _, name := range entity.Names() {
		e, _ := entity.Find(name)
		if e.Export != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
		if len(names) == 4*requestEntities {
			return names
		}
	}
	panic("the catalogue has too few entities with an export feed")
}

// measureBudget measures the API calls of one tenant that needs more of them than its budget.
func measureBudget(ctx context.Context, d *deployment) ([]table, error) {
	t := table{
		Title: fmt.Sprintf("API calls of one tenant with %d calls/s of budget and more work, over all workers; the API allows %d", budgetPerSecond, apiPerSecond),
		Columns: []string{"workers", "reads at once", "calls", "seconds with work for all", "calls/s", "used share of the budget",
			"most calls in a second", "429s"},
	}
	reads := len(busyEntities())
	for _, workers := range []int{1, 2, 4} {
		d.progress("rate budget of one tenant with %d workers", workers)
		if err := d.prepare(ctx, workers); err != nil {
			return nil, err
		}
		if err := d.readBusyTenant(ctx); err != nil {
			return nil, err
		}
		calls := d.calls(tenantOf(busyTenant))
		count, seconds := calls.whileBusy(reads)
		rate := float64(count) / seconds
		t.Rows = append(t.Rows, []any{workers, reads, count, seconds, rate, budgetShare(count, seconds),
			calls.mostWithin(time.Second), calls.refused()})
	}
	return []table{t}, nil
}

// readBusyTenant syncs all busyEntities of the busy tenant at once.
func (d *deployment) readBusyTenant(ctx context.Context) error {
	var requests []string
	for entities := range slices.Chunk(busyEntities(), requestEntities) {
		id, err := d.request(events.Full, tenantOf(busyTenant), entities...)
		if err != nil {
			return err
		}
		requests = append(requests, id)
	}
	_, err := d.awaitCompleted(ctx, requests)
	return err
}

// whileBusy returns the calls, and the seconds, from the time at which a number of entities are
// being read until fewer of them are incomplete.
func (c calls) whileBusy(reads int) (count int, seconds float64) {
	first, last := map[string]time.Time{}, map[string]time.Time{}
	for _, one := range c {
		if _, known := first[one.entity]; !known {
			first[one.entity] = one.at
		}
		last[one.entity] = one.at
	}
	starts, ends := sorted(first), sorted(last)
	from, until := starts[reads-1], ends[len(ends)-reads]
	for _, one := range c {
		if !one.at.Before(from) && one.at.Before(until) {
			count++
		}
	}
	return count, until.Sub(from).Seconds()
}

func sorted(times map[string]time.Time) (all []time.Time) {
	for _, at := range times {
		all = append(all, at)
	}
	slices.SortFunc(all, time.Time.Compare)
	return all
}
