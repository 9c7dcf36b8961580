package store

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/internal/store/ddl"
)

// States lists the freshness of every table that a run has opened, of one tenant or, for "", of
// all.
func (s *Store) States(ctx context.Context, tenant events.TenantID) ([]ledger.EntityState, error) {
	return readRows(ctx, s, "list sync states", scanState, `
		select tenant_id, table_name, last_full_sync, last_incremental_sync, records_count, sync_status
		from raw.sync_state
		where ($1::bigint is null or tenant_id = $1) and table_name like 'raw.st\_%' -- the legacy worker used other names too
		order by tenant_id, table_name`, tenant)
}

func scanState(row pgx.CollectableRow) (ledger.EntityState, error) {
	var state ledger.EntityState
	var table string
	var full, incremental *time.Time
	err := row.Scan(&state.TenantID, &table, &full, &incremental, &state.Records, &state.Status)
	state.Entity = entityName(table)
	state.LastFullSync, state.LastIncrementalSync = instant(full), instant(incremental)
	return state, err
}

// rowsBatch is the number of rows that Rows reads with one statement, so that a table of any size
// stays within statement_timeout.
const rowsBatch = 5000

// Rows calls f with every row of an entity of a tenant in the order of ids, deleted rows included.
// fullData is valid only during the call.
func (s *Store) Rows(ctx context.Context, tenant events.TenantID, e entity.Entity,
	f func(id string, modifiedOn time.Time, deleted bool, fullData []byte) error,
) error {
	var after *string // the last id of the previous statement
	for {
		chunk, err := readValue(ctx, s, "read rows of "+e.Name, func(q ddl.Querier) ([]row, error) { return rowsAfter(ctx, q, tenant, e, after) })
		if err != nil {
			return err
		}
		// f runs outside of the statement, whose time is limited.
		for _, r := range chunk {
			if err := f(r.ID, instant(r.Modified), r.Deleted, r.Data); err != nil {
				return err
			}
		}
		if len(chunk) < rowsBatch {
			return nil
		}
		after = &chunk[len(chunk)-1].ID
	}
}

// rowsAfter reads the rows after an id, or the first rows.
func rowsAfter(ctx context.Context, q ddl.Querier, tenant events.TenantID, e entity.Entity, after *string) ([]row, error) {
	return pgx.CollectRows(query(ctx, q, fmt.Sprintf(`
		select t.st_id::text, t.modified_on, t.deleted_at is not null, t.full_data::text from (
			select * from %s
			where tenant_id = $1 and ($2::%[2]s is null or st_id > $2::%[2]s) order by st_id limit $3) t
		order by t.st_id`, tableName(e), ddl.KeyType(e)), tenant, after, rowsBatch), pgx.RowToStructByPos[row])
}

// row is a row of an entity's table.
type row struct {
	ID       string
	Modified *time.Time
	Deleted  bool
	Data     []byte
}

// Tenants lists the tenants that have rows in the table of any entity. A database without the
// tables has none.
func (s *Store) Tenants(ctx context.Context) (tenants []events.TenantID, err error) {
	err = s.read(ctx, "list tenants", func(q ddl.Querier) error {
		tenants = nil
		for _, e := range s.entities {
			found, err := tenantsOf(ctx, q, e)
			if err != nil {
				return err
			}
			tenants = append(tenants, found...)
		}
		slices.Sort(tenants)
		tenants = slices.Compact(tenants)
		return nil
	})
	return tenants, err
}

// tenantsSQL jumps from one tenant to the next in the index of the primary key, whatever the number
// of rows.
const tenantsSQL = `
	with recursive tenants (id) as (
		(select min(tenant_id) from TABLE)
		union all
		select (select min(tenant_id) from TABLE where tenant_id > id) from tenants where id is not null)
	select id from tenants where id is not null`

func tenantsOf(ctx context.Context, q ddl.Querier, e entity.Entity) ([]events.TenantID, error) {
	var exists, isLegacy bool
	err := q.QueryRow(ctx, `select to_regclass($1) is not null, not exists (
		select from pg_attribute where attrelid = to_regclass($1) and attname = 'tenant_id' and not attisdropped)`, tableName(e)).Scan(&exists, &isLegacy)
	switch {
	case err != nil || !exists:
		return nil, err
	case isLegacy:
		return nil, fmt.Errorf("%s is a table of the legacy worker and has no tenant: run lazisync migrate to adopt it", tableName(e))
	}
	return pgx.CollectRows(query(ctx, q, strings.ReplaceAll(tenantsSQL, "TABLE", tableName(e))), pgx.RowTo[events.TenantID])
}
