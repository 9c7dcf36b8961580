package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/simulator"
)

const (
	growthFeed = "pricebook_materials"          // has an export feed
	growthList = "pricebook_discounts_and_fees" // is a list, whose missing rows are looked up

	growthChanges   = 100 // changed records of an incremental sync
	growthSyncs     = 11  // incremental syncs, of which the table has the median
	growthMissing   = 100 // one of so many rows is deleted in ServiceTitan
	growthRemaining = 1   // records of each other entity

	growthRecordsRest    = 200 // records of each entity of growthEntitiesTenant
	growthEntitiesTenant = growthTenant + 10
)

// growthSizes are the sizes of the tables, one for each tenant from growthTenant on.
var growthSizes = []int{10_000, 100_000, 1_000_000}

// growthOptions returns the simulated tenants of the section growth. The simulator generates the records of
// these entities on their first request, so that tenants that are not measured need no memory.
func growthOptions() (all []simulator.Options) {
	for i, n := range growthSizes {
		all = append(all, simulator.Options{
			Tenant: int64(growthTenant + i), RecordsPerEntity: growthRemaining, RequestsPerSecond: -1,
			Records: map[string]int{growthFeed: n, growthList: n},
		})
	}
	return append(all, simulator.Options{Tenant: growthEntitiesTenant, RecordsPerEntity: growthRecordsRest, RequestsPerSecond: -1})
}

// growthEntities are all simulated entities, those of a default request first.
func growthEntities() []string {
	names := slices.Clone(defaultEntities)
	for _, name := range entity.Names() {
		if !slices.Contains(names, name) && slices.Contains(simulator.Entities(), name) {
			names = append(names, name)
		}
	}
	return names
}

// growRecords measures larger and larger tables.
func (d *deployment) growRecords(ctx context.Context) (*growth, error) {
	sizes := slices.DeleteFunc(slices.Clone(growthSizes), func(n int) bool { return n > max(d.options.records, growthSizes[0]) })
	g := newGrowth("One table, one worker, pages of 1,000 records of the feed and 5,000 of the list", "records of the table", sizes)
	for i, n := range sizes {
		d.progress("growth: %d records", n)
		if err := d.growTable(ctx, g, tenantOf(growthTenant+i)); err != nil {
			return nil, fmt.Errorf("%d records: %w", n, err)
		}
	}
	return g, nil
}

// growTable measures a feed and a list of a tenant, from empty tables on.
func (d *deployment) growTable(ctx context.Context, g *growth, tenant string) error {
	if err := d.prepareGrowth(ctx); err != nil {
		return err
	}
	if err := d.growSteps(ctx, g, tenant, feedSteps); err != nil {
		return err
	}
	if err := d.growIncrementals(ctx, g, tenant); err != nil {
		return err
	}
	var bytes int64
	if err := d.sql.QueryRow(ctx, "select pg_total_relation_size('raw.st_"+growthFeed+"')").Scan(&bytes); err != nil {
		return fmt.Errorf("size of the table: %w", err)
	}
	g.note("feed, table with indexes after all (MB)", float64(bytes)/1e6)
	if err := d.growSteps(ctx, g, tenant, listSteps); err != nil {
		return err
	}
	d.growMemory(g)
	return nil
}

// growthStep is a sync of one entity.
type growthStep struct {
	name    string
	mode    events.Mode
	entity  string
	missing bool // some records were deleted in ServiceTitan
}

var feedSteps = []growthStep{
	{name: "feed, first load", mode: events.Full, entity: growthFeed},
	{name: "feed, no record changed", mode: events.Full, entity: growthFeed},
	{name: "feed, rebuild", mode: events.Rebuild, entity: growthFeed},
}

var listSteps = []growthStep{
	{name: "list, first load", mode: events.Full, entity: growthList},
	{name: "list, no record changed, sweep", mode: events.Full, entity: growthList},
	{name: "list, 1 % missing, sweep and lookup", mode: events.Full, entity: growthList, missing: true},
}

func (d *deployment) growSteps(ctx context.Context, g *growth, tenant string, steps []growthStep) error {
	for _, step := range steps {
		d.progress("growth: %s", step.name)
		if _, err := d.company(tenant).RandomID(step.entity); err != nil { // the simulator generates the records
			return err
		}
		if step.missing {
			if err := d.removeSome(tenant); err != nil {
				return err
			}
		}
		err := d.growStep(ctx, g, step.name, func() error {
			_, _, err := d.sync(ctx, step.mode, []string{tenant}, step.entity)
			return err
		})
		if err != nil {
			return fmt.Errorf("%s: %w", step.name, err)
		}
	}
	return nil
}

// growIncrementals notes the median of incremental syncs with a number of changes.
func (d *deployment) growIncrementals(ctx context.Context, g *growth, tenant string) error {
	var took, wal []float64
	for range growthSyncs {
		if err := d.updateSome(tenant); err != nil {
			return err
		}
		before, began := d.wal(ctx), time.Now()
		all, _, err := d.sync(ctx, events.Incremental, []string{tenant}, growthFeed)
		if err != nil {
			return err
		}
		if n := counts(all).Updated; n == 0 {
			return fmt.Errorf("records that the incremental sync updated: got 0, want up to %d", growthChanges)
		}
		took, wal = append(took, 1000*time.Since(began).Seconds()), append(wal, float64(d.wal(ctx)-before)/1e3)
	}
	g.note(fmt.Sprintf("feed, incremental of %d changes (ms)", growthChanges), percentile(took, 50))
	g.note(fmt.Sprintf("feed, incremental of %d changes, WAL (kB)", growthChanges), percentile(wal, 50))
	return nil
}

// updateSome changes records of the feed.
func (d *deployment) updateSome(tenant string) error {
	company := d.company(tenant)
	for range growthChanges {
		id, err := company.RandomID(growthFeed)
		if err == nil {
			err = company.Update(growthFeed, id)
		}
		if err != nil {
			return fmt.Errorf("change a record: %w", err)
		}
	}
	return nil
}

// removeSome deletes records of the list.
func (d *deployment) removeSome(tenant string) error {
	company := d.company(tenant)
	i := slices.IndexFunc(d.companies, func(o simulator.Options) bool { return tenantOf(int(o.Tenant)) == tenant })
	for range d.companies[i].Records[growthList] / growthMissing {
		id, err := company.RandomID(growthList)
		if err == nil {
			err = company.Delete(growthList, id)
		}
		if err != nil {
			return fmt.Errorf("delete a record: %w", err)
		}
	}
	return nil
}
