package store

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/store/ddl"
)

// lookTemplate compares the rows of an entity with the staging table of a verify. Parameters: $1
// tenant, $2 run number, $3 table name, $4 the time before which a record must have changed for its row
// to be missing or stale, $5 whether every record that was read has an id. An alias live is the row,
// staged the record. PART restricts both to the candidates.
//
// row_version changes whenever the row is written, record_digest with the content of the record.
const lookTemplate = `select * from (
    select st_id, live.row_version, md5(staged.full_data::text) as record_digest, staged.fingerprint,
        KIND as kind
    from (select *, xmin::text as row_version from TABLE where tenant_id = $1PART) live
        full join (select * from STAGING where tenant_id = $1PART) staged using (st_id)) look
where kind is not null`

// kindTemplate is the kind of the difference between a row and a record, NULL if there is none or if
// the next sync will bring it. Each row has one kind, so the order matters.
//
// A record or row without modified_on has no version. If its row has a fingerprint, lazisync has
// written it and no other program has changed it: it is older, and not damaged.
//
// A wrong fingerprint is reported as damage. It has a kind of its own, because ServiceTitan must have sent
// the record in the same form in both looks.
const kindTemplate = `case
        when live.st_id is null then
            case when staged.deleted_at is null and CREATED < $4 then 'missing' end
        when staged.st_id is null then
            case when live.deleted_at is null and $5 and not exists (
                select from raw.rejected_records r where r.run_number = $2 and r.table_name = $3 and r.st_id = live.st_id::text) then 'extra' end
        when CONTRADICTS then 'damaged'
        when HIDDEN then case when CREATED < $4 then 'missing' end
        when live.full_data = staged.full_data then
            case when live.fingerprint <> staged.fingerprint then 'fingerprint' end
        when staged.modified_on is null then
            case when live.fingerprint <> staged.fingerprint then 'stale' else 'damaged' end
        when raw.modified_on(live.full_data) < staged.modified_on then
            case when staged.modified_on < $4 then 'stale' end
        when raw.modified_on(live.full_data) is null then
            case when staged.modified_on < $4 then 'damaged' end
        else 'damaged'
        end`

// created is when a record changed last or, if it has no such time, was created. Without either it
// has always been there.
const created = `coalesce(staged.modified_on, raw.to_timestamptz(staged.full_data -> 'createdOn'), '-infinity')`

// looks returns the statement that compares the rows with the staging table: all, or the candidates
// of the diff table. The columns are those that the rows must have.
func looks(l layout, columns []entity.Column, staging string, candidates bool) string {
	hidden := "false"
	if l.entity.Export == "" { // a row that a sync has marked deleted, whatever its document
		hidden = "live.deleted_at is not null"
	}
	part := ""
	if candidates {
		part = " and st_id in (select st_id from " + diffTable(staging) + ")"
	}
	kind := strings.NewReplacer("CREATED", created, "CONTRADICTS", contradicts(l, columns), "HIDDEN", hidden).Replace(kindTemplate)
	return strings.NewReplacer("KIND", kind, "TABLE", l.table, "STAGING", staging, "PART", part).Replace(lookTemplate)
}

// contradicts returns the condition under which a row contradicts its own document.
func contradicts(l layout, columns []entity.Column) string {
	stored, expected := []string{"live.modified_on"}, []string{"raw.modified_on(live.full_data)"}
	for _, c := range columns {
		stored, expected = append(stored, "live."+ddl.Quote(c.Name)), append(expected, l.value("live.", c))
	}
	condition := fmt.Sprintf("(%s) is distinct from (%s)", strings.Join(stored, ", "), strings.Join(expected, ", "))
	if l.entity.Export != "" {
		condition += "\n            or (live.deleted_at is not null) <> " + isDeleted(l.entity, "live.full_data")
	}
	return condition
}

// isDeleted returns the condition under which a record of an export feed is deleted.
func isDeleted(e entity.Entity, document string) string {
	var conditions []string
	if e.GoneStatus != "" {
		conditions = append(conditions, document+" -> 'status' = to_jsonb("+quoteLiteral(e.GoneStatus)+"::text)")
	}
	if e.Inactive == entity.Deleted {
		conditions = append(conditions, document+" -> 'active' = 'false'")
	}
	if len(conditions) == 0 {
		return "false"
	}
	return "coalesce(" + strings.Join(conditions, " or ") + ", false)"
}

// comparedColumns returns the columns of the catalogue that every row has. There are none while
// lazisync migrate fills new ones.
func (l layout) comparedColumns() (columns []entity.Column, filled bool) {
	if l.filledBy != l.casts {
		return nil, false
	}
	return slices.DeleteFunc(slices.Clone(l.entity.Columns), func(c entity.Column) bool { return !slices.Contains(l.present, c.Name) }), true
}

// confirmTemplate counts the differences that both looks found: the row was not written in between, and
// ServiceTitan returned the same record. SAMPLE is the maximum number of ids.
const confirmTemplate = `with confirmed as (
    select again.st_id, again.kind, row_number() over (partition by again.kind order by again.st_id) as place
    from (LOOK) again join DIFF first on first.st_id = again.st_id and first.kind = again.kind
    where again.row_version is not distinct from first.row_version and again.record_digest is not distinct from first.record_digest
        and (again.kind <> 'fingerprint' or again.fingerprint = first.fingerprint)
)
select count(*) filter (where kind = 'missing'), count(*) filter (where kind = 'extra'), count(*) filter (where kind = 'stale'),
    count(*) filter (where kind in ('damaged', 'fingerprint')),
    coalesce((array_agg(st_id::text order by place, kind) filter (where place <= SAMPLE))[1:SAMPLE], '{}')
from confirmed`
