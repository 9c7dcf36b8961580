package store

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lazi/lazisync/internal/legacy/adoption"
	"github.com/lazi/lazisync/internal/store/ddl"
)

// MinVersion is the oldest PostgreSQL that every statement of this package works with,
// as server_version_num counts.
const MinVersion = 15_00_00

// Inspection is what the database tells of itself and of the user of this connection.
type Inspection struct {
	Version        int    // 150018 for 15.18
	ServerVersion  string // 15.18 (Debian 15.18-0+deb12u1)
	User           string
	Encoding       string
	TLS            bool
	ReadOnly       bool // a standby, or set to read only
	MaxConnections int
	Connections    int           // in use, by anybody
	Skew           time.Duration // of its clock against ours; positive where it is ahead
	Answers        time.Duration // how long a round trip took
	Pooler         string        // mode of a connection pooler in front of the server: transaction, session, "" for none

	Denied []string // privileges that the user lacks: "insert on raw.st_customers"

	// What follows is looked at only where no privilege lacks.

	Missing     []string // what a migration would make
	Unfinalized int      // runs without an outcome
	Unpublished int      // outcomes that no stream is known to have
	Rejected    int      // records of the last day that could not be stored
	AdoptedFor  string   // tenant of an adoption that is not finished, "" for none
	Refused     error    // why the process's tenants cannot all be served meanwhile
}

// Access is what a role of lazisync does with its tables.
type Access int

const (
	AccessRead   Access = iota // everything, and changes nothing
	AccessLedger               // writes the tables of requests, runs and controls, and prunes the others
	AccessPages                // writes every table
)

// Inspect looks at the database through the eyes of a role.
func (s *Store) Inspect(ctx context.Context, access Access) (x Inspection, err error) {
	pooler, err := s.findPooler(ctx)
	if err != nil {
		return x, fmt.Errorf("look for a connection pooler: %w", refusalOf(err))
	}
	err = s.read(ctx, "examine the database", func(q ddl.Querier) error {
		asked := time.Now()
		var now time.Time
		if err := q.QueryRow(ctx, "select clock_timestamp()").Scan(&now); err != nil {
			return err
		}
		x = Inspection{Answers: time.Since(asked), Pooler: pooler}
		x.Skew = now.Sub(asked.Add(x.Answers / 2))
		if err := q.QueryRow(ctx, serverSQL).Scan(&x.Version, &x.ServerVersion, &x.User, &x.Encoding, &x.TLS, &x.ReadOnly,
			&x.MaxConnections, &x.Connections); err != nil {
			return err
		}
		if x.Denied, err = s.deniedTo(ctx, q, access); err != nil || len(x.Denied) > 0 {
			return err
		}
		if x.Missing, err = missingFrom(ctx, q, s.entities); err != nil || len(x.Missing) > 0 {
			return err
		}
		if x.AdoptedFor, err = adoption.Tenant(ctx, q); err != nil {
			return err
		}
		if err := adoption.CheckTenants(ctx, q, s.tenants...); adoption.IsTenantError(err) {
			x.Refused = err
		} else if err != nil {
			return err
		}
		return q.QueryRow(ctx, ledgerSQL).Scan(&x.Unfinalized, &x.Unpublished, &x.Rejected)
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

// deniedTo lists the privileges that a role needs and its user lacks. Privileges on
// columns are not looked at: nobody grants those to a program.
func (s *Store) deniedTo(ctx context.Context, q ddl.Querier, access Access) ([]string, error) {
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
	rows, err := q.Query(ctx, `
		select n.nspname || '.' || c.relname, p.privilege
		from pg_class c
		join pg_namespace n on n.oid = c.relnamespace
		cross join unnest($2::text[]) with ordinality as p (privilege, place)
		where n.nspname = $1 and c.relname = any($3) and (p.privilege = 'select' or c.relname = any($4))
		  and not has_table_privilege(c.oid, p.privilege)
		order by c.relname, p.place`, ddl.Schema, []string{"select", "insert", "update", "delete"},
		append(s.tablesFor(AccessPages), strings.TrimPrefix(versionTable, ddl.Schema+".")), s.tablesFor(access))
	if err != nil {
		return nil, err
	}
	denied, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (string, error) {
		var table, privilege string
		err := row.Scan(&table, &privilege)
		return fmt.Sprintf("%s on %s", privilege, table), err
	})
	if err != nil {
		return nil, err
	}
	functions, err := s.deniedFunctions(ctx, q, access)
	if err != nil {
		return nil, err
	}
	denied = append(denied, functions...)
	if access != AccessPages {
		return denied, nil
	}
	var makes bool
	if err := q.QueryRow(ctx, "select coalesce(has_schema_privilege(to_regnamespace($1)::oid, 'create'), true)", sideSchema).Scan(&makes); err != nil {
		return nil, err
	}
	if !makes {
		denied = append(denied, "create on schema "+sideSchema)
	}
	return denied, nil
}

// pageFunctions are the functions of the schema that statements of pages call.
var pageFunctions = []string{"lease_calls", "modified_on", "raise_run_numbers", "slow_calls", "to_bigint", "to_boolean", "to_numeric", "to_text",
	"to_timestamptz", "to_timestamptz_checked"}

// deniedFunctions lists the functions that a role calls and its user may not execute.
// Everybody may, unless an administrator has revoked that.
func (s *Store) deniedFunctions(ctx context.Context, q ddl.Querier, access Access) ([]string, error) {
	called := pageFunctions
	switch access {
	case AccessRead:
		return nil, nil
	case AccessLedger:
		called = []string{"raise_run_numbers"}
	}
	rows, err := q.Query(ctx, `
		select distinct 'execute on function ' || n.nspname || '.' || p.proname
		from pg_proc p join pg_namespace n on n.oid = p.pronamespace
		where n.nspname = $1 and p.proname = any($2) and not has_function_privilege(p.oid, 'execute')
		order by 1`, ddl.Schema, called)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// ledgerTables are those that say what was asked and how it ended, and what the
// reconciler prunes with them.
var ledgerTables = []string{"sync_requests", "sync_runs", "sync_controls", "sync_cursors", "sync_state", "sync_seen", "sync_missed", "rejected_records",
	"temporal_namespace", "sync_restores"}

// tablesFor are the tables that a role writes.
func (s *Store) tablesFor(access Access) (names []string) {
	if access == AccessRead {
		return nil
	}
	names = slices.Clone(ledgerTables)
	if access == AccessPages {
		names = append(names, "schema_drift")
		for _, e := range s.entities {
			names = append(names, e.Table())
		}
	}
	return names
}

// Summary is the server in a few words.
func (x Inspection) Summary() string {
	version, _, _ := strings.Cut(x.ServerVersion, " ")
	pooler := ""
	if x.Pooler != "" {
		pooler = " through a pooler in " + x.Pooler + " mode"
	}
	return fmt.Sprintf("PostgreSQL %s%s, user %s, %d of %d connections in use", version, pooler, x.User, x.Connections, x.MaxConnections)
}
