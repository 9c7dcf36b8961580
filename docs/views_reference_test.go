package docs

import (
	"fmt"
	"strings"

	"github.com/lazi/lazisync/internal/store/views"
)

const viewsIntro = `
` + "`lazisync migrate`" + ` creates one view for each of the entities that people ask about, in the schema ` + "`st`" + `. They show the live rows of the
[tables of records](data.md#tables-of-records) under plain names. [Queries](queries.md) has questions that a business asks, and their SQL.

- A view shows **live rows**: deleted records are left out. Deactivated ones have ` + "`active = false`" + `.
- **Merged** customers and locations are resolved. ` + "`customer_id` and `location_id`" + ` are those that remain after all merges, ` + "`merged_to_id`" + ` of a
  merged record as well. ` + "`where merged_to_id is null`" + ` counts each customer once. Merges that form a cycle are not resolved.
- **Amounts** are ` + "`numeric`" + `. A value that does not have the type of its column is NULL; it never makes a query fail.
- **Times** are there twice: ` + "`completed_on`" + ` is an instant, ` + "`completed_on_local`" + ` the clock in the time zone of the tenant, ` + "`SYNC_TIMEZONE`" + `. Dates such
  as ` + "`invoice_date`" + ` are not shifted.
- **Items** of invoices and estimates, and what payments pay, are rows of their own views. Each comes from the record, so it needs no further entity.
- **Custom fields** are an object by name: ` + "`custom_fields ->> 'Filter size'`" + `.
- A view is empty until its entity is synced: see ` + "`SYNC_ENTITIES`" + `. By default these are customers, jobs, invoices and estimates.
- All ids are unique within a tenant only. Name ` + "`tenant_id`" + ` in each condition and each join: PostgreSQL then finds a row by its key.

## Grant access

Readers need nothing in the schema ` + "`raw`" + `. A user ` + "`analyst`" + ` of the views, with ` + "`lazisync_owner`" + ` as the user of ` + "`migrate`" + `:

` + "```sql" + `
grant usage on schema st to analyst;
grant select on all tables in schema st to analyst;
alter default privileges for role lazisync_owner in schema st grant select on tables to analyst;
` + "```" + `

The last statement is for views that later versions add. ` + "`full_data`" + ` has every field of a record; to hide it, grant ` + "`select`" + ` on single columns.
` + "`lazisync_reader`" + ` of [databases.sh](../deploy/postgres/databases.sh) may read the views as it may read the tables.

## Create and update

` + "`lazisync migrate`" + ` creates the views and, with a new version of lazisync, replaces those whose definition has changed. Their comments in the
database have the version. ` + "`lazisync doctor`" + ` says whether they match.

- The user of ` + "`migrate`" + ` needs ` + "`create`" + ` on the database, or ` + "`usage` and `create`" + ` on a schema ` + "`st`" + ` that an administrator created. It owns the views,
  and must stay the same user.
- A view keeps its privileges and the views of others that read it, as long as only columns are added at its end. For any other change it is
  dropped and created again. Its grants to roles are restored, those on single columns are not. If other objects need it, nothing changes, and
  ` + "`migrate`" + ` fails with their names: drop them, run ` + "`migrate`" + `, and create them again.
- Own views belong into another schema. PostgreSQL does not drop a column, or change its type, while a view reads it; this also applies to the
  tables in ` + "`raw`" + `.
- A new value of ` + "`SYNC_TIMEZONE`" + ` applies after ` + "`lazisync migrate`" + `. Each tenant of the tenants file has its own. PostgreSQL must
  know the name, or ` + "`migrate`" + ` fails.
- An older version leaves views of a newer one as they are.
- If a schema ` + "`st`" + ` with other objects exists, ` + "`migrate`" + ` fails without changing it. Views come last, when everything else is migrated.

` + "`SYNC_VIEWS=off`" + ` creates and changes nothing. Existing views stay; ` + "`drop schema st cascade`" + ` removes them.

## Views

| view | rows | from |
|---|---|---|
`

const viewsColumnsIntro = `
The tables below list the columns, and in the third column the field of the record. ` + "`items[]`" + ` is an element of an array.
`

// viewsReference returns views.md.
func viewsReference() string {
	var b strings.Builder
	b.WriteString(generatedNote + "# Views\n" + viewsIntro)
	for _, v := range views.All {
		fmt.Fprintf(&b, "| [`%s`](#%s) | %s | `%s` |\n", v.QualifiedName(), anchor(v.QualifiedName()), cell(v.Doc), v.Entity)
	}
	b.WriteString(viewsColumnsIntro)
	for _, v := range views.All {
		fmt.Fprintf(&b, "\n### %s\n\n%s\n\n| column | type | field | |\n|---|---|---|---|\n", v.QualifiedName(), cell(v.Doc))
		for _, c := range v.Describe() {
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", c.Name, c.Type, code(c.Path), cell(c.Doc))
		}
	}
	return b.String()
}
