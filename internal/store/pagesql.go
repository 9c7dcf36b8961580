package store

import (
	"fmt"
	"strings"

	"github.com/lazi/lazisync/internal/entity"
)

// The rules of one version over another, in SQL. %[1]s is the record that comes
// (modified_on, fetched_at, gone, data), %[2]s the row that is there.
const (
	// A version is newer by modified_on, then by when it was read; without a
	// modified_on on both sides only the latter counts. Of two equal versions the
	// one written later wins.
	isNewer = `case when %[1]s.modified_on <> %[2]s.modified_on then %[1]s.modified_on > %[2]s.modified_on else %[3]s >= %[2]s.fetched_at end`
	// A deleted row comes back only by a page read after its deletion.
	mayLive = `(%[4]s or %[2]s.deleted_at is null or %[3]s >= %[2]s.deleted_at)`
	// A row that is the same already is left alone.
	differs = `(%[2]s.full_data is distinct from %[5]s or (%[2]s.deleted_at is not null) <> %[4]s)`
)

// replaces is the condition under which a record replaces the row that is there.
func replaces(record, row, fetchedAt, gone, data string) string {
	rule := isNewer + "\n        and " + mayLive + "\n        and " + differs
	return fmt.Sprintf(rule, record, row, fetchedAt, gone, data)
}

// pageTemplate stores a page. Parameters: $1 tenant, $2 run number, $3 when the page
// was read, $4 ids, $5 modified_on, $6 whether deleted, $7 records.
//
// The join leaves out what would change nothing, so that such rows cost neither WAL
// nor a lock; the condition on the conflict repeats the rule for writers that do not
// hold the sync_state row. Rows are written in the order of ids. The last join sees
// the rows as they were before the statement, and so tells what happened to each.
const pageTemplate = `with page as (
    select * from unnest($4::KEY[], $5::timestamptz[], $6::boolean[], $7::jsonb[]) as page (st_id, modified_on, gone, data)
), changed as (
    select page.*
    from page left join TABLE old on old.tenant_id = $1 and old.st_id = page.st_id
    where old.st_id is null or (
        REPLACES_OLD)
), stored as (
    insert into TABLE as kept (
        tenant_id, st_id, COLUMNS,
        modified_on, full_data, fetched_at, run_number, deleted_at)
    select
        $1::bigint, st_id,
        PICKS,
        modified_on, data, $3::timestamptz, $2::bigint, case when gone then $3::timestamptz end
    from changed
    order by st_id
    on conflict (tenant_id, st_id) do update set
        SETS,
        modified_on = excluded.modified_on, full_data = excluded.full_data, fetched_at = excluded.fetched_at,
        run_number = excluded.run_number,
        deleted_at = case when excluded.deleted_at is not null then coalesce(kept.deleted_at, excluded.deleted_at) end
    where REPLACES_KEPT
    returning kept.st_id, kept.deleted_at is null as live, MISFITS as misfits
), told as (
    select old.st_id is null as inserted, coalesce(old.deleted_at is null and old.st_id is not null, false) as was_live, stored.*
    from stored left join TABLE old on old.tenant_id = $1 and old.st_id = stored.st_id
)
select
    count(*) filter (where inserted),
    count(*) filter (where not inserted and (live or not was_live)),
    count(*) filter (where was_live and not live),
    count(*) filter (where live) - count(*) filter (where was_live),
    (select jsonb_agg(misfit) from (
        select field as column, count(*) as records, min(told.st_id)::text as id from told, unnest(misfits) as field group by field) as misfit)
from told`

// pageSQL is the statement that stores a page of an entity. It returns how many rows
// were inserted, updated (revived ones among them) and deleted, by how many the live
// rows grew, and the columns that values did not fit.
func pageSQL(e entity.Entity) string {
	names := make([]string, len(e.Columns))
	picks := make([]string, len(e.Columns))
	sets := make([]string, len(e.Columns))
	misfits := make([]string, len(e.Columns))
	for i, c := range e.Columns {
		names[i] = quoted(c.Name)
		picks[i] = pick("data", c)
		sets[i] = fmt.Sprintf("%[1]s = excluded.%[1]s", names[i])
		misfits[i] = fmt.Sprintf("case when kept.%s is null and %s not in ('null', '\"\"') then '%s' end", names[i], locate("kept.full_data", c), c.Name)
	}
	// An entity without typed columns leaves nothing between the commas around them.
	template := pageTemplate
	if len(e.Columns) == 0 {
		template = strings.NewReplacer("st_id, COLUMNS,", "st_id,", "        PICKS,\n", "", "        SETS,\n", "", "MISFITS", "null::text[]").Replace(template)
	}
	return strings.NewReplacer(
		"KEY", keyType(e),
		"TABLE", tableName(e),
		"COLUMNS", strings.Join(names, ", "),
		"PICKS", strings.Join(picks, ",\n        "),
		"SETS", strings.Join(sets, ",\n        "),
		"MISFITS", "array_remove(array[\n        "+strings.Join(misfits, ",\n        ")+"], null)",
		"REPLACES_OLD", replaces("page", "old", "$3", "page.gone", "page.data"),
		"REPLACES_KEPT", replaces("excluded", "kept", "excluded.fetched_at", "(excluded.deleted_at is not null)", "excluded.full_data"),
	).Replace(template)
}
