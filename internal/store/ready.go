package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/pressly/goose/v3"

	"github.com/lazi/lazisync/internal/entity"
)

// Works says why a role cannot work with the database, or nil: the schema is there and,
// for a role that writes, the ledger takes a row. A standby and a database set to read
// only answer queries and fail here.
func (s *Store) Works(ctx context.Context, access Access) error {
	if err := s.CheckSchema(ctx); err != nil || access == Reads {
		return err
	}
	return s.checkWrite(ctx)
}

var errRollBack = errors.New("nothing is kept")

// checkWrite writes a request to the ledger and rolls it back.
func (s *Store) checkWrite(ctx context.Context) error {
	err := s.acquired(ctx, func(conn *pgxpool.Conn) error {
		return pgx.BeginTxFunc(ctx, conn, begin, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, probeSQL); err != nil {
				return err
			}
			return errRollBack
		})
	})
	if errors.Is(err, errRollBack) {
		return nil
	}
	return fmt.Errorf("write to the ledger: %w", err)
}

// probeSQL has an id that no request has: those are hexadecimal.
const probeSQL = `
	insert into raw.sync_requests (request_id, source, event_id, digest, tenant_id, mode, entities, workflow_id)
	values ('probe-' || gen_random_uuid(), '', '', '', 0, 'incremental', '{}', '')`

// CheckSchema says what the database lacks; its error names everything and the
// command that adds it. A schema newer than this program is fine; an adoption that is
// not finished refuses a second tenant.
func (s *Store) CheckSchema(ctx context.Context) error {
	var missing []string
	err := s.read(ctx, "check the schema", func(q querier) (err error) {
		if missing, err = missingFrom(ctx, q, s.entities); err == nil && len(missing) == 0 {
			err = checkTenants(ctx, q, s.tenants...)
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

// schemaSQL reads the version of the schema and the columns of tables, in one statement
// however many tables there are.
const schemaSQL = `
	select coalesce((select max(version_id) from ` + versionTable + `), 0),
	       (select coalesce(array_agg(c.relname || '.' || a.attname), '{}')
	        from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
	        where c.relnamespace = to_regnamespace($1) and c.relname = any($2))`

func missingFrom(ctx context.Context, q querier, entities []entity.Entity) ([]string, error) {
	tables := make([]string, len(entities))
	for i, e := range entities {
		tables[i] = e.Table()
	}
	var version int64
	var present []string
	err := q.QueryRow(ctx, schemaSQL, schemaName, tables).Scan(&version, &present)
	var refused *pgconn.PgError
	if errors.As(err, &refused) && refused.Code == "42P01" { // there is no such table
		return []string{"lazisync's schema " + schemaName}, nil
	}
	if err != nil {
		return nil, err
	}
	files, err := migrations.ReadDir("migrations")
	if err != nil {
		return nil, err
	}
	var missing []string
	for _, f := range files {
		if number, err := goose.NumericComponent(f.Name()); err != nil {
			return nil, err
		} else if number > version {
			missing = append(missing, "migration "+strings.TrimSuffix(f.Name(), ".sql"))
		}
	}
	columns := map[string][]string{}
	for _, name := range present {
		table, column, _ := strings.Cut(name, ".")
		columns[table] = append(columns[table], column)
	}
	for _, e := range entities {
		missing = append(missing, missingFromTable(columns[e.Table()], e)...)
	}
	return missing, nil
}

func missingFromTable(present []string, e entity.Entity) (missing []string) {
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
