package adoption

import (
	"context"
	"strings"

	"github.com/jackc/pgx/v5"
)

// view is a view that reads a column whose type changes. PostgreSQL rejects the change while
// the view exists, so the view is dropped and created again in the same transaction.
type view struct {
	Name       string
	Definition string
	Options    string   // as in create view … with (…)
	Restore    []string // statements that restore the owner, grants and comments
	Obstacle   string   // why the view cannot be created again; "" if it can
}

// viewsSQL lists the views that read columns $2 of table $1, directly or through another
// view, each after the views that it reads.
const viewsSQL = `
with recursive readers (oid, depth) as (
	select ev_class, 1 from pg_depend d join pg_rewrite r on r.oid = d.objid
	where classid = 'pg_rewrite'::regclass and refclassid = 'pg_class'::regclass and refobjid = to_regclass($1) and refobjsubid = any($2) and ev_class <> refobjid
	union
	select ev_class, depth + 1 from readers v join pg_depend d on refobjid = v.oid join pg_rewrite r on r.oid = d.objid
	where classid = 'pg_rewrite'::regclass and refclassid = 'pg_class'::regclass and ev_class <> v.oid
), views as (
	select c.*, format('%I.%I', nspname, relname) as name, depth
	from (select oid, max(depth) as depth from readers group by oid) v join pg_class c using (oid) join pg_namespace n on n.oid = relnamespace
)
select name, pg_get_viewdef(oid), coalesce(array_to_string(reloptions, ', '), ''),
	array[format('alter view %s owner to %I', name, pg_get_userbyid(relowner))]
	|| array(
		select format('grant %s on %s to %s%s', privilege_type, name, case grantee when 0 then 'public' else quote_ident(pg_get_userbyid(grantee)) end,
			case when is_grantable then ' with grant option' else '' end)
		from aclexplode(relacl) where grantee <> relowner)
	|| array(
		select format('grant %s (%I) on %s to %s%s', privilege_type, attname, name, case grantee when 0 then 'public' else quote_ident(pg_get_userbyid(grantee)) end,
			case when is_grantable then ' with grant option' else '' end)
		from pg_attribute, aclexplode(attacl) where attrelid = views.oid)
	|| array(
		select format('comment on column %s.%I is %L', name, attname, col_description(attrelid, attnum)) from pg_attribute
		where attrelid = views.oid and col_description(attrelid, attnum) is not null)
	|| array(select format('comment on view %s is %L', name, obj_description(oid, 'pg_class')) where obj_description(oid, 'pg_class') is not null),
	case when relkind <> 'v' then 'is not an ordinary view'
		when relhastriggers then 'has triggers'
		when (select count(*) from pg_rewrite where ev_class = views.oid) > 1 then 'has rules'
		when not pg_has_role(relowner, 'usage') then 'belongs to another role' else '' end
from views order by depth, name`

// views lists the views that read a column whose type changes.
func (t *Table) views(ctx context.Context, tx pgx.Tx) ([]view, error) {
	var numbers []int16
	for _, c := range t.changingColumns() {
		numbers = append(numbers, c.Number)
	}
	rows, err := tx.Query(ctx, viewsSQL, t.Name, numbers)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[view])
}

// dropViews returns the statement that drops views, "" for none.
func dropViews(views []view) string {
	if len(views) == 0 {
		return ""
	}
	names := make([]string, len(views))
	for i, v := range views {
		names[i] = v.Name
	}
	return "drop view " + strings.Join(names, ", ")
}

// createSQL returns the statements that create the view again.
func (v view) createSQL() []string {
	with := ""
	if v.Options != "" {
		with = " with (" + v.Options + ")"
	}
	return append([]string{"create view " + v.Name + with + " as " + v.Definition}, v.Restore...)
}
