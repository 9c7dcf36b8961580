package store

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/store/ddl"
)

// SQL conditions of pageRule: %[1]s is the incoming record, %[2]s the existing row, %[3]s when the
// record was fetched, %[4]s whether it is deleted, %[5]s its document.
const (
	// Versions are ordered by modified_on, then by fetched_at; by fetched_at alone if a
	// modified_on is missing. Of two equal versions the later one is written.
	isNewer = `case when %[1]s.modified_on <> %[2]s.modified_on then %[1]s.modified_on > %[2]s.modified_on else %[3]s >= %[2]s.fetched_at end`
	// A deleted row is restored only by a page that was fetched after the deletion.
	mayRestore = `(%[4]s or %[2]s.deleted_at is null or %[3]s >= %[2]s.deleted_at)`
	// An unchanged row is not written.
	differs = `(%[2]s.full_data is distinct from %[5]s or (%[2]s.deleted_at is not null) <> %[4]s)`
	// The same by fingerprint, which is %[5]s then.
	fingerprintDiffers = `(%[2]s.fingerprint is distinct from %[5]s or (%[2]s.deleted_at is not null) <> %[4]s)`
)

// SQL conditions of rebuildRule: a row may have been damaged in any column.
const (
	// A row that was fetched later than the record is kept.
	isFetchedLater = `%[3]s >= %[2]s.fetched_at`
	// So is a row with a newer version according to its document.
	isCurrent = `coalesce(%[1]s.modified_on >= raw.modified_on(%[2]s.full_data), true)`
	// %[6]s are the other columns of the record, %[7]s those of the row. A row may have no fingerprint.
	differsAnywhere = `(%[2]s.full_data is distinct from %[5]s or (%[2]s.deleted_at is not null) <> %[4]s or (%[6]s) is distinct from (%[7]s)
            or %[2]s.fingerprint <> %[1]s.fingerprint)`
)

// rule returns the SQL condition under which a record replaces the existing row.
type rule func(record, row, fetchedAt, deleted, data string) string

// pageRule returns the rule of a page. What it compares is differs, or fingerprintDiffers with a
// fingerprint in place of the document.
func pageRule(comparison string) rule {
	return func(record, row, fetchedAt, deleted, data string) string {
		return fmt.Sprintf(isNewer+"\n        and "+mayRestore+"\n        and "+comparison, record, row, fetchedAt, deleted, data)
	}
}

// rebuildRule returns the rule of a rebuild. It first excludes equal rows, which are most.
func rebuildRule(names []string) rule {
	columnsOf := func(table string) string {
		all := make([]string, 0, len(names)+1)
		for _, name := range append(slices.Clone(names), "modified_on") {
			all = append(all, table+"."+name)
		}
		return strings.Join(all, ", ")
	}
	return func(record, row, fetchedAt, deleted, data string) string {
		return fmt.Sprintf(differsAnywhere+"\n        and "+isFetchedLater+"\n        and "+isCurrent+"\n        and "+mayRestore,
			record, row, fetchedAt, deleted, data, columnsOf(record), columnsOf(row))
	}
}

// pageRows selects the records of a page. Parameters: $3 when the page was fetched, $4 ids, $5
// modified_on, $6 whether deleted, $7 documents, $8 fingerprints, $9 and following the values of
// columns. PostgreSQL reads an array of texts in half the time of an array of jsonb; offset 0 keeps it
// from casting a document twice.
func pageRows(columns []entity.Column) string {
	parameters := []string{"$4::KEY[]", "$5::timestamptz[]", "$6::boolean[]", "$7::text[]", "$8::uuid[]"}
	names := []string{"st_id", "modified_on", "is_deleted", "document", "fingerprint"}
	for i, c := range columns {
		parameters = append(parameters, fmt.Sprintf("$%d::%s[]", i+9, parameterType(c.Type)))
		names = append(names, ddl.Quote(c.Name))
	}
	return fmt.Sprintf("select *, document::jsonb as data from unnest(%s) as page (%s) offset 0", strings.Join(parameters, ", "), strings.Join(names, ", "))
}

// stagingSource selects the rows of a staging table. It computes the typed columns again: a build
// with other columns may have loaded the rows.
const stagingSource = `select st_id, PICKED, modified_on, full_data as data, fingerprint, fetched_at, deleted_at is not null as is_deleted
    from STAGING staging where tenant_id = $1`

// stagingRows returns stagingSource for a staging table.
func stagingRows(e entity.Entity, staging string) string {
	var picked strings.Builder
	for _, c := range e.Columns {
		fmt.Fprintf(&picked, "%s as %s, ", ddl.ColumnValue("full_data", c), ddl.Quote(c.Name))
	}
	return strings.NewReplacer("PICKED, ", picked.String(), "STAGING", staging).Replace(stagingSource)
}

// diffTemplate inserts the ids of rows that differ between a staging table and the table of the
// entity.
const diffTemplate = `insert into DIFF
select page.st_id
from (
    SOURCE) page left join TABLE old on old.tenant_id = $1 and old.st_id = page.st_id
where old.st_id is null or (
        DIFFERS)`

// rowOf selects the row with an id. The limit keeps PostgreSQL from joining whole tables instead, which
// it likes to do while a table is being filled and its statistics are old.
func rowOf(table, id string) string {
	return fmt.Sprintf("select * from %s where tenant_id = $1 and st_id = %s limit 1", table, id)
}

// storeTemplate upserts records. Parameters: $1 tenant, $2 run number, and those of the SOURCE.
//
// The join excludes records that would change nothing, so that they cost neither WAL nor a lock.
// The condition of the conflict repeats the rule for writers that do not hold the row of
// raw.sync_state. The conflict names the constraint: in an adopted table that is the legacy key,
// which the statements of the legacy worker use too. The last join sees the rows as they were before
// the statement, and so classifies each write.
//
// Rows are written in the order of ids: each source has it, and rowOf keeps it.
const storeTemplate = `with page as (
    SOURCE
), changed as (
    select page.*
    from page left join lateral (ROW) old on true
    where old.st_id is null or (
        REPLACES_OLD)
), stored as (
    insert into TABLE as kept (
        tenant_id, st_id, COLUMNS,
        modified_on, full_data, fingerprint, fetched_at, run_number, deleted_at)
    select
        $1::bigint, st_id,
        PICKS,
        modified_on, data, fingerprint, FETCHED, $2::bigint, case when is_deleted then FETCHED end
    from changed
    on conflict on constraint CONSTRAINT do update set
        SETS,
        modified_on = excluded.modified_on, full_data = excluded.full_data, fingerprint = excluded.fingerprint,
        fetched_at = excluded.fetched_at, run_number = excluded.run_number,
        deleted_at = case when excluded.deleted_at is not null then coalesce(kept.deleted_at, excluded.deleted_at) end
    where REPLACES_KEPT
    returning kept.st_id, kept.deleted_at is null as live, kept.xmax = 0 as inserted, CAST_FAILURES as cast_failures
), classified as (
    select coalesce(old.deleted_at is null and old.st_id is not null, false) as was_live, stored.*
    from stored left join lateral (UPDATED_ROW) old on true
)
select
    count(*) filter (where inserted),
    count(*) filter (where not inserted and (live or not was_live)),
    count(*) filter (where was_live and not live),
    count(*) filter (where live) - count(*) filter (where was_live),
    FAILURES
from classified`

// countFailures counts the cast failures of the stored rows.
const countFailures = `(select jsonb_agg(failure) from (
        select field as column, count(*) as records, min(classified.st_id)::text as id from classified, unnest(cast_failures) as field group by field) as failure)`

// pageSQL returns the statement that upserts a page of an entity into a table. It returns the
// numbers of inserted, updated (restored rows included) and deleted rows, the increase of live
// rows, and the cast failures. It casts the typed columns from the documents.
func pageSQL(e entity.Entity, table string) string {
	picks := make([]string, len(e.Columns))
	castFailures := make([]string, len(e.Columns))
	for i, c := range e.Columns {
		picks[i] = ddl.ColumnValue("data", c)
		castFailures[i] = fmt.Sprintf("case when kept.%s is null and %s not in ('null', '\"\"') then '%s' end", ddl.Quote(c.Name), ddl.JSONValue("kept.full_data", c), c.Name)
	}
	s := statement{e, table, pageRows(nil), "$3::timestamptz", picks, castFailures, "$3", pageRule(differs)}
	return s.text()
}

// pageWithValuesSQL returns pageSQL with the values of the typed columns as further parameters, $9 and
// following. None of them is a cast failure.
func pageWithValuesSQL(e entity.Entity, table string) string {
	picks := make([]string, len(e.Columns))
	for i, c := range e.Columns {
		picks[i] = ddl.Quote(c.Name)
		if c.Type == entity.Numeric {
			picks[i] += "::numeric"
		}
	}
	s := statement{e, table, pageRows(e.Columns), "$3::timestamptz", picks, nil, "$3", pageRule(differs)}
	return s.text()
}

// diffSQL returns the statement that fills the diff table of a staging table.
func diffSQL(e entity.Entity, staging string) string {
	return strings.NewReplacer("DIFFERS", rebuildRule(columnNames(e))("page", "old", "page.fetched_at", "page.is_deleted", "page.data"),
		"DIFF", diffTable(staging), "SOURCE", stagingRows(e, staging), "TABLE", tableName(e)).Replace(diffTemplate)
}

// mergeSQL returns the statement that upserts the rows of the diff table that still differ. It
// returns what pageSQL returns, without cast failures: those were counted when the rows were
// loaded.
func mergeSQL(e entity.Entity, staging string) string {
	names := columnNames(e)
	source := stagingRows(e, staging) + " and st_id in (select st_id from " + diffTable(staging) + ") order by st_id"
	s := statement{e, tableName(e), source, "fetched_at", names, nil, "page.fetched_at", rebuildRule(names)}
	return s.text()
}

// statement has what differs between the upserts of a page and of a rebuild.
type statement struct {
	entity       entity.Entity
	table        string
	source       string
	fetched      string   // when a record was fetched, in the select list
	picks        []string // the typed columns of a record
	castFailures []string // expressions of the names of columns whose cast failed
	fetchedAt    string   // when a record was read, in the rule
	rule         rule
}

func (s statement) text() string {
	names := columnNames(s.entity)
	sets := make([]string, len(names))
	for i, name := range names {
		sets[i] = fmt.Sprintf("%[1]s = excluded.%[1]s", name)
	}
	castFailures, failures := "null::text[]", "null::jsonb"
	if len(s.castFailures) > 0 {
		failures = countFailures
		castFailures = "array_remove(array[\n        " + strings.Join(s.castFailures, ",\n        ") + "], null)"
	}
	// Without typed columns the commas around them must go.
	template := storeTemplate
	if len(names) == 0 {
		template = strings.NewReplacer("st_id, COLUMNS,", "st_id,", "        PICKS,\n", "", "        SETS,\n", "").Replace(template)
	}
	return strings.NewReplacer(
		"SOURCE", strings.ReplaceAll(s.source, "KEY", ddl.KeyType(s.entity)),
		"FETCHED", s.fetched,
		"UPDATED_ROW", rowOf(s.table, "case when not stored.inserted then stored.st_id end"),
		"ROW", rowOf(s.table, "page.st_id"),
		"TABLE", s.table,
		"CONSTRAINT", ddl.KeyConstraint(s.table),
		"COLUMNS", strings.Join(names, ", "),
		"PICKS", strings.Join(s.picks, ",\n        "),
		"SETS", strings.Join(sets, ",\n        "),
		"CAST_FAILURES", castFailures,
		"FAILURES", failures,
		"REPLACES_OLD", s.rule("page", "old", s.fetchedAt, "page.is_deleted", "page.data"),
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
