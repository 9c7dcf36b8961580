package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/store/ddl"
)

// The definitions of the catalogue compute typed columns from full_data. During a rollout or
// rollback, builds with different catalogues write the same table. So each table has a trigger
// that computes the columns of every row whose writer does not use the definitions of the table:
// an older build, the legacy worker, a person. A transaction declares its definitions in a
// setting, so that the trigger costs a writer with the same definitions one comparison per row.

// columnsSetting is the setting with the digest of the definitions of a transaction.
const columnsSetting = "lazisync.columns"

// columnsFunction returns the name of the trigger function of a table.
func columnsFunction(table string) string { return table + "_columns" }

// columnsDigest returns a digest of what a writer sets: the fingerprint, and the definitions of a
// table's typed columns. A build without fingerprints has other digests.
func columnsDigest(table string, columns []entity.Column) string {
	sum := sha256.Sum256([]byte(table + "\n" + fingerprintColumn + "\n" + strings.Join(definitions(columns), "\n")))
	return hex.EncodeToString(sum[:8])
}

// definitions returns columns as raw.sync_columns has them, sorted by name.
func definitions(columns []entity.Column) []string {
	all := make([]string, len(columns))
	for i, c := range columns {
		all[i] = c.Name + " " + string(c.Type) + " = " + c.Path
	}
	slices.Sort(all)
	return all
}

// parseDefinition parses one string of definitions.
func parseDefinition(text string) (entity.Column, error) {
	head, path, hasPath := strings.Cut(text, " = ")
	name, kind, hasType := strings.Cut(head, " ")
	if !hasPath || !hasType {
		return entity.Column{}, fmt.Errorf("raw.sync_columns: definition %q: want \"name type = path\"", text)
	}
	return entity.Column{Name: name, Type: entity.ColumnType(kind), Path: path}, nil
}

// layout describes a table and its typed columns to a migration.
type layout struct {
	table    string
	entity   entity.Entity
	present  []string        // names of the columns in order; none if the table does not exist
	recorded []entity.Column // the definitions in raw.sync_columns
	filledBy string          // fingerprint of the casts that filled every row
	trigger  string          // body of the trigger function, "" without a trigger
	casts    string          // fingerprint of the current cast functions
}

// layoutSQL reads a layout. Parameters: $1 table with schema, $2 schema.
const layoutSQL = `
	select coalesce(c.definitions, '{}'), coalesce(c.filled_by, ''),
		coalesce((select prosrc from pg_trigger join pg_proc p on p.oid = tgfoid where tgrelid = to_regclass($1) and tgname = 'columns'), ''),
		array(` + ddl.ColumnNamesSQL + ` order by attnum),
		(select md5(string_agg(proname || prosrc, '' order by proname)) from pg_proc
			where pronamespace = to_regnamespace($2) and (proname like 'to\_%' or proname = 'modified_on'))
	from (select 1) one left join raw.sync_columns c on c.table_name = $1`

func readLayout(ctx context.Context, tx pgx.Tx, e entity.Entity) (l layout, err error) {
	l = layout{table: tableName(e), entity: e}
	var recorded []string
	err = tx.QueryRow(ctx, layoutSQL, l.table, ddl.Schema).Scan(&recorded, &l.filledBy, &l.trigger, &l.present, &l.casts)
	if err != nil {
		return l, err
	}
	for _, text := range recorded {
		c, err := parseDefinition(text)
		if err != nil {
			return l, err
		}
		l.recorded = append(l.recorded, c)
	}
	return l, nil
}

// missing returns the columns of the catalogue that the table does not have.
func (l layout) missing() []entity.Column {
	return slices.DeleteFunc(slices.Clone(l.entity.Columns), func(c entity.Column) bool { return slices.Contains(l.present, c.Name) })
}

// columns returns the columns that the trigger computes: those of the catalogue, and those of
// another version's catalogue that the table has. This version's definition of a column wins.
func (l layout) columns() []entity.Column {
	all := slices.Clone(l.entity.Columns)
	for _, c := range l.recorded {
		known := slices.ContainsFunc(all, func(o entity.Column) bool { return o.Name == c.Name })
		if !known && slices.Contains(l.present, c.Name) {
			all = append(all, c)
		}
	}
	return all
}

// hasDefinitions reports whether the table has a trigger with the current definitions.
func (l layout) hasDefinitions() bool {
	return l.trigger != "" && slices.Equal(definitions(l.recorded), definitions(l.columns()))
}

// clearFingerprint is the statement of the trigger for the fingerprint.
const clearFingerprint = "new." + fingerprintColumn + " := null;"

// hasFingerprints reports whether rows have correct fingerprints: the column exists and the trigger
// clears those of other writers. A build without fingerprints may have replaced the trigger.
func (l layout) hasFingerprints() bool {
	return slices.Contains(l.present, fingerprintColumn) && strings.Contains(l.trigger, clearFingerprint)
}

// isCurrent reports whether the table needs no change.
func (l layout) isCurrent() bool {
	return len(l.missing()) == 0 && l.hasDefinitions() && l.hasFingerprints()
}

// value returns the expression of a column's value in a row with a prefix, "new." in a trigger.
// Rows that only the legacy worker wrote (run_number 0) keep its value in a column of its own if
// the record has none. Such columns come before tenant_id, which the adoption added.
func (l layout) value(prefix string, c entity.Column) string {
	picked := ddl.ColumnValue(prefix+"full_data", c)
	if at := slices.Index(l.present, c.Name); at >= 0 && at < slices.Index(l.present, "tenant_id") {
		return fmt.Sprintf("case when %[1]srun_number = 0 then coalesce(%[2]s, %[1]s%[3]s) else %[2]s end", prefix, picked, ddl.Quote(c.Name))
	}
	return picked
}

// assignments returns the quoted names of columns and the expressions of their values.
func (l layout) assignments(prefix string, columns []entity.Column) (names, values []string) {
	for _, c := range columns {
		names = append(names, ddl.Quote(c.Name))
		values = append(values, l.value(prefix, c))
	}
	return names, values
}

// triggerSQL returns the statements that create or replace the trigger.
func (l layout) triggerSQL() []string {
	var body strings.Builder
	fmt.Fprintf(&body, "    %s\n", clearFingerprint)
	names, values := l.assignments("new.", l.columns())
	for i, name := range names {
		fmt.Fprintf(&body, "    new.%s := %s;\n", name, values[i])
	}
	function := columnsFunction(l.table)
	return []string{
		fmt.Sprintf("create or replace function %s() returns trigger language plpgsql as $$\nbegin\n%s    return new;\nend\n$$", function, body.String()),
		fmt.Sprintf("create or replace trigger columns before insert or update of full_data on %s for each row\n"+
			"when (coalesce(current_setting('%s', true), '') <> '%s') execute function %s()",
			l.table, columnsSetting, columnsDigest(l.table, l.columns()), function),
	}
}

// saveDefinitions writes the definitions to raw.sync_columns. An empty filledBy means that
// existing rows are not filled yet.
func (l layout) saveDefinitions(ctx context.Context, tx pgx.Tx, filledBy string) error {
	_, err := tx.Exec(ctx, `
		insert into raw.sync_columns (table_name, definitions, filled_by) values ($1, $2, $3)
		on conflict (table_name) do update set definitions = excluded.definitions, filled_by = excluded.filled_by`,
		l.table, definitions(l.columns()), filledBy)
	return err
}

// create creates the table.
func (l layout) create(ctx context.Context, tx pgx.Tx) error {
	l.recorded = nil // of a dropped table of the same name
	if _, err := tx.Exec(ctx, createTable(l.entity)); err != nil {
		return err
	}
	if err := ddl.ExecAll(ctx, tx, append(l.triggerSQL(), compressSQL(l.table))); err != nil {
		return err
	}
	return l.saveDefinitions(ctx, tx, l.casts)
}

// change adds the missing columns and replaces the trigger. It changes no row, so that it locks
// the table only briefly.
func (l layout) change(ctx context.Context, tx pgx.Tx) error {
	if err := l.checkTypes(ctx, tx); err != nil {
		return err
	}
	var add []string
	for _, c := range l.missing() {
		add = append(add, fmt.Sprintf("add column %s %s", ddl.Quote(c.Name), c.Type))
	}
	if !l.hasFingerprints() { // all that exist are cleared
		add = append(add, "drop column if exists "+fingerprintColumn, "add column "+fingerprintColumn+" "+fingerprintType)
	}
	if len(add) > 0 {
		if _, err := tx.Exec(ctx, "alter table "+l.table+" "+strings.Join(add, ", ")); err != nil {
			return err
		}
	}
	if err := ddl.ExecAll(ctx, tx, append(l.triggerSQL(), compressSQL(l.table))); err != nil {
		return err
	}
	filledBy := ""
	if len(l.missing()) == 0 && l.hasDefinitions() {
		filledBy = l.filledBy // only the fingerprint was missing
	}
	return l.saveDefinitions(ctx, tx, filledBy)
}

// checkTypes rejects a catalogue in which a column has another type than in the table: a change
// would rewrite the table and break older builds and readers of the column.
func (l layout) checkTypes(ctx context.Context, tx pgx.Tx) error {
	names, kinds := []string{fingerprintColumn}, []string{fingerprintType}
	for _, c := range l.entity.Columns {
		names, kinds = append(names, c.Name), append(kinds, string(c.Type))
	}
	wrong, err := pgx.CollectRows(query(ctx, tx, `
		select format('column %s.%s has type %s, want %s: the type of a column cannot change, use another name', $1::text, name, format_type(atttypid, atttypmod), kind)
		from unnest($2::text[], $3::text[]) as want (name, kind) join pg_attribute on attrelid = to_regclass($1) and attname = name and not attisdropped
		where atttypid <> to_regtype(kind)`, l.table, names, kinds), pgx.RowTo[string])
	if err == nil && len(wrong) > 0 {
		err = errors.New(strings.Join(wrong, "; "))
	}
	return err
}

// applyTable creates the table of an entity, or adds missing columns and fills them from
// full_data. If it ends in between, the next migration continues.
func (s *Store) applyTable(ctx context.Context, e entity.Entity) (applied []string, err error) {
	var l layout
	err = s.retryLocked(ctx, tableName(e), func() error {
		return s.step(ctx, func(tx pgx.Tx) (err error) {
			l, applied, err = createOrChange(ctx, tx, e)
			return err
		})
	})
	if isLocked(err) {
		err = errors.Join(err, s.lockHolders(ctx, tableName(e)))
	}
	if err != nil || l.filledBy == l.casts {
		return applied, err
	}
	return applied, s.fill(ctx, l)
}

// createOrChange creates the table or changes it. It waits for the exclusive lock only briefly,
// because every later statement on the table waits behind it.
func createOrChange(ctx context.Context, tx pgx.Tx, e entity.Entity) (l layout, applied []string, err error) {
	if _, err := tx.Exec(ctx, "set local lock_timeout = '"+lockWait+"'"); err != nil {
		return l, nil, err
	}
	if l, err = readLayout(ctx, tx, e); err != nil {
		return l, nil, err
	}
	missing := l.missing()
	switch {
	case len(l.present) == 0:
		applied, err = []string{"table " + l.table}, l.create(ctx, tx)
	case l.isCurrent():
		return l, nil, nil
	default:
		for _, c := range missing {
			applied = append(applied, fmt.Sprintf("column %s.%s", l.table, c.Name))
		}
		if !l.hasFingerprints() {
			applied = append(applied, fmt.Sprintf("column %s.%s", l.table, fingerprintColumn))
		}
		err = l.change(ctx, tx)
	}
	if err != nil {
		return l, nil, err
	}
	l, err = readLayout(ctx, tx, e)
	return l, applied, err
}
