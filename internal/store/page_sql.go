package store

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/store/ddl"
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

// The rules by which a rebuild mends a row, which may have been damaged in any column.
const (
	// A row that was read later than the record stays.
	isFresher = `%[3]s >= %[2]s.fetched_at`
	// So does one that holds a newer version, by the document itself.
	isCurrent = `coalesce(%[1]s.modified_on >= raw.modified_on(%[2]s.full_data), true)`
	// %[6]s are the other columns as the record has them, %[7]s as the row does.
	isAmiss = `(%[2]s.full_data is distinct from %[5]s or (%[2]s.deleted_at is not null) <> %[4]s or (%[6]s) is distinct from (%[7]s))`
)

// rule is the condition under which a record replaces the row that is there.
type rule func(record, row, fetchedAt, gone, data string) string

// replaces is the rule of a page.
func replaces(record, row, fetchedAt, gone, data string) string {
	return fmt.Sprintf(isNewer+"\n        and "+mayLive+"\n        and "+differs, record, row, fetchedAt, gone, data)
}

// mends is the rule of a rebuild. The rows that are the same come first and are most.
func mends(names []string) rule {
	of := func(table string) string {
		all := make([]string, 0, len(names)+1)
		for _, name := range append(slices.Clone(names), "modified_on") {
			all = append(all, table+"."+name)
		}
		return strings.Join(all, ", ")
	}
	return func(record, row, fetchedAt, gone, data string) string {
		return fmt.Sprintf(isAmiss+"\n        and "+isFresher+"\n        and "+isCurrent+"\n        and "+mayLive,
			record, row, fetchedAt, gone, data, of(record), of(row))
	}
}

// pageSource are a page's records. Parameters: $3 when the page was read, $4 ids,
// $5 modified_on, $6 whether deleted, $7 records.
const pageSource = `select * from unnest($4::KEY[], $5::timestamptz[], $6::boolean[], $7::jsonb[]) as page (st_id, modified_on, gone, data)`

// sideSource are the rows of a rebuild's side table. Their typed columns are computed
// anew: another build, with other columns, may have loaded them.
const sideSource = `select st_id, PICKED, modified_on, full_data as data, fetched_at, deleted_at is not null as gone
    from SIDE side where tenant_id = $1`

// sideRows is sideSource for an entity's side table.
func sideRows(e entity.Entity, side string) string {
	var picked strings.Builder
	for _, c := range e.Columns {
		fmt.Fprintf(&picked, "%s as %s, ", ddl.ColumnValue("full_data", c), ddl.Quote(c.Name))
	}
	return strings.NewReplacer("PICKED, ", picked.String(), "SIDE", side).Replace(sideSource)
}

// compareTemplate notes which rows of a side table would mend the entity's table.
const compareTemplate = `insert into AMISS
select page.st_id
from (
    SOURCE) page left join TABLE old on old.tenant_id = $1 and old.st_id = page.st_id
where old.st_id is null or (
        MENDS)`

// storeTemplate stores records. Parameters: $1 tenant, $2 run number, and those of the SOURCE.
//
// The join leaves out what would change nothing, so that such rows cost neither WAL
// nor a lock; the condition on the conflict repeats the rule for writers that do not
// hold the sync_state row. The conflict is looked for at the constraint by name: in an
// adopted table that is the legacy key, where the statements of the legacy worker look,
// too. Rows are written in the order of ids. The last join sees
// the rows as they were before the statement, and so tells what happened to each.
const storeTemplate = `with page as (
    SOURCE
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
        modified_on, data, FETCHED, $2::bigint, case when gone then FETCHED end
    from changed
    order by st_id
    on conflict on constraint CONSTRAINT do update set
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

// pageSQL is the statement that stores a page of an entity in a table. It returns how
// many rows were inserted, updated (revived ones among them) and deleted, by how many
// the live rows grew, and the columns that values did not fit.
func pageSQL(e entity.Entity, table string) string {
	picks := make([]string, len(e.Columns))
	misfits := make([]string, len(e.Columns))
	for i, c := range e.Columns {
		picks[i] = ddl.ColumnValue("data", c)
		misfits[i] = fmt.Sprintf("case when kept.%s is null and %s not in ('null', '\"\"') then '%s' end", ddl.Quote(c.Name), ddl.JSONValue("kept.full_data", c), c.Name)
	}
	s := statement{e, table, pageSource, "$3::timestamptz", picks, misfits, "$3", replaces}
	return s.text()
}

// compareSQL is the statement that finds what is amiss.
func compareSQL(e entity.Entity, side string) string {
	return strings.NewReplacer("AMISS", amissTable(side), "SOURCE", sideRows(e, side), "TABLE", tableName(e),
		"MENDS", mends(columnNames(e))("page", "old", "page.fetched_at", "page.gone", "page.data")).Replace(compareTemplate)
}

// mergeSQL is the statement that brings what compareSQL found into the entity's table,
// if it still is amiss, and returns what pageSQL's does. What did not fit was counted
// as it was loaded.
func mergeSQL(e entity.Entity, side string) string {
	names := columnNames(e)
	source := sideRows(e, side) + " and st_id in (select st_id from " + amissTable(side) + ")"
	s := statement{e, tableName(e), source, "fetched_at", names, nil, "page.fetched_at", mends(names)}
	return s.text()
}

// statement is what the statements that store records differ in.
type statement struct {
	entity    entity.Entity
	table     string
	source    string
	fetched   string   // when a record was read, in the select list
	picks     []string // the typed columns of a record
	misfits   []string // expressions that name columns which a value did not fit
	fetchedAt string   // when a record was read, in the rule
	rule      rule
}

func (s statement) text() string {
	names := columnNames(s.entity)
	sets := make([]string, len(names))
	for i, name := range names {
		sets[i] = fmt.Sprintf("%[1]s = excluded.%[1]s", name)
	}
	misfits := "null::text[]"
	if len(s.misfits) > 0 {
		misfits = "array_remove(array[\n        " + strings.Join(s.misfits, ",\n        ") + "], null)"
	}
	// An entity without typed columns leaves nothing between the commas around them.
	template := storeTemplate
	if len(names) == 0 {
		template = strings.NewReplacer("st_id, COLUMNS,", "st_id,", "        PICKS,\n", "", "        SETS,\n", "").Replace(template)
	}
	return strings.NewReplacer(
		"SOURCE", strings.ReplaceAll(s.source, "KEY", ddl.KeyType(s.entity)),
		"FETCHED", s.fetched,
		"TABLE", s.table,
		"CONSTRAINT", ddl.KeyConstraint(s.table),
		"COLUMNS", strings.Join(names, ", "),
		"PICKS", strings.Join(s.picks, ",\n        "),
		"SETS", strings.Join(sets, ",\n        "),
		"MISFITS", misfits,
		"REPLACES_OLD", s.rule("page", "old", s.fetchedAt, "page.gone", "page.data"),
		"REPLACES_KEPT", s.rule("excluded", "kept", "excluded.fetched_at", "(excluded.deleted_at is not null)", "excluded.full_data"),
	).Replace(template)
}

func columnNames(e entity.Entity) []string {
	names := make([]string, len(e.Columns))
	for i, c := range e.Columns {
		names[i] = ddl.Quote(c.Name)
	}
	return names
}
