package store

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
)

// findEarlier finds the tables to adopt, raw.sync_state apart, and fails if one of them
// cannot be.
func (s *Store) findEarlier(ctx context.Context, tx pgx.Tx) (state, records []*earlierTable, err error) {
	tables, err := s.checkEarlier(ctx, tx)
	for _, t := range tables {
		if t.entity == nil {
			state = append(state, t)
		} else {
			records = append(records, t)
		}
	}
	return state, records, err
}

// adopt takes over tables, each in a transaction of its own: whatever ends it in
// between, the next migration continues with the rest. A table that another process has
// adopted meanwhile is left as it is.
func (s *Store) adopt(ctx context.Context, tables []*earlierTable,
	take func(t *earlierTable, ctx context.Context, tx pgx.Tx, tenant int64) error,
) (applied []string, err error) {
	for _, t := range tables {
		tenant, err := tenantNumber(s.tenants[0])
		if err != nil {
			return applied, err
		}
		var adopted bool
		err = s.step(ctx, func(tx pgx.Tx) error {
			present, err := columnNamesOf(ctx, tx, t.name)
			if adopted = slices.Contains(present, "tenant_id"); err != nil || adopted {
				return err
			}
			return take(t, ctx, tx, tenant)
		})
		if err != nil {
			return applied, fmt.Errorf("adopt %s: %w", t.name, err)
		}
		if adopted {
			continue
		}
		applied = append(applied, fmt.Sprintf("adopted %s for tenant %d", t.name, tenant))
		for _, name := range t.checks {
			applied = append(applied, fmt.Sprintf("dropped check constraint %s of %s", name, t.name))
		}
	}
	return applied, nil
}

// adopted is a table whose adoption is not finished.
type adopted struct {
	Table  string // raw.st_customers
	Tenant int64
}

// adoptedTables lists the tables whose adoption is not finished, raw.sync_state last.
// Their mark is the default of tenant_id: the tenant that rows of earlier statements get.
func adoptedTables(ctx context.Context, q querier) ([]adopted, error) {
	rows, err := q.Query(ctx, `
		select $1 || '.' || relname, trim(both '''' from split_part(pg_get_expr(adbin, adrelid), '::', 1))::bigint
		from pg_attrdef join pg_attribute on attrelid = adrelid and attnum = adnum join pg_class c on c.oid = attrelid
		where relnamespace = to_regnamespace($1) and (relname = 'sync_state' or relname like 'st\_%') and attname = 'tenant_id'
		order by relname = 'sync_state', relname`, schemaName)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[adopted])
}

// countAdopted counts the rows of adopted tables, in which somebody else than lazisync
// may have written.
func (s *Store) countAdopted(ctx context.Context) error {
	return s.eachAdopted(ctx, func(tx pgx.Tx, t adopted) error {
		if t.Table == stateTable {
			return nil
		}
		if err := t.hold(ctx, tx); err != nil {
			return err
		}
		return t.count(ctx, tx)
	})
}

// eachAdopted calls f for every table whose adoption is not finished, each in a
// transaction of its own.
func (s *Store) eachAdopted(ctx context.Context, f func(tx pgx.Tx, t adopted) error) error {
	var tables []adopted
	err := s.step(ctx, func(tx pgx.Tx) (err error) {
		tables, err = adoptedTables(ctx, tx)
		return err
	})
	if err != nil {
		return fmt.Errorf("look for adopted tables: %w", err)
	}
	for _, t := range tables {
		err := s.step(ctx, func(tx pgx.Tx) error {
			left, err := adoptedTables(ctx, tx)
			if err != nil || !slices.Contains(left, t) { // another process has finished it meanwhile
				return err
			}
			return f(tx, t)
		})
		if err != nil {
			return fmt.Errorf("adopted table %s: %w", t.Table, err)
		}
	}
	return nil
}

// hold keeps pages of the table out until the transaction ends: they, too, take the row
// of raw.sync_state before they touch the table. The row is made where it is missing,
// with what stands there under other names that the earlier program may have used.
func (t adopted) hold(ctx context.Context, tx pgx.Tx) error {
	_, err := tx.Exec(ctx, `
		insert into raw.sync_state (tenant_id, table_name, last_full_sync, last_incremental_sync, sync_status)
		select $1, $2, max(last_full_sync), max(last_incremental_sync), coalesce(max(sync_status), '') from raw.sync_state
		where tenant_id = $1 and table_name in ('st_' || $3::text, $3::text)
		on conflict do nothing`, t.Tenant, t.Table, entityName(t.Table))
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, "select from raw.sync_state where tenant_id = $1 and table_name = $2 for update", t.Tenant, t.Table)
	return err
}

func (t adopted) count(ctx context.Context, tx pgx.Tx) error {
	_, err := tx.Exec(ctx, `
		update raw.sync_state set records_count = (select count(*) from `+t.Table+` where tenant_id = $1 and deleted_at is null),
			adopted_at = coalesce(adopted_at, now())
		where tenant_id = $1 and table_name = $2`, t.Tenant, t.Table)
	return err
}

// FinishAdoption ends the time in which an earlier program's statements work, and says
// what it did. From then on the database takes further tenants. It may be repeated.
func (s *Store) FinishAdoption(ctx context.Context) (finished []string, err error) {
	err = s.step(ctx, func(tx pgx.Tx) error {
		waiting, err := earlierTables(ctx, tx, s.entities)
		if len(waiting) > 0 {
			err = fmt.Errorf("%s are not adopted yet: lazisync migrate, without --finish-adoption, adopts them", names(waiting))
		}
		return err
	})
	if err == nil {
		err = s.eachAdopted(ctx, func(tx pgx.Tx, t adopted) error {
			err := t.finish(ctx, tx)
			if err == nil {
				finished = append(finished, "finished the adoption of "+t.Table)
			}
			return err
		})
	}
	if err != nil {
		return finished, fmt.Errorf("finish the adoption: %w", explain(refusalOf(err)))
	}
	return finished, nil
}

// finish takes from the table what earlier statements needed.
func (t adopted) finish(ctx context.Context, tx pgx.Tx) error {
	records := t.Table != stateTable
	if records {
		if err := t.hold(ctx, tx); err != nil {
			return err
		}
	}
	if _, err := tx.Exec(ctx, "lock table "+t.Table+" in access exclusive mode"); err != nil {
		return err
	}
	if records {
		if err := t.count(ctx, tx); err != nil { // once more, now that nobody else writes
			return err
		}
	}
	key, defaults := "st_id", "alter tenant_id drop default, alter run_number drop default"
	if !records {
		key, defaults = "table_name", "alter tenant_id drop default"
	}
	identity := ""
	var byEarlierKey bool
	err := tx.QueryRow(ctx, "select exists (select from pg_index where indrelid = to_regclass($1) and indisreplident and indexrelid = to_regclass($2))",
		t.Table, schemaName+"."+keyName(t.Table)).Scan(&byEarlierKey)
	if err != nil {
		return err
	}
	if byEarlierKey {
		identity = ", replica identity default"
	}
	return execAll(ctx, tx, []string{
		"drop trigger adopted on " + t.Table,
		"drop function " + guardFunction(t.Table) + "()",
		fmt.Sprintf("alter table %s drop constraint if exists %s, drop constraint %s, %s%s", t.Table, keyName(t.Table), tenantKeyName(t.Table), defaults, identity),
		fmt.Sprintf("alter table %s add constraint %s primary key (tenant_id, %s)", t.Table, keyName(t.Table), key),
	})
}
