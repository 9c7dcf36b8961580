package store

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/legacy/adoption"
	"github.com/lazi/lazisync/internal/store/ddl"
)

// MinVersion is the oldest supported version of PostgreSQL, as in server_version_num.
const MinVersion = 15_00_00

// Inspection describes the server, the user of the connection and the state of the schema.
type Inspection struct {
	Version        int    // 150018 for 15.18
	ServerVersion  string // 15.18 (Debian 15.18-0+deb12u1)
	User           string
	Encoding       string
	TLS            bool
	ReadOnly       bool // a standby, or default_transaction_read_only
	MaxConnections int
	Connections    int           // of all clients
	ClockSkew      time.Duration // of its clock from the local clock; positive if it is ahead
	RoundTrip      time.Duration // of one statement
	Pooler         string        // mode of a connection pooler in front of the server: transaction or session; "" for none

	MissingPrivileges []string // "insert on raw.st_customers"

	// The fields below are set only if no privilege is missing, those after MissingObjects only
	// if the schema is complete.

	MissingObjects      []string        // what lazisync migrate would create
	OpenRuns            int             // runs without an outcome
	UnpublishedOutcomes int             // outcomes not known to be published
	RejectedRecords     int             // of the last day
	AdoptionTenant      events.TenantID // tenant of an unfinished adoption; "" for none
	AdoptionError       error           // why a configured tenant is refused until then
}

// Access is the access to tables that a role of lazisync needs.
type Access int

const (
	AccessRead   Access = iota // reads every table
	AccessAudit                // also adds to the audit trail
	AccessLedger               // also writes the ledger, and prunes
	AccessPages                // also writes every other table
)

// Inspect describes the database for a role with an access.
func (s *Store) Inspect(ctx context.Context, access Access) (x Inspection, err error) {
	pooler, err := s.findPooler(ctx)
	if err != nil {
		return x, fmt.Errorf("detect a connection pooler: %w", refusalOf(err))
	}
	err = s.read(ctx, "inspect the database", func(q ddl.Querier) error {
		sent := time.Now()
		var now time.Time
		if err := q.QueryRow(ctx, "select clock_timestamp()").Scan(&now); err != nil {
			return err
		}
		x = Inspection{RoundTrip: time.Since(sent), Pooler: pooler}
		x.ClockSkew = now.Sub(sent.Add(x.RoundTrip / 2))
		if err := q.QueryRow(ctx, serverSQL).Scan(&x.Version, &x.ServerVersion, &x.User, &x.Encoding, &x.TLS, &x.ReadOnly,
			&x.MaxConnections, &x.Connections); err != nil {
			return err
		}
		if x.MissingPrivileges, err = s.missingPrivileges(ctx, q, access); err != nil || len(x.MissingPrivileges) > 0 {
			return err
		}
		if x.MissingObjects, err = missingSchema(ctx, q, s.entities); err != nil || len(x.MissingObjects) > 0 {
			return err
		}
		if x.AdoptionTenant, err = adoption.Tenant(ctx, q); err != nil {
			return err
		}
		if err := adoption.CheckTenants(ctx, q, s.tenants...); adoption.IsTenantError(err) {
			x.AdoptionError = err
		} else if err != nil {
			return err
		}
		return q.QueryRow(ctx, ledgerSQL).Scan(&x.OpenRuns, &x.UnpublishedOutcomes, &x.RejectedRecords)
	})
	return x, err
}

const serverSQL = `
	select current_setting('server_version_num')::int, current_setting('server_version'), current_user, current_setting('server_encoding'),
	       coalesce((select ssl from pg_stat_ssl where pid = pg_backend_pid()), false),
	       pg_is_in_recovery() or current_setting('default_transaction_read_only')::bool,
	       current_setting('max_connections')::int, (select count(*) from pg_stat_activity where backend_type = 'client backend')`

const ledgerSQL = `
	select (select count(*) from raw.sync_runs where state = 'running'),
	       (select count(*) from raw.sync_runs where state <> 'running' and published_at is null),
	       (select count(*) from raw.rejected_records where rejected_at > now() - interval '1 day')`

// missingPrivileges lists the privileges that an access needs and the user does not have. It ignores
// privileges on columns.
func (s *Store) missingPrivileges(ctx context.Context, q ddl.Querier, access Access) ([]string, error) {
	var present, usable bool
	if err := q.QueryRow(ctx, `select to_regnamespace($1) is not null,
		coalesce(has_schema_privilege(to_regnamespace($1)::oid, 'usage'), false)`, ddl.Schema).Scan(&present, &usable); err != nil {
		return nil, err
	}
	if !present {
		return nil, nil
	}
	if !usable {
		return []string{"usage on schema " + ddl.Schema}, nil
	}
	changes := []string{"insert", "update", "delete"}
	if access == AccessAudit {
		changes = changes[:1]
	}
	denied, err := pgx.CollectRows(query(ctx, q, `
		select n.nspname || '.' || c.relname, p.privilege
		from pg_class c
		join pg_namespace n on n.oid = c.relnamespace
		cross join unnest($2::text[]) with ordinality as p (privilege, place)
		where n.nspname = $1 and c.relname = any($3) and (p.privilege = 'select' or c.relname = any($4) and p.privilege = any($5))
		  and not has_table_privilege(c.oid, p.privilege)
		order by c.relname, p.place`, ddl.Schema, []string{"select", "insert", "update", "delete"},
		append(s.writtenTables(AccessPages), migratedTables...), s.writtenTables(access), changes), func(row pgx.CollectableRow) (string, error) {
		var table, privilege string
		err := row.Scan(&table, &privilege)
		return fmt.Sprintf("%s on %s", privilege, table), err
	})
	if err != nil {
		return nil, err
	}
	functions, err := s.missingFunctionPrivileges(ctx, q, access)
	if err != nil {
		return nil, err
	}
	denied = append(denied, functions...)
	if access != AccessPages {
		return denied, nil
	}
	var canCreate bool
	if err := q.QueryRow(ctx, "select coalesce(has_schema_privilege(to_regnamespace($1)::oid, 'create'), true)", stagingSchema).Scan(&canCreate); err != nil {
		return nil, err
	}
	if !canCreate {
		denied = append(denied, "create on schema "+stagingSchema)
	}
	return denied, nil
}

// pageFunctions are the functions of schema raw that a role with AccessPages calls.
var pageFunctions = []string{"lease_calls", "modified_on", "raise_run_numbers", "slow_calls", "to_bigint", "to_boolean", "to_numeric", "to_text",
	"to_timestamptz", "to_timestamptz_checked"}

// missingFunctionPrivileges lists the functions that an access calls and the user may not execute. By
// default every user may.
func (s *Store) missingFunctionPrivileges(ctx context.Context, q ddl.Querier, access Access) ([]string, error) {
	called := pageFunctions
	switch access {
	case AccessRead, AccessAudit:
		return nil, nil
	case AccessLedger:
		called = []string{"raise_run_numbers"}
	}
	return pgx.CollectRows(query(ctx, q, `
		select distinct 'execute on function ' || n.nspname || '.' || p.proname
		from pg_proc p join pg_namespace n on n.oid = p.pronamespace
		where n.nspname = $1 and p.proname = any($2) and not has_function_privilege(p.oid, 'execute')
		order by 1`, ddl.Schema, called), pgx.RowTo[string])
}

// ledgerTables are the tables of the ledger and those that the reconciler prunes.
var ledgerTables = []string{"sync_requests", "sync_runs", "sync_controls", "sync_cursors", "sync_state", "sync_seen", "sync_missed", "rejected_records",
	"sync_refresh_ids", "temporal_namespace", "sync_restores", "sync_targets", "sync_outages", "sync_dead_letters", "changes", auditTable}

// pageTables are the other tables, without those of records, that a role with AccessPages writes: call_budgets
// and call_leases through functions, which have the privileges of their caller.
var pageTables = []string{"schema_drift", "sync_fields", "call_budgets", "call_leases"}

// migratedTables are the tables that only lazisync migrate writes.
var migratedTables = []string{"sync_columns", "sync_time_zones", strings.TrimPrefix(versionTable, ddl.Schema+".")}

// auditTable is the table of the audit trail.
const auditTable = "sync_audit"

// writtenTables returns the tables that an access writes.
func (s *Store) writtenTables(access Access) (names []string) {
	switch access {
	case AccessRead:
		return nil
	case AccessAudit:
		return []string{auditTable}
	}
	names = slices.Clone(ledgerTables)
	if access == AccessPages {
		names = append(names, pageTables...)
		for _, e := range s.entities {
			names = append(names, e.Table())
		}
	}
	return names
}

// Summary describes the server in one line.
func (x Inspection) Summary() string {
	version, _, _ := strings.Cut(x.ServerVersion, " ")
	pooler := ""
	if x.Pooler != "" {
		pooler = " through a pooler in " + x.Pooler + " mode"
	}
	return fmt.Sprintf("PostgreSQL %s%s, user %s, %d of %d connections in use", version, pooler, x.User, x.Connections, x.MaxConnections)
}
