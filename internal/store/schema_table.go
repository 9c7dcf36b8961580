package store

import (
	"fmt"
	"strings"

	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/store/ddl"
)

// tableName returns the table of an entity with its schema, raw.st_customers.
func tableName(e entity.Entity) string { return ddl.Schema + "." + e.Table() }

// entityName is the inverse of tableName.
func entityName(table string) string { return strings.TrimPrefix(table, ddl.Schema+".st_") }

// column is a column of the table of an entity.
type column struct{ name, definition string }

// tableColumns returns the columns of the table of an entity in order: the key, the typed
// columns of the catalogue, and those of every table.
func tableColumns(e entity.Entity) []column {
	columns := []column{{"tenant_id", "bigint not null"}, {"st_id", ddl.KeyType(e) + " not null"}}
	for _, c := range e.Columns {
		columns = append(columns, column{c.Name, string(c.Type)})
	}
	return append(columns,
		column{"modified_on", "timestamptz"},
		column{"full_data", "jsonb not null"},
		column{"fetched_at", "timestamptz not null"},
		column{"run_number", "bigint not null"},
		column{"deleted_at", "timestamptz"},
		column{fingerprintColumn, fingerprintType},
	)
}

// createTable returns the statements that create the table of an entity and its index. The index does
// not begin with the tenant: while a table is nearly empty, PostgreSQL would take it for as good as the
// key to find a row, and read all rows of the tenant. Earlier versions created it so.
func createTable(e entity.Entity) string {
	return fmt.Sprintf("%s;\ncreate index %s on %s (run_number, tenant_id)", defineTable(tableName(e), e), e.Table()+"_run", tableName(e))
}

// compressSQL returns the statement that has documents of more than 2 kB compressed by LZ4, which is
// several times faster than PostgreSQL's default, if the server has it.
func compressSQL(table string) string {
	return fmt.Sprintf(`do $$ begin
    if exists (select from pg_settings where name = 'default_toast_compression' and 'lz4' = any (enumvals)) then
        alter table %s alter column full_data set compression lz4;
    end if;
end $$`, table)
}

// defineTable returns the statement that creates a table for rows of an entity.
func defineTable(name string, e entity.Entity) string {
	var b strings.Builder
	fmt.Fprintf(&b, "create table %s (\n", name)
	for _, c := range tableColumns(e) {
		fmt.Fprintf(&b, "    %s %s,\n", ddl.Quote(c.name), c.definition)
	}
	b.WriteString("    primary key (tenant_id, st_id)\n)")
	return b.String()
}
