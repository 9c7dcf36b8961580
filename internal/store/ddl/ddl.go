// Package ddl spells the tables of schema raw in SQL: names, types and the expressions of
// typed columns. Packages store and legacy/adoption use it; it has no state and knows no
// other package but entity.
package ddl

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/lazi/lazisync/internal/display"
	"github.com/lazi/lazisync/internal/entity"
)

// Schema is the schema of all tables but the staging tables of rebuilds.
const Schema = "raw"

// Querier runs queries. A pgx.Tx is one.
type Querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// Quote returns a name as a quoted identifier.
func Quote(name string) string { return pgx.Identifier{name}.Sanitize() }

// Unqualified returns the name of a table without its schema.
func Unqualified(table string) string { return table[strings.LastIndexByte(table, '.')+1:] }

// KeyConstraint returns the quoted name of the key that an upsert into a table names: the
// name that PostgreSQL gives to a primary key.
func KeyConstraint(table string) string { return Quote(Unqualified(table) + "_pkey") }

// KeyType returns the type of an entity's column st_id.
func KeyType(e entity.Entity) string {
	if e.Key == entity.TextID {
		return "text"
	}
	return "bigint"
}

// ColumnValue returns the expression that casts the value of a typed column in a jsonb
// document to the type of the column. It is NULL where the cast fails.
func ColumnValue(document string, c entity.Column) string {
	return fmt.Sprintf("%s.to_%s(%s)", Schema, c.Type, JSONValue(document, c))
}

// JSONValue returns the expression of the value of a typed column in a jsonb document.
func JSONValue(document string, c entity.Column) string {
	if strings.Contains(c.Path, ".") {
		return document + " #> '{" + strings.ReplaceAll(c.Path, ".", ",") + "}'"
	}
	return document + " -> '" + c.Path + "'"
}

// ColumnNamesSQL lists the columns of table $1, none if the table does not exist.
const ColumnNamesSQL = `select attname::text from pg_attribute where attrelid = to_regclass($1) and attnum > 0 and not attisdropped`

// ColumnNames returns the columns of a table, none if the table does not exist.
func ColumnNames(ctx context.Context, q Querier, table string) ([]string, error) {
	rows, err := q.Query(ctx, ColumnNamesSQL, table)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// ExecAll runs statements one after another. Its error names the statement that failed.
func ExecAll(ctx context.Context, tx pgx.Tx, statements []string) error {
	for _, statement := range statements {
		if _, err := tx.Exec(ctx, statement); err != nil {
			return fmt.Errorf("%s: %w", firstLine(statement), err)
		}
	}
	return nil
}

func firstLine(statement string) string {
	const longest = 80
	line, _, _ := strings.Cut(strings.TrimSpace(statement), "\n")
	return display.Truncate(line, longest)
}
