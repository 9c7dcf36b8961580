package adoption

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/store/ddl"
)

// Adopt takes over the table for a tenant and returns what it did, nothing if another
// process has adopted the table meanwhile. A table of records needs the cast functions of
// the migrations; its typed columns are filled by the migration of its columns.
func (t *Table) Adopt(ctx context.Context, tx pgx.Tx, tenant events.TenantID) (done []string, err error) {
	present, err := ddl.ColumnNames(ctx, tx, t.Name)
	if err != nil || slices.Contains(present, "tenant_id") {
		return nil, err
	}
	statements, err := t.alterSQL(ctx, tx, tenant)
	if err != nil {
		return nil, err
	}
	if t.IsState() {
		statements = append(statements, stateFunctionSQL)
	} else {
		statements = append(statements,
			fmt.Sprintf("create index %s_run on %s (run_number, tenant_id)", ddl.Unqualified(t.Name), t.Name), t.recordFunctionSQL())
	}
	if err := ddl.ExecAll(ctx, tx, append(statements, triggerSQL(t.Name))); err != nil {
		return nil, err
	}
	done = []string{fmt.Sprintf("adopted %s for tenant %s", t.Name, tenant)}
	for _, name := range t.checks {
		done = append(done, fmt.Sprintf("dropped check constraint %s of %s", name, t.Name))
	}
	return done, nil
}

// alterSQL locks the table and returns the statements that give it lazisync's columns and
// both keys.
func (t *Table) alterSQL(ctx context.Context, tx pgx.Tx, tenant events.TenantID) ([]string, error) {
	if _, err := tx.Exec(ctx, "lock table "+t.Name+" in access exclusive mode"); err != nil {
		return nil, err
	}
	views, err := t.views(ctx, tx)
	if err != nil {
		return nil, err
	}
	statements := []string{dropViews(views), t.columnsSQL(tenant), t.keysSQL(), t.fillSQL(), t.notNullSQL()}
	for _, v := range views {
		statements = append(statements, v.createSQL()...)
	}
	return slices.DeleteFunc(statements, func(s string) bool { return s == "" }), nil
}

// columnsSQL drops the constraints that could reject lazisync's rows, changes types, and adds
// columns. tenant_id is added first: the columns before it are those of the legacy worker.
func (t *Table) columnsSQL(tenant events.TenantID) string {
	steps := []string{"drop constraint " + ddl.Quote(t.primaryKey), fmt.Sprintf("add tenant_id bigint not null default %s", tenant)}
	for _, name := range t.checks {
		steps = append(steps, "drop constraint "+ddl.Quote(name))
	}
	required := t.requiredColumns()
	isRequired := func(name string) bool {
		return slices.ContainsFunc(required, func(c requiredColumn) bool { return c.name == name })
	}
	for _, c := range t.columns {
		if c.NotNull && c.Name != t.key && (isRequired(c.Name) || c.Default == "" && !c.Identity) {
			steps = append(steps, fmt.Sprintf("alter %s drop not null", ddl.Quote(c.Name)))
		}
	}
	for _, r := range required {
		c, found := t.column(r.name)
		switch {
		case !found:
			steps = append(steps, fmt.Sprintf("add %s %s", ddl.Quote(r.name), r.definition))
		case !c.hasType(r.baseType()):
			conversion, _ := c.conversionTo(r.baseType())
			steps = append(steps, c.changeType(r.baseType(), conversion.using)...)
		}
	}
	if !t.IsState() {
		steps = append(steps, "add run_number bigint not null default 0")
	}
	return "alter table " + t.Name + " " + strings.Join(steps, ", ")
}

// changeType changes the type of a column and of its default: not every default converts by
// itself.
func (c column) changeType(want, using string) []string {
	name := ddl.Quote(c.Name)
	steps := []string{fmt.Sprintf("alter %s type %s using %s", name, want, using)}
	if c.Default != "" {
		steps = append(steps, fmt.Sprintf("alter %s drop default", name), fmt.Sprintf("alter %s set default (%s)::%s", name, c.Default, want))
	}
	return steps
}

// keysSQL creates both keys. An upsert looks for conflicts at one key, the legacy key, and
// would fail at the other if the row was inserted in between. So the primary key is
// deferrable: it is checked at the end of the statement, which by then has met the row at the
// legacy key. In raw.sync_state lazisync and the legacy worker insert different rows.
func (t *Table) keysSQL() string {
	deferrable := ""
	if !t.IsState() {
		deferrable = " deferrable"
	}
	keys := fmt.Sprintf("alter table %[1]s add constraint %[2]s unique (%[3]s), add constraint %[4]s primary key (tenant_id, %[3]s)%[5]s",
		t.Name, ddl.KeyConstraint(t.Name), ddl.Quote(t.key), tenantKey(t.Name), deferrable)
	if t.replicatesByKey { // a deferrable key cannot identify rows
		keys += fmt.Sprintf(";\nalter table %s replica identity using index %s", t.Name, ddl.KeyConstraint(t.Name))
	}
	return keys
}

// tenantKey returns the name of the primary key until the adoption is finished. The legacy
// key has the name that upserts use.
func tenantKey(table string) string { return ddl.Quote(ddl.Unqualified(table) + "_tenant_pkey") }

// fillSQL sets the columns that must not be null. A fetched_at in the future is set to now:
// no later version would replace it.
func (t *Table) fillSQL() string {
	names, values := "records_count, sync_status", "coalesce(records_count, 0), coalesce(sync_status, '')"
	if !t.IsState() {
		names = "full_data, fetched_at"
		values = "coalesce(full_data, '{}'), least(coalesce(fetched_at, 'epoch'), now())"
	}
	return fmt.Sprintf("update %[1]s set (%[2]s) = row(%[3]s) where (%[2]s) is distinct from (%[3]s)", t.Name, names, values)
}

func (t *Table) notNullSQL() string {
	changes := "alter full_data set not null, alter fetched_at set not null"
	if t.IsState() {
		changes = "alter records_count set not null, alter records_count set default 0, alter sync_status set not null, alter sync_status set default ''"
	}
	return "alter table " + t.Name + " " + changes
}
