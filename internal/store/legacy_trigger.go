package store

import (
	"fmt"
	"strings"
)

// guardFunction is the trigger function of an adopted table.
func guardFunction(table string) string { return table + "_adopted" }

// guard has the trigger function look at every row that lazisync did not write itself.
func guard(table string) string {
	return fmt.Sprintf(`create trigger adopted before insert or update on %s for each row
when (coalesce(current_setting('%s', true), '') <> 'on') execute function %s()`, table, writerSetting, guardFunction(table))
}

// stateTrigger keeps what the earlier program does not know of in raw.sync_state:
// lazisync's count of rows goes on from what it was.
const stateTrigger = `create or replace function raw.sync_state_adopted() returns trigger language plpgsql as $$
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

// recordTriggerTemplate completes a row of the earlier program from its record, and
// keeps it from replacing a newer version. What lazisync stored yields only to a later
// modified_on: when the earlier program read what it writes, nobody knows. Such a
// statement succeeds and leaves the row as it is. No run changed the row: its
// run_number is 0. Whether a record is deleted is for lazisync to find out.
const recordTriggerTemplate = `create or replace function FUNCTION() returns trigger language plpgsql as $$
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
PICKS
    return new;
end
$$`

// recordTrigger fills the columns that the earlier program has, too. Those that it does
// not know are filled by the trigger that every table has.
func (t *earlierTable) recordTrigger() string {
	var lines []string
	for _, c := range t.entity.Columns {
		if t.has(c.Name) {
			lines = append(lines, fmt.Sprintf("    new.%[1]s := coalesce(%[2]s, new.%[1]s);", quoted(c.Name), pick("new.full_data", c)))
		}
	}
	return strings.NewReplacer("FUNCTION", guardFunction(t.name), "PICKS", strings.Join(lines, "\n")).Replace(recordTriggerTemplate)
}
