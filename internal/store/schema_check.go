package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/legacy/adoption"
	"github.com/lazi/lazisync/internal/store/ddl"
)

// CheckReady returns an error if a role cannot work with the database: the schema must be
// complete, the user must have the privileges of the access and, for a role that writes, the
// ledger must accept a row. A standby or read-only database answers queries and fails here.
func (s *Store) CheckReady(ctx context.Context, access Access) error {
	if err := s.CheckSchema(ctx); err != nil {
		return err
	}
	var denied []string
	err := s.read(ctx, "check privileges", func(q ddl.Querier) (err error) {
		denied, err = s.missingPrivileges(ctx, q, access)
		return err
	})
	switch {
	case err != nil:
		return err
	case len(denied) > 0:
		return fmt.Errorf("the user has no privilege to %s: %s", strings.Join(denied, ", "), fixGrant)
	case access == AccessRead, access == AccessAudit:
		return nil
	}
	return s.checkWrite(ctx)
}

var errRollback = errors.New("roll back")

// checkWrite inserts a request into the ledger and rolls back.
func (s *Store) checkWrite(ctx context.Context) error {
	err := s.once(ctx, s.txOptions, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, probeSQL); err != nil {
			return err
		}
		return errRollback
	})
	if errors.Is(err, errRollback) {
		return nil
	}
	return fmt.Errorf("write to the ledger: %w", refusalOf(err))
}

// probeSQL inserts an id that no request has: those are hexadecimal.
const probeSQL = `
	insert into raw.sync_requests (request_id, source, event_id, digest, tenant_id, mode, entities, workflow_id)
	values ('probe-' || gen_random_uuid(), '', '', '', 0, 'incremental', '{}', '')`

// CheckSchema returns an error that names everything that the schema lacks and the command that
// adds it. A newer schema is fine. It also fails for a second tenant while an adoption is not
// finished.
func (s *Store) CheckSchema(ctx context.Context) error {
	var missing []string
	err := s.read(ctx, "check the schema", func(q ddl.Querier) (err error) {
		if missing, err = missingSchema(ctx, q, s.entities); err == nil && len(missing) == 0 {
			err = adoption.CheckTenants(ctx, q, s.tenants...)
		}
		return err
	})
	if err != nil {
		return err
	}
	if len(missing) > 0 {
		return fmt.Errorf("the database lacks %s: run lazisync migrate", strings.Join(missing, ", "))
	}
	return nil
}

// schemaSQL reads the applied migrations and the columns of all tables in one statement.
const schemaSQL = `
	select array(select version_id from ` + versionTable + ` where is_applied),
	       (select coalesce(array_agg(c.relname || '.' || a.attname), '{}')
	        from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
	        where c.relnamespace = to_regnamespace($1) and c.relname = any($2))`

// missingSchema lists the migrations, tables and columns that the database lacks.
func missingSchema(ctx context.Context, q ddl.Querier, entities []entity.Entity) ([]string, error) {
	tables := slices.Clone(ledgerTables)
	for _, e := range entities {
		tables = append(tables, e.Table())
	}
	var versioned bool
	if err := q.QueryRow(ctx, "select to_regclass($1) is not null", versionTable).Scan(&versioned); err != nil {
		return nil, err
	}
	if !versioned {
		return []string{"lazisync's schema " + ddl.Schema}, nil
	}
	var versions []int64
	var present []string
	if err := q.QueryRow(ctx, schemaSQL, ddl.Schema, tables).Scan(&versions, &present); err != nil {
		return nil, err
	}
	all, err := readMigrations(embeddedMigrations())
	if err != nil {
		return nil, err
	}
	var missing []string
	for _, m := range all {
		if !slices.Contains(versions, m.version) {
			missing = append(missing, "migration "+m.name)
		}
	}
	columns := map[string][]string{}
	for _, name := range present {
		table, column, _ := strings.Cut(name, ".")
		columns[table] = append(columns[table], column)
	}
	if len(missing) == 0 { // the migrations have created them
		for _, table := range ledgerTables {
			if len(columns[table]) == 0 {
				missing = append(missing, fmt.Sprintf("table %s.%s (dropped or renamed: restore it)", ddl.Schema, table))
			}
		}
	}
	for _, e := range entities {
		missing = append(missing, missingColumns(columns[e.Table()], e)...)
	}
	return missing, nil
}

func missingColumns(present []string, e entity.Entity) (missing []string) {
	if len(present) == 0 {
		return []string{"table " + tableName(e)}
	}
	for _, c := range tableColumns(e) {
		if !slices.Contains(present, c.name) {
			missing = append(missing, fmt.Sprintf("column %s.%s", tableName(e), c.name))
		}
	}
	return missing
}
