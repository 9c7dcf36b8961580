package store

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// An earlier sync program made tables of the same names, keyed by the record alone.
// Migrate takes them over in place, each in one transaction: they get the tenant and
// lazisync's columns, and the primary key (tenant_id, st_id). Until FinishAdoption a
// unique constraint on the earlier key and a default for the tenant let the earlier
// program's statements work, and a trigger keeps the order of versions among its rows.

// writerSetting marks the transactions of lazisync, for the triggers on adopted tables.
const writerSetting = "lazisync.writer"

// keyName is the name of a table's key, as PostgreSQL gives it to a primary key. Until the
// adoption is finished it is that of the earlier key, and the primary key has another.
func keyName(table string) string { return quoted(bare(table) + "_pkey") }

func tenantKeyName(table string) string { return quoted(bare(table) + "_tenant_pkey") }

func bare(table string) string { return table[strings.LastIndexByte(table, '.')+1:] }

// adoptState takes over raw.sync_state. It comes before the migrations, which would
// make that table.
func (t *earlierTable) adoptState(ctx context.Context, tx pgx.Tx, tenant int64) error {
	statements, err := t.reshape(ctx, tx, tenant)
	if err != nil {
		return err
	}
	return execAll(ctx, tx, append(statements, stateTrigger, guard(t.name)))
}

// adoptRecords takes over a table of records. The casts that it needs exist by then.
// What follows fills the typed columns, as those that any migration adds.
func (t *earlierTable) adoptRecords(ctx context.Context, tx pgx.Tx, tenant int64) error {
	statements, err := t.reshape(ctx, tx, tenant)
	if err != nil {
		return err
	}
	return execAll(ctx, tx, append(statements,
		fmt.Sprintf("create index %s_run on %s (tenant_id, run_number)", bare(t.name), t.name), t.recordTrigger(), guard(t.name)))
}

// reshape are the statements that give the table the form of lazisync's own, with both keys.
func (t *earlierTable) reshape(ctx context.Context, tx pgx.Tx, tenant int64) ([]string, error) {
	if _, err := tx.Exec(ctx, "lock table "+t.name+" in access exclusive mode"); err != nil {
		return nil, err
	}
	views, err := t.views(ctx, tx)
	if err != nil {
		return nil, err
	}
	statements := []string{dropViews(views), t.alter(tenant), t.keys(), t.complete(), t.demand()}
	for _, v := range views {
		statements = append(statements, v.create()...)
	}
	return slices.DeleteFunc(statements, func(s string) bool { return s == "" }), nil
}

// alter drops what would refuse lazisync's rows, widens types, and adds columns, the
// tenant first: what comes before it is the earlier program's.
func (t *earlierTable) alter(tenant int64) string {
	steps := []string{"drop constraint " + quoted(t.primary), fmt.Sprintf("add tenant_id bigint not null default %d", tenant)}
	for _, name := range t.checks {
		steps = append(steps, "drop constraint "+quoted(name))
	}
	for _, c := range t.columns {
		if c.NotNull && c.Name != t.key && (t.writes(c.Name) || c.Default == "" && !c.Identity) {
			steps = append(steps, fmt.Sprintf("alter %s drop not null", quoted(c.Name)))
		}
	}
	for _, want := range t.wanted() {
		c, there := t.column(want.name)
		switch {
		case !there:
			steps = append(steps, fmt.Sprintf("add %s %s", quoted(want.name), want.definition))
		case !c.is(want.baseType()):
			conversion, _ := c.convert(want.baseType())
			steps = append(steps, c.retype(want.baseType(), conversion.using)...)
		}
	}
	if t.entity != nil {
		steps = append(steps, "add run_number bigint not null default 0")
	}
	return "alter table " + t.name + " " + strings.Join(steps, ", ")
}

// writes says whether lazisync writes the column.
func (t *earlierTable) writes(name string) bool {
	return slices.ContainsFunc(t.wanted(), func(c column) bool { return c.name == name })
}

// retype changes a column's type, and that of its default: not every default converts by itself.
func (c earlierColumn) retype(want, using string) []string {
	name := quoted(c.Name)
	steps := []string{fmt.Sprintf("alter %s type %s using %s", name, want, using)}
	if c.Default != "" {
		steps = append(steps, fmt.Sprintf("alter %s drop default", name), fmt.Sprintf("alter %s set default (%s)::%s", name, c.Default, want))
	}
	return steps
}

// complete gives values to the rows that lack what lazisync counts on. The columns that
// follow from the record are filled afterwards, without a lock on the table.
func (t *earlierTable) complete() string {
	names, values := "records_count, sync_status", "coalesce(records_count, 0), coalesce(sync_status, '')"
	if t.entity != nil {
		names = "full_data, fetched_at"
		values = "coalesce(full_data, '{}'), least(coalesce(fetched_at, 'epoch'), now())" // a version from the future would never be replaced
	}
	return fmt.Sprintf("update %[1]s set (%[2]s) = row(%[3]s) where (%[2]s) is distinct from (%[3]s)", t.name, names, values)
}

func (t *earlierTable) has(name string) bool {
	_, there := t.column(name)
	return there
}

// demand sets what lazisync counts on.
func (t *earlierTable) demand() string {
	needed := "alter full_data set not null, alter fetched_at set not null"
	if t.entity == nil {
		needed = "alter records_count set not null, alter records_count set default 0, alter sync_status set not null, alter sync_status set default ''"
	}
	return "alter table " + t.name + " " + needed
}

// keys makes both keys. A statement that inserts looks for conflicts at one of them, the
// earlier key, and would fail at the other if a row entered both in between. So the
// primary key is deferrable: it is checked when the statement is over, which by then has
// met the row at the earlier key. In raw.sync_state nobody inserts what the other does.
func (t *earlierTable) keys() string {
	deferrable := ""
	if t.entity != nil {
		deferrable = " deferrable"
	}
	keys := fmt.Sprintf("alter table %[1]s add constraint %[2]s unique (%[3]s), add constraint %[4]s primary key (tenant_id, %[3]s)%[5]s",
		t.name, keyName(t.name), quoted(t.key), tenantKeyName(t.name), deferrable)
	if t.byKey { // which a deferrable one does not do
		keys += fmt.Sprintf(";\nalter table %s replica identity using index %s", t.name, keyName(t.name))
	}
	return keys
}

func execAll(ctx context.Context, tx pgx.Tx, statements []string) error {
	for _, statement := range statements {
		if _, err := tx.Exec(ctx, statement); err != nil {
			return fmt.Errorf("%s: %w", firstLine(statement), err)
		}
	}
	return nil
}

func firstLine(statement string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(statement), "\n")
	if len(line) > 80 {
		line = line[:80] + "…"
	}
	return line
}
