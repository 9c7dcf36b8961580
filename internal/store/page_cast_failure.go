package store

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/lazi/lazisync/internal/entity"
)

// misfit is a typed column that values of a page did not fit: it is NULL there.
type misfit struct {
	Column  string `json:"column"`
	Records int64  `json:"records"`
	ID      string `json:"id"` // of one of the records
}

// drift is a misfit that a run came across for the first time.
type drift struct {
	misfit
	example string
}

// keepMisfits counts misfits in raw.schema_drift and returns those that are new in the run.
func (s pageStore) keepMisfits(ctx context.Context, tx pgx.Tx, misfits []misfit) (fresh []drift, err error) {
	for _, m := range misfits {
		d := drift{misfit: m}
		var isNew bool
		err := tx.QueryRow(ctx, s.sql(keepMisfitTemplate), s.run, tableName(s.entity), m.Column, m.Records, s.tenant, m.ID,
			strings.Split(s.path(m.Column), ".")).Scan(&isNew, &d.example)
		if err != nil {
			return nil, fmt.Errorf("count values that do not fit column %s: %w", m.Column, err)
		}
		if isNew {
			fresh = append(fresh, d)
		}
	}
	return fresh, nil
}

// keepMisfitTemplate returns whether the row is new, and its example.
const keepMisfitTemplate = `
	insert into raw.schema_drift as d (run_number, table_name, column_name, records, st_id, example)
	select $1, $2, $3, $4, st_id::text, left((full_data #> $7)::text, 100) from TARGET where tenant_id = $5 and st_id = $6::text::KEY
	on conflict (run_number, table_name, column_name) do update set records = d.records + excluded.records
	returning xmax = 0, example`

func (s pageStore) path(name string) string {
	for _, c := range s.entity.Columns {
		if c.Name == name {
			return c.Path
		}
	}
	return name
}

// warningsSoFar are the warnings of a row of raw.sync_cursors: those of its pages, and
// one for each column that values did not fit.
const warningsSoFar = `warnings || array(
		select format('%s what does not fit column %s, which is NULL there; record %s has %s',
			case records when 1 then '1 record holds' else records || ' records hold' end, column_name, st_id, example)
		from raw.schema_drift d
		where d.run_number = sync_cursors.run_number and d.table_name = sync_cursors.table_name order by column_name)`

// warn tells of drift: the API's type of a field is not what the catalogue says.
func (s *Store) warn(run int64, e entity.Entity, drifts []drift) {
	for _, d := range drifts {
		s.log.Warn().Int64("run_number", run).Str("entity", e.Name).Str("column", d.Column).Int64("records", d.Records).
			Str("id", d.ID).Str("example", d.example).
			Msg("values do not fit their column, which is NULL for them; full_data has them, raw.schema_drift counts them")
	}
}
