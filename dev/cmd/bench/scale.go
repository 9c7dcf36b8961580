package main

import (
	"context"
	"slices"
	"time"

	"github.com/lazi/lazisync/events"
)

// scaleTenants are the most tenants of the section scale.
const scaleTenants = 50

// measureScale measures full syncs with 1, 2 and 4 workers of 1, 10 and 50 tenants.
func measureScale(ctx context.Context, d *deployment) ([]table, error) {
	t := table{
		Title: "Full syncs of all tenants, requested at once",
		Columns: []string{"tenants", "workers", "records", "pages/s", "records/s", "first tenant done (s)", "median (s)", "last (s)",
			"most calls of a tenant in a second", "429s", "CPU s of workers", "of PostgreSQL", "of other roles", "of the other servers"},
	}
	for _, tenants := range []int{1, 10, scaleTenants} {
		for _, workers := range []int{1, 2, 4} {
			row, err := d.measureFleet(ctx, tenants, workers)
			if err != nil {
				return nil, err
			}
			t.Rows = append(t.Rows, row)
		}
	}
	return []table{t}, nil
}

func (d *deployment) measureFleet(ctx context.Context, tenants, workers int) ([]any, error) {
	d.progress("full syncs of %d tenants with %d workers", tenants, workers)
	ids := fleet(tenants)
	if tenants == 1 {
		ids = []string{tenantOf(soloTenant)}
	}
	if err := d.prepare(ctx, workers); err != nil {
		return nil, err
	}
	before := d.cpu()
	all, began, err := d.sync(ctx, events.Full, ids)
	if err != nil {
		return nil, err
	}
	used := d.cpu().minus(before)
	sum, seconds := counts(all), durations(all, began)
	last := seconds[len(seconds)-1]
	most, refused := 0, 0
	for _, id := range ids {
		calls := d.calls(id)
		most, refused = max(most, calls.mostWithin(time.Second)), refused+calls.refused()
	}
	return []any{tenants, workers, sum.Fetched, float64(sum.Pages) / last, float64(sum.Fetched) / last,
		seconds[0], seconds[len(seconds)/2], last, most, refused, used.workers, used.postgres, used.others, used.servers}, nil
}

// prepare empties the tables and statistics, and runs a number of workers.
func (d *deployment) prepare(ctx context.Context, workers int) error {
	if err := d.setWorkers(ctx, workers); err != nil {
		return err
	}
	for _, company := range d.stack.Companies {
		company.ResetStats()
	}
	return d.clearTables(ctx)
}

// call is an API call as the simulated ServiceTitan received it.
type call struct {
	at     time.Time
	entity string
	status int
}

// calls are the API calls of one tenant, oldest first, without those for tokens.
type calls []call

func (d *deployment) calls(tenant string) (all calls) {
	for _, c := range d.company(tenant).Stats().Requests {
		if c.On != "token" {
			all = append(all, call{c.At, c.Entity, c.Status})
		}
	}
	slices.SortFunc(all, func(a, b call) int { return a.at.Compare(b.at) })
	return all
}

// mostWithin returns the highest number of calls within any window of the given length.
func (c calls) mostWithin(window time.Duration) (most int) {
	first := 0
	for i := range c {
		for c[i].at.Sub(c[first].at) >= window {
			first++
		}
		most = max(most, i-first+1)
	}
	return most
}

// refused counts the calls that were answered with 429.
func (c calls) refused() (n int) {
	for _, one := range c {
		if one.status == 429 {
			n++
		}
	}
	return n
}
