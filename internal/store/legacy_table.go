package store

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/lazi/lazisync/internal/entity"
)

// stateTable is the one table of an earlier program that holds no records.
const stateTable = schemaName + ".sync_state"

// earlierTable is a table that an earlier sync program made: it has the name of one
// of ours and its own key alone, without the tenant.
type earlierTable struct {
	name    string         // raw.st_customers
	entity  *entity.Entity // nil for raw.sync_state
	key     string         // st_id, or table_name
	columns []earlierColumn
	primary string   // name of its primary key
	checks  []string // names of its check constraints
	byKey   bool     // logical replication tells its rows apart by the primary key

	problems []string // why it cannot be adopted
}

// earlierColumn is a column as the earlier program made it.
type earlierColumn struct {
	Name     string
	Type     string // with its limits: character varying(255)
	Category string // of its type, as pg_type has it
	Number   int16
	NotNull  bool
	Computed bool   // nobody but PostgreSQL may write it
	Identity bool   // PostgreSQL counts it where a statement does not say
	Default  string // "" for none
}

func (t *earlierTable) column(name string) (earlierColumn, bool) {
	i := slices.IndexFunc(t.columns, func(c earlierColumn) bool { return c.Name == name })
	if i < 0 {
		return earlierColumn{}, false
	}
	return t.columns[i], true
}

func (t *earlierTable) problem(format string, args ...any) {
	t.problems = append(t.problems, t.name+": "+fmt.Sprintf(format, args...))
}

// wanted are the columns that lazisync writes, with their types. The tenant and, in
// a table of records, the run are new.
func (t *earlierTable) wanted() []column {
	if t.entity == nil {
		return []column{
			{"table_name", "text"},
			{"last_full_sync", "timestamptz"},
			{"last_incremental_sync", "timestamptz"},
			{"records_count", "bigint"},
			{"sync_status", "text"},
			{"resume_token", "text not null default ''"},
			{"resume_since", "timestamptz"},
			{"resume_version", "bigint not null default 0"},
			{"updated_at", "timestamptz not null default clock_timestamp()"},
		}
	}
	columns := []column{{"st_id", keyType(*t.entity)}, {"full_data", "jsonb"}}
	for _, c := range t.entity.Columns {
		columns = append(columns, column{c.Name, string(c.Type)})
	}
	return append(columns, column{"modified_on", "timestamptz"}, column{"fetched_at", "timestamptz"}, column{"deleted_at", "timestamptz"})
}

// baseType is the type in a column's definition.
func (c column) baseType() string { return strings.Fields(c.definition)[0] }

// earlierTables finds the tables of an earlier program and what is known of them.
func earlierTables(ctx context.Context, tx pgx.Tx, entities []entity.Entity) ([]*earlierTable, error) {
	candidates := map[string]*entity.Entity{"sync_state": nil}
	for i, e := range entities {
		candidates[e.Table()] = &entities[i]
	}
	rows, err := tx.Query(ctx, `
		select relname::text from pg_class c
		where relnamespace = to_regnamespace($1) and relkind in ('r', 'p', 'v', 'm', 'f')
		and not exists (select from pg_attribute where attrelid = c.oid and attname = 'tenant_id' and not attisdropped)
		order by relname`, schemaName)
	if err != nil {
		return nil, err
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, err
	}
	var found []*earlierTable
	for _, name := range names {
		e, ours := candidates[name]
		if !ours {
			continue
		}
		t := &earlierTable{name: schemaName + "." + name, entity: e, key: "st_id"}
		if e == nil {
			t.key = "table_name"
		}
		if err := t.describe(ctx, tx); err != nil {
			return nil, fmt.Errorf("look at %s: %w", t.name, err)
		}
		found = append(found, t)
	}
	return found, nil
}

// describe reads what the table looks like.
func (t *earlierTable) describe(ctx context.Context, tx pgx.Tx) error {
	rows, err := tx.Query(ctx, `
		select attname::text, format_type(atttypid, atttypmod), typcategory::text, attnum, attnotnull, attgenerated <> '' or attidentity = 'a', attidentity <> '',
			coalesce(pg_get_expr(adbin, adrelid), '')
		from pg_attribute join pg_type on pg_type.oid = atttypid left join pg_attrdef on adrelid = attrelid and adnum = attnum
		where attrelid = to_regclass($1) and attnum > 0 and not attisdropped order by attnum`, t.name)
	if err != nil {
		return err
	}
	if t.columns, err = pgx.CollectRows(rows, pgx.RowToStructByPos[earlierColumn]); err != nil {
		return err
	}
	var kind, owner string
	var owned bool
	err = tx.QueryRow(ctx, "select relkind::text, pg_get_userbyid(relowner)::text, pg_has_role(relowner, 'usage'), relreplident = 'd' from pg_class where oid = to_regclass($1)", t.name).
		Scan(&kind, &owner, &owned, &t.byKey)
	if err != nil {
		return err
	}
	if kind != "r" {
		t.problem("want an ordinary table")
	}
	if !owned {
		t.problem("belongs to %s: migrate as that role, or as a member of it", owner)
	}
	return t.describeConstraints(ctx, tx)
}

// describeConstraints finds the primary key, the checks, and what stands in the way:
// whatever refuses rows that ServiceTitan sends, or rests on the key that goes.
func (t *earlierTable) describeConstraints(ctx context.Context, tx pgx.Tx) error {
	rows, err := tx.Query(ctx, `
		select conname::text, contype::text, pg_get_constraintdef(oid), conrelid::regclass::text from pg_constraint
		where conrelid = to_regclass($1) or confrelid = to_regclass($1) order by conname`, t.name)
	if err != nil {
		return err
	}
	var name, kind, definition, on string
	_, err = pgx.ForEachRow(rows, []any{&name, &kind, &definition, &on}, func() error {
		switch {
		case kind == "p" && definition == fmt.Sprintf("PRIMARY KEY (%s)", t.key):
			t.primary = name
		case kind == "c":
			t.checks = append(t.checks, name)
		case kind == "n": // not null, listed since PostgreSQL 18
		case kind == "p":
			t.problem("%s, want PRIMARY KEY (%s)", definition, t.key)
		default:
			t.problem("constraint %s of %s, %s, would not hold: drop it", name, on, definition)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if t.primary == "" {
		t.problem("want PRIMARY KEY (%s)", t.key)
	}
	rows, err = tx.Query(ctx, `
		select indexrelid::regclass::text from pg_index
		where indrelid = to_regclass($1) and indisunique and not exists (select from pg_constraint where conindid = indexrelid) order by 1`, t.name)
	if err != nil {
		return err
	}
	_, err = pgx.ForEachRow(rows, []any{&name}, func() error {
		t.problem("unique index %s would not hold: drop it", name)
		return nil
	})
	return err
}
