package store

import (
	"fmt"
	"strings"

	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/store/ddl"
)

// tableName is an entity's table as the ledger writes it: raw.st_customers.
func tableName(e entity.Entity) string { return ddl.Schema + "." + e.Table() }

// entityName is the entity whose table tableName wrote.
func entityName(table string) string { return strings.TrimPrefix(table, ddl.Schema+".st_") }

// column is a column of an entity's table.
type column struct{ name, definition string }

// tableColumns are the columns of an entity's table, in order: its key, the typed
// columns of the catalogue, and what every table has.
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
	)
}

// createTable makes an entity's table and its index.
func createTable(e entity.Entity) string {
	return fmt.Sprintf("%s;\ncreate index %s on %s (tenant_id, run_number)", defineTable(tableName(e), e), e.Table()+"_run", tableName(e))
}

// defineTable makes a table that can hold an entity's rows.
func defineTable(name string, e entity.Entity) string {
	var b strings.Builder
	fmt.Fprintf(&b, "create table %s (\n", name)
	for _, c := range tableColumns(e) {
		fmt.Fprintf(&b, "    %s %s,\n", ddl.Quote(c.name), c.definition)
	}
	b.WriteString("    primary key (tenant_id, st_id)\n)")
	return b.String()
}
