package store

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/lazi/lazisync/internal/ledger"
)

// RecordAction inserts an entry into the audit trail. An entry whose ID the trail has is left as it
// is.
func (s *Store) RecordAction(ctx context.Context, e ledger.AuditEntry) error {
	return s.transact(ctx, "record an action", func(tx pgx.Tx) error { return recordAction(ctx, tx, e) })
}

func recordAction(ctx context.Context, tx pgx.Tx, e ledger.AuditEntry) error {
	_, err := tx.Exec(ctx, `
		insert into raw.sync_audit (audit_id, at, actor, role, action, target, tenant_id, request_id, reason, status, problem, remote)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) on conflict do nothing`,
		e.ID, e.At, e.Actor, e.Role, e.Action, e.Target, e.TenantID, e.RequestID, e.Reason, e.Status, e.Problem, e.Remote)
	return err
}

// findActionsSQL selects entries by the fields of a ledger.AuditFilter and a limit.
const findActionsSQL = `
	select number, audit_id, at, actor, role, action, target, tenant_id, request_id, reason, status, problem, remote
	from raw.sync_audit
	where ($1::bigint is null or tenant_id = $1)
		and ($2::text = '' or actor = $2)
		and ($3::text = '' or action = $3)
		and ($4::text = '' or (status >= 400) = ($4 = 'refused'))
		and ($5::timestamptz is null or at >= $5)
		and ($6::bigint = 0 or number < $6)
	order by number desc limit $7`

// Actions lists the entries of the audit trail that the filter selects, at most limit, newest
// first. The number of the last one is the cursor of the next page.
func (s *Store) Actions(ctx context.Context, f ledger.AuditFilter, limit int) ([]ledger.AuditEntry, error) {
	return readRows(ctx, s, "list actions", scanAction, findActionsSQL,
		f.TenantID, f.Actor, f.Action, string(f.Outcome), optional(f.Since), f.Before, limit)
}

func scanAction(row pgx.CollectableRow) (e ledger.AuditEntry, err error) {
	err = row.Scan(&e.Number, &e.ID, &e.At, &e.Actor, &e.Role, &e.Action, &e.Target, &e.TenantID, &e.RequestID, &e.Reason, &e.Status, &e.Problem, &e.Remote)
	return e, err
}
