package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/entity"
)

const sizingChanges = 8_000 // records that change before an incremental sync

// measureSizing measures what one tenant needs: CPU, storage, API calls, memory and connections.
func measureSizing(ctx context.Context, d *deployment) ([]table, error) {
	if err := d.prepare(ctx, 0); err != nil {
		return nil, err
	}
	if err := d.setWorkers(ctx, 1); err != nil { // a new one, whose memory others have not used
		return nil, err
	}
	watch := d.watchConnections(ctx)
	cpu, perDay, err := d.measureCost(ctx)
	if err != nil {
		return nil, err
	}
	storage, err := d.measureStorage(ctx)
	if err != nil {
		return nil, err
	}
	return []table{cpu, perDay, storage, d.resources(watch())}, nil
}

// pass is a sync of the sizing tenant.
type pass struct {
	name   string
	mode   events.Mode
	change func()
}

// measureCost measures CPU time and API calls of full and incremental syncs.
func (d *deployment) measureCost(ctx context.Context) (cpu, perDay table, err error) {
	tenant := tenantOf(sizingTenant)
	company := d.company(tenant)
	cpu = table{
		Title: fmt.Sprintf("Cost of syncing %s: one worker, pages of 1,000 records", strings.Join(defaultEntities, ", ")),
		Columns: []string{"sync", "records", "records/s", "worker, CPU s per 1,000 records", "PostgreSQL, CPU s per 1,000 records",
			"other roles, CPU s", "API calls"},
	}
	var idleCalls int
	for _, p := range []pass{
		{"full, all records new", events.Full, func() {}},
		{"full, no record changed", events.Full, func() {}},
		{"incremental, changed records", events.Incremental, func() { company.Mutate(sizingChanges) }},
		{"incremental, nothing changed", events.Incremental, func() {}},
	} {
		d.progress("sizing: %s", p.name)
		p.change()
		company.ResetStats()
		before := d.cpu()
		all, began, err := d.sync(ctx, p.mode, []string{tenant})
		if err != nil {
			return cpu, perDay, err
		}
		used, records := d.cpu().minus(before), counts(all).Fetched
		row := []any{p.name, records, float64(records) / durations(all, began)[0], "–", "–", used.others, len(d.calls(tenant))}
		if records > 0 {
			row[3], row[4] = text(1000*used.workers/float64(records)), text(1000*used.postgres/float64(records))
		}
		cpu.Rows = append(cpu.Rows, row)
		idleCalls = len(d.calls(tenant))
	}
	return cpu, callsPerDay(idleCalls), nil
}

// measureStorage syncs every other entity and measures the tables.
func (d *deployment) measureStorage(ctx context.Context) (table, error) {
	d.progress("sizing: %d records of each other entity", sizingRecordsRest)
	var others []string
	for _, name := range entity.Names() {
		if !slices.Contains(defaultEntities, name) {
			others = append(others, name)
		}
	}
	if _, _, err := d.sync(ctx, events.Full, []string{tenantOf(sizingTenant)}, others...); err != nil {
		return table{}, err
	}
	t := table{
		Title:   "Storage in PostgreSQL",
		Columns: []string{"entity", "records", "bytes of JSON per record", "MB per 1,000 records", "of it indexes", "bytes stored per byte of JSON"},
	}
	for _, name := range append(slices.Clone(defaultEntities), others...) {
		row, err := d.storageOf(ctx, name)
		if err != nil {
			return table{}, err
		}
		if row != nil {
			t.Rows = append(t.Rows, row)
		}
	}
	return t, nil
}

// storageOf returns the row of an entity, nil if the simulated tenant has no record of it.
func (d *deployment) storageOf(ctx context.Context, name string) ([]any, error) {
	e, _ := entity.Find(name)
	relation := "raw." + e.Table()
	var records, total, indexes int64
	var perRecord float64
	err := d.sql.QueryRow(ctx, fmt.Sprintf(`select count(*), coalesce(avg(octet_length(full_data::text)), 0)::float8,
		pg_total_relation_size('%[1]s'), pg_indexes_size('%[1]s') from %[1]s`, relation)).Scan(&records, &perRecord, &total, &indexes)
	if err != nil {
		return nil, fmt.Errorf("size of %s: %w", relation, err)
	}
	if records == 0 {
		return nil, nil
	}
	bytes := float64(total) / float64(records)
	return []any{name, records, perRecord, bytes / 1000, fmt.Sprintf("%.0f %%", 100*float64(indexes)/float64(total)), bytes / perRecord}, nil
}
