package adoption

import (
	"fmt"
	"strings"

	"github.com/lazi/lazisync/internal/store/ddl"
)

// triggerFunction returns the name of the trigger function of an adopted table.
func triggerFunction(table string) string { return table + "_adopted" }

// triggerSQL creates the trigger of an adopted table. It fires for rows that lazisync does not
// write.
func triggerSQL(table string) string {
	return fmt.Sprintf(`create trigger adopted before insert or update on %s for each row
when (coalesce(current_setting('%s', true), '') <> 'on') execute function %s()`, table, WriterSetting, triggerFunction(table))
}

// stateFunctionSQL creates the trigger function of raw.sync_state. It keeps lazisync's row
// count and fills the columns that the legacy worker leaves out.
const stateFunctionSQL = `create or replace function raw.sync_state_adopted() returns trigger language plpgsql as $$
begin
    if tg_op = 'UPDATE' and new.table_name like 'raw.st\_%' then
        new.records_count := old.records_count;
    end if;
    new.records_count := coalesce(new.records_count, 0);
    new.sync_status := coalesce(new.sync_status, '');
    new.updated_at := clock_timestamp();
    return new;
end
$$`

// recordFunctionTemplate creates the trigger function of a table of records. It completes a
// row of the legacy worker from its record and keeps the row from replacing a newer version:
// the statement then succeeds and changes nothing. A row of lazisync yields only to a later
// modified_on, since the legacy worker does not record when it read a record. run_number
// is 0 because no run changed the row. Only lazisync sets or clears deleted_at.
const recordFunctionTemplate = `create or replace function FUNCTION() returns trigger language plpgsql as $$
begin
    new.full_data := coalesce(new.full_data, '{}');
    new.fetched_at := least(coalesce(new.fetched_at, clock_timestamp()), clock_timestamp());
    new.modified_on := raw.modified_on(new.full_data);
    if tg_op = 'UPDATE' and new.full_data is distinct from old.full_data and not (case
        when new.modified_on <> old.modified_on then new.modified_on > old.modified_on
        else old.run_number = 0 and new.fetched_at >= old.fetched_at end)
    then
        return old;
    end if;
    if tg_op = 'INSERT' or new.full_data is distinct from old.full_data then
        new.run_number := 0;
    end if;
COLUMNS
    return new;
end
$$`

// recordFunctionSQL returns the trigger function of a table of records. It fills the typed
// columns of the legacy worker; the trigger that every table has fills the others.
func (t *Table) recordFunctionSQL() string {
	var lines []string
	for _, c := range t.entity.Columns {
		if t.hasColumn(c.Name) {
			lines = append(lines, fmt.Sprintf("    new.%[1]s := coalesce(%[2]s, new.%[1]s);", ddl.Quote(c.Name), ddl.ColumnValue("new.full_data", c)))
		}
	}
	return strings.NewReplacer("FUNCTION", triggerFunction(t.Name), "COLUMNS", strings.Join(lines, "\n")).Replace(recordFunctionTemplate)
}
