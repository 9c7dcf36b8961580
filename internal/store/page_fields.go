package store

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/ledger"
)

// raw.sync_fields has the fields that records have had. What the pages have until the first complete
// read is the baseline. A field that is recorded later is new and is reported by the transaction that
// has inserted it, so once, however many workers see it.

// moreFields is the row of raw.sync_fields for the fields beyond entity.MaxFields.
const moreFields = "..."

// warnedFields is how many new fields a warning names.
const warnedFields = 20

// fieldCache has the fields that this process knows to be recorded, so that most pages need no statement
// for them. It knows one run of each table at a time: another run reads them again, after PostgreSQL may
// have been restored.
type fieldCache struct {
	mu     sync.Mutex
	tables map[fieldTable]recordedFields
}

type fieldTable struct {
	tenant events.TenantID
	table  string
}

type recordedFields struct {
	run    int64
	fields map[string]bool
}

// unrecorded returns the fields that are not known to be recorded.
func (c *fieldCache) unrecorded(target ledger.Target, fields []string) (unknown []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	known := c.tables[fieldTable{target.TenantID, tableName(target.Entity)}]
	for _, f := range fields {
		if known.run != target.Run.Number || !known.fields[f] {
			unknown = append(unknown, f)
		}
	}
	return unknown
}

// add notes fields as recorded, after the commit.
func (c *fieldCache) add(target ledger.Target, fields []string) {
	if len(fields) == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	key := fieldTable{target.TenantID, tableName(target.Entity)}
	known := c.tables[key]
	if known.run != target.Run.Number || len(known.fields) > 4*entity.MaxFields {
		known = recordedFields{target.Run.Number, map[string]bool{}}
	}
	for _, f := range fields {
		known.fields[f] = true
	}
	if c.tables == nil {
		c.tables = map[fieldTable]recordedFields{}
	}
	c.tables[key] = known
}

// recordFields records the fields of the page that are not recorded yet, and returns the new ones.
func (s pageStore) recordFields(ctx context.Context, tx pgx.Tx) (added []string, err error) {
	if len(s.fields) == 0 {
		return nil, nil
	}
	var hasBaseline bool
	var recorded []string
	err = tx.QueryRow(ctx, `
		select exists (select from raw.sync_state where tenant_id = $1 and table_name = $2 and fields_known_since is not null),
			array(select field from raw.sync_fields where tenant_id = $1 and table_name = $2)`, s.TenantID, tableName(s.Entity)).Scan(&hasBaseline, &recorded)
	if err != nil {
		return nil, fmt.Errorf("read the fields of %s: %w", s.Entity.Name, err)
	}
	fields, isNew := fieldsToRecord(recorded, s.fields, hasBaseline)
	if len(fields) == 0 {
		return nil, nil
	}
	added, err = pgx.CollectRows(query(ctx, tx, insertFieldsSQL, s.TenantID, tableName(s.Entity), s.Run.Number, fields, isNew), pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("record the fields of %s: %w", s.Entity.Name, err)
	}
	return added, nil
}

// insertFieldsSQL inserts fields in their order, so that two transactions do not wait for each other, and
// returns the new ones that no other transaction has inserted.
const insertFieldsSQL = `
	with seen as (
		insert into raw.sync_fields (tenant_id, table_name, run_number, field, is_new)
		select $1::bigint, $2::text, $3::bigint, field, is_new from unnest($4::text[], $5::boolean[]) as page (field, is_new) order by field
		on conflict (tenant_id, table_name, field) do nothing
		returning field, is_new)
	select field from seen where is_new order by field`

// fieldsToRecord returns the fields that are not recorded, and which of them are new if there is a
// baseline. What an object has when it is seen for the first time belongs to it and is not new by itself.
// Beyond entity.MaxFields no name is kept, which is worth a report, too.
func fieldsToRecord(recorded, seen []string, hasBaseline bool) (fields []string, isNew []bool) {
	known, objects := map[string]bool{}, map[string]bool{"": true}
	for _, f := range recorded {
		known[f] = true
		for object := objectOf(f); object != ""; object = objectOf(object) {
			objects[object] = true
		}
	}
	for _, f := range seen {
		if known[f] {
			continue
		}
		if len(recorded)+len(fields) >= entity.MaxFields {
			if !known[moreFields] {
				fields, isNew = append(fields, moreFields), append(isNew, true)
			}
			break
		}
		fields, isNew = append(fields, f), append(isNew, hasBaseline && objects[objectOf(f)])
	}
	return fields, isNew
}

// objectOf returns the path of the object that has a field, "" for the record.
func objectOf(field string) string { return field[:max(0, strings.LastIndexByte(field, '.'))] }

// newFieldsWarnings are the warnings of an outcome about new fields.
func newFieldsWarnings(added []string) (warnings []string) {
	names := slices.DeleteFunc(slices.Clone(added), func(f string) bool { return f == moreFields })
	switch n := len(names); {
	case n == 1:
		warnings = append(warnings, "new field, which no record had before: "+names[0])
	case n > warnedFields:
		warnings = append(warnings, fmt.Sprintf("%d new fields, which no record had before: %s and %d more", n, strings.Join(names[:warnedFields], ", "), n-warnedFields))
	case n > 1:
		warnings = append(warnings, fmt.Sprintf("%d new fields, which no record had before: %s", n, strings.Join(names, ", ")))
	}
	if slices.Contains(added, moreFields) {
		warnings = append(warnings, fmt.Sprintf("more than %d fields: further new fields are not reported", entity.MaxFields))
	}
	return warnings
}

// setBaseline declares the fields that are recorded to be all that records had until now, after the first
// complete read that has seen a record.
func (s pageStore) setBaseline(ctx context.Context, tx pgx.Tx) error {
	_, err := tx.Exec(ctx, `
		update raw.sync_state set fields_known_since = clock_timestamp()
		where tenant_id = $1 and table_name = $2 and fields_known_since is null
			and exists (select from raw.sync_fields where tenant_id = $1 and table_name = $2)`, s.TenantID, tableName(s.Entity))
	return err
}

// reportNewFields logs and records new fields.
func (s *Store) reportNewFields(target ledger.Target, added []string) {
	for _, f := range added {
		if f == moreFields {
			s.log.Warn().EmbedObject(target).Int("fields", entity.MaxFields).Msg("too many fields, further new ones are not reported")
			continue
		}
		s.log.Warn().EmbedObject(target).Str("field", f).Msg("new field from ServiceTitan; full_data has it")
		s.recorder.FieldAdded(target.TenantID, target.Entity.Name)
	}
}

// NewFields lists the fields that were first seen after the baseline of their entity, the latest first;
// of one tenant, of one entity, or of all with "".
func (s *Store) NewFields(ctx context.Context, tenantID events.TenantID, entityName string) ([]ledger.NewField, error) {
	return readRows(ctx, s, "list new fields", scanNewField, `
		select tenant_id, table_name, field, first_seen_at, run_number from raw.sync_fields
		where is_new and ($1::bigint is null or tenant_id = $1) and ($2::text = '' or table_name = 'raw.st_' || $2)
		order by first_seen_at desc, tenant_id, table_name, field`, tenantID, entityName)
}

func scanNewField(row pgx.CollectableRow) (f ledger.NewField, err error) {
	var table string
	err = row.Scan(&f.TenantID, &table, &f.Field, &f.FirstSeenAt, &f.Run)
	f.Entity = entityName(table)
	return f, err
}
