package main

import (
	"cmp"
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
	cost := table{
		Title: fmt.Sprintf("Cost of syncing %s: one worker, pages of 1,000 records", strings.Join(defaultEntities, ", ")),
		Columns: []string{"sync", "records", "records/s", "worker, CPU s per 1,000 records", "PostgreSQL, CPU s per 1,000 records",
			"other roles, CPU s", "API calls", "NATS messages", "Temporal history events"},
	}
	for _, p := range []pass{{"full, all records new", events.Full}, {"full, no record changed", events.Full}, idlePass} {
		if err := d.measurePass(ctx, p, &cost); err != nil {
			return nil, err
		}
	}
	idleCalls := len(d.calls(tenantOf(sizingTenant)))
	storage, err := d.measureStorage(ctx)
	if err != nil {
		return nil, err
	}
	d.company(tenantOf(sizingTenant)).Mutate(sizingChanges)
	if err := d.measurePass(ctx, pass{"incremental, changed records", events.Incremental}, &cost); err != nil {
		return nil, err
	}
	return append([]table{cost, callsPerDay(idleCalls), d.resources(watch())}, storage...), nil
}

// pass is a sync of the sizing tenant.
type pass struct {
	name string
	mode events.Mode
}

var idlePass = pass{"incremental, nothing changed", events.Incremental}

// measurePass syncs the default entities and adds the row of the pass to the table.
func (d *deployment) measurePass(ctx context.Context, p pass, t *table) error {
	d.progress("sizing: %s", p.name)
	tenant := tenantOf(sizingTenant)
	d.company(tenant).ResetStats()
	before, messages := d.cpu(), d.outcomes.count()
	all, began, err := d.sync(ctx, p.mode, []string{tenant})
	if err != nil {
		return err
	}
	messages = d.outcomes.count() - messages
	execution, err := d.temporal.DescribeWorkflowExecution(ctx, all[0].WorkflowID, all[0].RunID)
	if err != nil {
		return fmt.Errorf("describe workflow %s: %w", all[0].WorkflowID, err)
	}
	used, records := d.cpu().minus(before), counts(all).Fetched
	row := []any{p.name, records, float64(records) / durations(all, began)[0], "–", "–", used.others, len(d.calls(tenant)),
		messages, execution.WorkflowExecutionInfo.HistoryLength}
	if records > 0 {
		row[3], row[4] = text(1000*used.workers/float64(records)), text(1000*used.postgres/float64(records))
	}
	t.Rows = append(t.Rows, row)
	return nil
}

// measureStorage syncs every other entity and measures the tables. The second table has all
// entities and is not printed.
func (d *deployment) measureStorage(ctx context.Context) ([]table, error) {
	d.progress("sizing: %d records of each other entity", sizingRecordsRest)
	var others []string
	for _, name := range entity.Names() {
		if !slices.Contains(defaultEntities, name) {
			others = append(others, name)
		}
	}
	if _, _, err := d.sync(ctx, events.Full, []string{tenantOf(sizingTenant)}, others...); err != nil {
		return nil, err
	}
	columns := []string{"entity", "records", "bytes of JSON per record", "MB per 1,000 records", "of it indexes", "bytes stored per byte of JSON"}
	printed := table{Title: "Storage in PostgreSQL", Columns: columns}
	var err error
	if printed.Rows, err = d.storageOf(ctx, defaultEntities); err != nil {
		return nil, err
	}
	rest, err := d.storageOf(ctx, others)
	if err != nil {
		return nil, err
	}
	every := table{Title: "Storage in PostgreSQL, all entities", Columns: columns, Rows: slices.Concat(printed.Rows, rest), hidden: true}
	slices.SortFunc(rest, func(a, b []any) int { return cmp.Compare(a[megabytes].(float64), b[megabytes].(float64)) })
	for i, name := range []string{"smallest", "median", "largest"} {
		row := slices.Clone(rest[i*(len(rest)-1)/2])
		row[0] = fmt.Sprintf("%s of the other %d: %s", name, len(rest), row[0])
		printed.Rows = append(printed.Rows, row)
	}
	return []table{printed, every}, nil
}

const megabytes = 3 // column of the storage tables

// storageOf returns a row for each entity of which the simulated tenant has records.
func (d *deployment) storageOf(ctx context.Context, entities []string) (rows [][]any, err error) {
	for _, name := range entities {
		e, _ := entity.Find(name)
		relation := "raw." + e.Table()
		var records, total, indexes int64
		var perRecord float64
		err := d.sql.QueryRow(ctx, fmt.Sprintf(`select count(*), coalesce(avg(octet_length(full_data::text)), 0)::float8,
			pg_total_relation_size('%[1]s'), pg_indexes_size('%[1]s') from %[1]s`, relation)).Scan(&records, &perRecord, &total, &indexes)
		if err != nil {
			return nil, fmt.Errorf("size of %s: %w", relation, err)
		}
		if records > 0 {
			bytes := float64(total) / float64(records)
			share := fmt.Sprintf("%.0f %%", 100*float64(indexes)/float64(total))
			rows = append(rows, []any{name, records, perRecord, bytes / 1000, share, bytes / perRecord})
		}
	}
	return rows, nil
}
