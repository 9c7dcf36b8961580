package adoption

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/lazi/lazisync/internal/store/ddl"
)

func (t Unfinished) isState() bool { return t.Table == stateTable }

// lockState locks the table's row of raw.sync_state, as a page does before it writes the
// table, so that no page is stored until the transaction ends. A missing row is inserted with
// the values of rows that the legacy worker may have written under other names.
func (t Unfinished) lockState(ctx context.Context, tx pgx.Tx) error {
	_, err := tx.Exec(ctx, `
		insert into raw.sync_state (tenant_id, table_name, last_full_sync, last_incremental_sync, sync_status)
		select $1, $2, max(last_full_sync), max(last_incremental_sync), coalesce(max(sync_status), '') from raw.sync_state
		where tenant_id = $1 and table_name in ('st_' || $3::text, $3::text)
		on conflict do nothing`, t.Tenant, t.Table, strings.TrimPrefix(t.Table, ddl.Schema+".st_"))
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, "select from raw.sync_state where tenant_id = $1 and table_name = $2 for update", t.Tenant, t.Table)
	return err
}

// CountRows sets records_count, since not only lazisync may have written rows. It does nothing
// for raw.sync_state.
func (t Unfinished) CountRows(ctx context.Context, tx pgx.Tx) error {
	if t.isState() {
		return nil
	}
	if err := t.lockState(ctx, tx); err != nil {
		return err
	}
	return t.count(ctx, tx)
}

func (t Unfinished) count(ctx context.Context, tx pgx.Tx) error {
	_, err := tx.Exec(ctx, `
		update raw.sync_state set records_count = (select count(*) from `+t.Table+` where tenant_id = $1 and deleted_at is null),
			adopted_at = coalesce(adopted_at, now())
		where tenant_id = $1 and table_name = $2`, t.Tenant, t.Table)
	return err
}

// Finish drops what only the statements of the legacy worker need: the trigger, the legacy key
// and the defaults. The primary key gets the name that lazisync's tables have.
func (t Unfinished) Finish(ctx context.Context, tx pgx.Tx) error {
	if !t.isState() {
		if err := t.lockState(ctx, tx); err != nil {
			return err
		}
	}
	if _, err := tx.Exec(ctx, "lock table "+t.Table+" in access exclusive mode"); err != nil {
		return err
	}
	key, defaults := "table_name", "alter tenant_id drop default"
	if !t.isState() {
		key, defaults = "st_id", "alter tenant_id drop default, alter run_number drop default"
		if err := t.count(ctx, tx); err != nil { // no other session writes from here on
			return err
		}
	}
	var replicatesByLegacyKey bool
	err := tx.QueryRow(ctx, "select exists (select from pg_index where indrelid = to_regclass($1) and indisreplident and indexrelid = to_regclass($2))",
		t.Table, ddl.Schema+"."+ddl.KeyConstraint(t.Table)).Scan(&replicatesByLegacyKey)
	if err != nil {
		return err
	}
	replicaIdentity := ""
	if replicatesByLegacyKey {
		replicaIdentity = ", replica identity default"
	}
	return ddl.ExecAll(ctx, tx, []string{
		"drop trigger adopted on " + t.Table,
		"drop function " + triggerFunction(t.Table) + "()",
		fmt.Sprintf("alter table %s drop constraint if exists %s, drop constraint %s, %s%s",
			t.Table, ddl.KeyConstraint(t.Table), tenantKey(t.Table), defaults, replicaIdentity),
		fmt.Sprintf("alter table %s add constraint %s primary key (tenant_id, %s)", t.Table, ddl.KeyConstraint(t.Table), key),
	})
}
