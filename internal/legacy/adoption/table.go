package adoption

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/store/ddl"
)

// stateTable is the only legacy table without records.
const stateTable = ddl.Schema + ".sync_state"

// Table is a table that the legacy worker made. It has the name of one of lazisync's tables
// and a primary key without the tenant.
type Table struct {
	Name string // raw.st_customers

	entity          *entity.Entity // nil for raw.sync_state
	key             string         // st_id or table_name
	columns         []column
	primaryKey      string   // name of the constraint
	checks          []string // names of the check constraints
	replicatesByKey bool     // logical replication identifies rows by the primary key
	problems        []string // why the table cannot be adopted
}

// IsState reports whether the table is raw.sync_state, which must be adopted before the
// migrations run.
func (t *Table) IsState() bool { return t.entity == nil }

// column is a column of a legacy table.
type column struct {
	Name     string
	Type     string // with its limits: character varying(255)
	Category string // pg_type.typcategory
	Number   int16
	NotNull  bool
	Computed bool // generated, or an identity column that rejects explicit values
	Identity bool
	Default  string // "" without a default
}

func (t *Table) column(name string) (column, bool) {
	i := slices.IndexFunc(t.columns, func(c column) bool { return c.Name == name })
	if i < 0 {
		return column{}, false
	}
	return t.columns[i], true
}

func (t *Table) hasColumn(name string) bool {
	_, found := t.column(name)
	return found
}

func (t *Table) addProblem(format string, args ...any) {
	t.problems = append(t.problems, t.Name+": "+fmt.Sprintf(format, args...))
}

// requiredColumn is a column that lazisync writes.
type requiredColumn struct{ name, definition string }

// baseType returns the type in the column's definition.
func (c requiredColumn) baseType() string { return strings.Fields(c.definition)[0] }

// requiredColumns returns the columns that lazisync writes. tenant_id and, in a table of
// records, run_number are not among them: they are always added.
func (t *Table) requiredColumns() []requiredColumn {
	if t.entity == nil {
		return []requiredColumn{
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
	columns := []requiredColumn{{"st_id", ddl.KeyType(*t.entity)}, {"full_data", "jsonb"}}
	for _, c := range t.entity.Columns {
		columns = append(columns, requiredColumn{c.Name, string(c.Type)})
	}
	return append(columns, requiredColumn{"modified_on", "timestamptz"}, requiredColumn{"fetched_at", "timestamptz"}, requiredColumn{"deleted_at", "timestamptz"})
}

// legacyTables describes the tables that have the name of one of lazisync's tables and no
// tenant_id.
func legacyTables(ctx context.Context, tx pgx.Tx, entities []entity.Entity) ([]*Table, error) {
	candidates := map[string]*entity.Entity{"sync_state": nil}
	for i, e := range entities {
		candidates[e.Table()] = &entities[i]
	}
	rows, err := tx.Query(ctx, `
		select relname::text from pg_class c
		where relnamespace = to_regnamespace($1) and relkind in ('r', 'p', 'v', 'm', 'f')
		and not exists (select from pg_attribute where attrelid = c.oid and attname = 'tenant_id' and not attisdropped)
		order by relname`, ddl.Schema)
	if err != nil {
		return nil, err
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, err
	}
	var found []*Table
	for _, name := range names {
		e, isCandidate := candidates[name]
		if !isCandidate {
			continue
		}
		t := &Table{Name: ddl.Schema + "." + name, entity: e, key: "st_id"}
		if e == nil {
			t.key = "table_name"
		}
		if err := t.describe(ctx, tx); err != nil {
			return nil, fmt.Errorf("describe %s: %w", t.Name, err)
		}
		found = append(found, t)
	}
	return found, nil
}

// describe reads the columns, owner and constraints of the table.
func (t *Table) describe(ctx context.Context, tx pgx.Tx) error {
	rows, err := tx.Query(ctx, `
		select attname::text, format_type(atttypid, atttypmod), typcategory::text, attnum, attnotnull, attgenerated <> '' or attidentity = 'a', attidentity <> '',
			coalesce(pg_get_expr(adbin, adrelid), '')
		from pg_attribute join pg_type on pg_type.oid = atttypid left join pg_attrdef on adrelid = attrelid and adnum = attnum
		where attrelid = to_regclass($1) and attnum > 0 and not attisdropped order by attnum`, t.Name)
	if err != nil {
		return err
	}
	if t.columns, err = pgx.CollectRows(rows, pgx.RowToStructByPos[column]); err != nil {
		return err
	}
	var kind, owner string
	var isOwner bool
	err = tx.QueryRow(ctx, "select relkind::text, pg_get_userbyid(relowner)::text, pg_has_role(relowner, 'usage'), relreplident = 'd' from pg_class where oid = to_regclass($1)", t.Name).
		Scan(&kind, &owner, &isOwner, &t.replicatesByKey)
	if err != nil {
		return err
	}
	if kind != "r" {
		t.addProblem("want an ordinary table")
	}
	if !isOwner {
		t.addProblem("belongs to %s: run lazisync migrate as that role or as a member of it", owner)
	}
	return t.describeConstraints(ctx, tx)
}

// describeConstraints reads the primary key and the check constraints. Any other constraint
// or unique index is a problem: it could reject rows from ServiceTitan, or it depends on the
// primary key that the adoption replaces.
func (t *Table) describeConstraints(ctx context.Context, tx pgx.Tx) error {
	rows, err := tx.Query(ctx, `
		select conname::text, contype::text, pg_get_constraintdef(oid), conrelid::regclass::text from pg_constraint
		where conrelid = to_regclass($1) or confrelid = to_regclass($1) order by conname`, t.Name)
	if err != nil {
		return err
	}
	var name, kind, definition, on string
	_, err = pgx.ForEachRow(rows, []any{&name, &kind, &definition, &on}, func() error {
		switch {
		case kind == "p" && definition == fmt.Sprintf("PRIMARY KEY (%s)", t.key):
			t.primaryKey = name
		case kind == "c":
			t.checks = append(t.checks, name)
		case kind == "n": // not null, listed since PostgreSQL 18
		case kind == "p":
			t.addProblem("%s, want PRIMARY KEY (%s)", definition, t.key)
		default:
			t.addProblem("constraint %s of %s, %s, is not supported: drop it", name, on, definition)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if t.primaryKey == "" {
		t.addProblem("want PRIMARY KEY (%s)", t.key)
	}
	rows, err = tx.Query(ctx, `
		select indexrelid::regclass::text from pg_index
		where indrelid = to_regclass($1) and indisunique and not exists (select from pg_constraint where conindid = indexrelid) order by 1`, t.Name)
	if err != nil {
		return err
	}
	_, err = pgx.ForEachRow(rows, []any{&name}, func() error {
		t.addProblem("unique index %s is not supported: drop it", name)
		return nil
	})
	return err
}
