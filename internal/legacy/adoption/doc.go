// Package adoption takes over the tables of the legacy worker in place. They have the names
// of lazisync's tables and are keyed by the record alone.
//
// Each table is adopted in one transaction: it gets the tenant, lazisync's columns and the
// primary key (tenant_id, st_id). Until the adoption is finished, a unique constraint on the
// legacy key and a default for tenant_id keep the statements of the legacy worker working,
// and a trigger keeps newer versions of a record from being replaced by older ones.
//
// Package store calls it from Migrate and FinishAdoption, in its own transactions, and refuses
// a second tenant until then. It must not import store. ADR 30 says when it is removed and how.
package adoption

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/store/ddl"
)

// WriterSetting is the setting that store turns on in its transactions. The triggers of
// adopted tables leave rows of such transactions alone.
const WriterSetting = "lazisync.writer"

// Unfinished is a table whose adoption is not finished.
type Unfinished struct {
	Table  string // raw.st_customers
	Tenant events.TenantID
}

// ListUnfinished lists the tables whose adoption is not finished, raw.sync_state last. They
// are those where tenant_id has a default, which the statements of the legacy worker need.
func ListUnfinished(ctx context.Context, q ddl.Querier) ([]Unfinished, error) {
	rows, err := q.Query(ctx, `
		select $1 || '.' || relname, trim(both '''' from split_part(pg_get_expr(adbin, adrelid), '::', 1))::bigint
		from pg_attrdef join pg_attribute on attrelid = adrelid and attnum = adnum join pg_class c on c.oid = attrelid
		where relnamespace = to_regnamespace($1) and (relname = 'sync_state' or relname like 'st\_%') and attname = 'tenant_id'
		order by relname = 'sync_state', relname`, ddl.Schema)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[Unfinished])
}

// Tenant returns the tenant of an unfinished adoption, "" if there is none.
func Tenant(ctx context.Context, q ddl.Querier) (events.TenantID, error) {
	tables, err := ListUnfinished(ctx, q)
	if err != nil || len(tables) == 0 {
		return "", err
	}
	return tables[0].Tenant, nil
}

// CheckTenants returns an error for which IsTenantError is true if a tenant is not that of an
// unfinished adoption.
func CheckTenants(ctx context.Context, q ddl.Querier, tenants ...events.TenantID) error {
	adopted, err := Tenant(ctx, q)
	if err != nil || adopted == "" {
		return err
	}
	for _, tenant := range tenants {
		if tenant != adopted {
			return &tenantError{tenant, adopted}
		}
	}
	return nil
}

// tenantError rejects a tenant while an adoption for another one is not finished. Activities
// do not retry it.
type tenantError struct{ tenant, adopted events.TenantID }

func (e *tenantError) Error() string {
	return fmt.Sprintf("tenant %s: the database was adopted from the legacy worker for tenant %s and takes no other tenant before lazisync migrate --finish-adoption",
		e.tenant, e.adopted)
}

// Permanent reports that a retry does not help.
func (e *tenantError) Permanent() bool { return true }

// Type is the type of the error in events.
func (e *tenantError) Type() string { return "ValidationError" }

// IsTenantError reports whether CheckTenants rejected a tenant.
func IsTenantError(err error) bool {
	var rejected *tenantError
	return errors.As(err, &rejected)
}
