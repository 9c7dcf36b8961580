package store

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/lazi/lazisync/internal/ledger"
)

// castFailure is a typed column that values of a page do not fit. The column is NULL for them.
type castFailure struct {
	Column  string `json:"column"`
	Records int64  `json:"records"`
	ID      string `json:"id"` // of one record
}

// newCastFailure is the first cast failure of a column in a run.
type newCastFailure struct {
	castFailure
	example string
}

// recordCastFailures counts cast failures in raw.schema_drift and returns those that are the first
// of their column in the run.
func (s pageStore) recordCastFailures(ctx context.Context, tx pgx.Tx, castFailures []castFailure) (first []newCastFailure, err error) {
	for _, m := range castFailures {
		d := newCastFailure{castFailure: m}
		var isNew bool
		err := tx.QueryRow(ctx, s.sql(recordCastFailureTemplate), s.Run.Number, tableName(s.Entity), m.Column, m.Records, s.TenantID, m.ID,
			strings.Split(s.path(m.Column), ".")).Scan(&isNew, &d.example)
		if err != nil {
			return nil, fmt.Errorf("count cast failures of column %s: %w", m.Column, err)
		}
		if isNew {
			first = append(first, d)
		}
	}
	return first, nil
}

// recordCastFailureTemplate returns whether the row is new, and its example.
const recordCastFailureTemplate = `
	insert into raw.schema_drift as d (run_number, table_name, column_name, records, st_id, example)
	select $1, $2, $3, $4, st_id::text, left((full_data #> $7)::text, 100) from TARGET where tenant_id = $5 and st_id = $6::text::KEY
	on conflict (run_number, table_name, column_name) do update set records = d.records + excluded.records
	returning xmax = 0, example`

func (s pageStore) path(name string) string {
	for _, c := range s.Entity.Columns {
		if c.Name == name {
			return c.Path
		}
	}
	return name
}

// keptWarnings and moreWarnings are the ledger.Warnings of a row of raw.sync_cursors. Earlier versions
// kept all warnings.
var (
	keptWarnings = fmt.Sprintf("warnings[:%d]", ledger.MaxWarnings)
	moreWarnings = fmt.Sprintf("more_warnings + greatest(cardinality(warnings) - %d, 0)", ledger.MaxWarnings)
)

// warningsSoFar is the expression of the warnings of a row of raw.sync_cursors: those of its pages,
// and one per column with cast failures.
var warningsSoFar = keptWarnings + ` || array(
		select format('%s a value that does not fit column %s, which is NULL there; record %s has %s',
			case records when 1 then '1 record has' else records || ' records have' end, column_name, st_id, example)
		from raw.schema_drift d
		where d.run_number = sync_cursors.run_number and d.table_name = sync_cursors.table_name order by column_name)`

// logCastFailures logs the first cast failures of columns: the type of a field in the API is not
// that of the catalogue.
func (s *Store) logCastFailures(target ledger.Target, newFailures []newCastFailure) {
	for _, d := range newFailures {
		s.log.Warn().EmbedObject(target).Str("column", d.Column).Int64("records", d.Records).
			Str("id", d.ID).Str("example", d.example).
			Msg("values do not fit their column and are NULL there; full_data has them, raw.schema_drift counts them")
	}
}
