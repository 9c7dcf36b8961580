package store

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/lazi/lazisync/internal/store/ddl"
	"github.com/lazi/lazisync/internal/store/views"
)

// schemaState describes schema st.
type schemaState struct {
	exists  bool
	comment string
	objects []viewObject // tables, views, sequences and functions
}

// viewObject is an object of schema st.
type viewObject struct {
	name    string
	isOurs  bool // a view that lazisync created
	version int
	digest  string
}

// schemaObjectsSQL lists the objects of schema $1 with their comments, those of views alone.
const schemaObjectsSQL = `
	select relname::text, case when relkind = 'v' then coalesce(obj_description(oid, 'pg_class'), '') else '' end
	from pg_class where relnamespace = to_regnamespace($1) and relkind in ('r', 'v', 'm', 'f', 'p', 'S', 'c')
	union all
	select proname::text, '' from pg_proc where pronamespace = to_regnamespace($1)
	order by 1`

func readSchema(ctx context.Context, q ddl.Querier) (s schemaState, err error) {
	err = q.QueryRow(ctx, "select to_regnamespace($1) is not null, coalesce(obj_description(to_regnamespace($1), 'pg_namespace'), '')", views.Schema).
		Scan(&s.exists, &s.comment)
	if err != nil {
		return s, err
	}
	s.objects, err = pgx.CollectRows(query(ctx, q, schemaObjectsSQL, views.Schema), func(row pgx.CollectableRow) (o viewObject, err error) {
		var comment string
		err = row.Scan(&o.name, &comment)
		o.version, o.digest, o.isOurs = views.ParseComment(comment)
		return o, err
	})
	return s, err
}

// find returns the object with a name.
func (s schemaState) find(name string) (viewObject, bool) {
	at := slices.IndexFunc(s.objects, func(o viewObject) bool { return o.name == name })
	if at < 0 {
		return viewObject{}, false
	}
	return s.objects[at], true
}

// version returns the highest version of lazisync's views, 0 if there are none.
func (s schemaState) version() (highest int) {
	for _, o := range s.objects {
		highest = max(highest, o.version)
	}
	return highest
}

// checkForeign returns an error if the schema is not lazisync's, or if an object has the name of a
// view. Other objects beside the views are left alone.
func (s schemaState) checkForeign() error {
	isOurs := s.comment == schemaComment || s.version() > 0
	for _, o := range s.objects {
		switch {
		case o.isOurs:
		case !isOurs:
			return fmt.Errorf("the schema %s holds objects that lazisync did not create, such as %s: rename it, or set SYNC_VIEWS=off", views.Schema, o.name)
		case slices.ContainsFunc(views.All, func(v views.View) bool { return v.Name == o.name }):
			return fmt.Errorf("%s.%s is not a view that lazisync created: rename it, or set SYNC_VIEWS=off", views.Schema, o.name)
		}
	}
	return nil
}
