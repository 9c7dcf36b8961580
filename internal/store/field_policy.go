package store

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/internal/store/ddl"
)

// Records arrive with the field policy applied. The store remembers by its digest under which one the
// rows of a table were stored, so that lazisync doctor can name the tables that a rebuild has to
// bring to another. A rebuild also applies the policy to rows that ServiceTitan no longer has.

// FieldPolicy applies the field policy to documents of rows.
type FieldPolicy interface {
	// Digest identifies the policy of an entity, "" for none.
	Digest(entityName string) string
	// Clean applies the policy to a document. If its fields may be hashed already, it drops
	// those to hash.
	Clean(entityName string, document []byte, mayBeHashed bool) []byte
}

type keepAll struct{}

func (keepAll) Digest(string) string                           { return "" }
func (keepAll) Clean(_ string, document []byte, _ bool) []byte { return document }

// mixedPolicies takes the place of the digest if not all rows have the same policy.
const mixedPolicies = "mixed"

// saveFieldPolicy remembers the policy of the page for the table that it was written to. at is the state
// of the table before the page.
func (s pageStore) saveFieldPolicy(ctx context.Context, tx pgx.Tx, at resumePoint, f fence, done rowCounts) error {
	switch policy := s.page.FieldPolicy; {
	case s.Mode.Info().ReadOnly || len(s.page.Records) == 0:
		return nil
	case s.Mode.Info().Staged:
		if f.fieldPolicy != nil && *f.fieldPolicy == policy {
			return nil
		}
		_, err := tx.Exec(ctx, `
			update raw.sync_cursors set field_policy = case when field_policy is null and fetched = rejected then $3 else '`+mixedPolicies+`' end
			where run_number = $1 and table_name = $2`, s.Run.Number, tableName(s.Entity), policy)
		return err
	case done.Inserted+done.Updated+done.Deleted == 0 || at.fieldPolicy != nil && *at.fieldPolicy == policy:
		return nil
	}
	_, err := tx.Exec(ctx, s.sql(`
		update raw.sync_state set field_policy = case
			when field_policy is null and not exists (select from TABLE where tenant_id = $1 and run_number <> $4) then $3
			else '`+mixedPolicies+`' end
		where tenant_id = $1 and table_name = $2`), s.TenantID, tableName(s.Entity), s.page.FieldPolicy, s.Run.Number)
	return err
}

// finishFieldPolicy makes the policy of the staging table that of all rows, after the merge. It applies it to
// the rows that the staging table has not brought to it.
func (s pageStore) finishFieldPolicy(ctx context.Context, tx pgx.Tx, at resumePoint, f fence, fields FieldPolicy) error {
	own := fields.Digest(s.Entity.Name)
	policy := own
	if f.fieldPolicy != nil {
		policy = *f.fieldPolicy
	}
	if at.fieldPolicy != nil && *at.fieldPolicy == policy && policy != mixedPolicies {
		return nil
	}
	if policy != own { // this process cannot apply it
		policy = mixedPolicies
	} else if err := s.cleanRows(ctx, tx, f, fields, at.fieldPolicy == nil || *at.fieldPolicy != ""); err != nil {
		return fmt.Errorf("apply the field policy to rows that ServiceTitan does not have: %w", err)
	}
	_, err := tx.Exec(ctx, "update raw.sync_state set field_policy = $3 where tenant_id = $1 and table_name = $2", s.TenantID, tableName(s.Entity), policy)
	return err
}

// cleanBatch is the number of rows that one statement cleans.
const cleanBatch = 1000

// uncleanTemplate selects the ids of rows that the rebuild has neither written nor found equal, and that no page
// has written since it began. Parameters: $1 tenant, $2 when the rebuild began.
const uncleanTemplate = `select kept.st_id::text from TABLE kept
where kept.tenant_id = $1 and kept.fetched_at < $2
    and not exists (select from TARGET staged where staged.tenant_id = $1 and staged.st_id = kept.st_id and staged.full_data = kept.full_data)
order by kept.st_id`

const documentsTemplate = `select st_id::text, full_data::text from TABLE where tenant_id = $1 and st_id = any($2::text[]::KEY[]) order by st_id`

// cleanTemplate writes documents, and the typed columns that follow from them. Parameters: $1 tenant, $2 run,
// $3 ids, $4 documents.
const cleanTemplate = `update TABLE kept set SETS full_data = cleaned.data, fingerprint = null, run_number = $2
from (select st_id::KEY, document::jsonb as data from unnest($3::text[], $4::text[]) as c (st_id, document) offset 0) cleaned
where kept.tenant_id = $1 and kept.st_id = cleaned.st_id and kept.full_data is distinct from cleaned.data`

func (s pageStore) cleanRows(ctx context.Context, tx pgx.Tx, f fence, fields FieldPolicy, mayBeHashed bool) error {
	var sets strings.Builder
	for _, c := range s.Entity.Columns {
		fmt.Fprintf(&sets, "%s = %s, ", ddl.Quote(c.Name), ddl.ColumnValue("cleaned.data", c))
	}
	clean := s.sql(strings.Replace(cleanTemplate, "SETS ", sets.String(), 1))
	unclean, err := pgx.CollectRows(query(ctx, tx, s.sql(uncleanTemplate), s.TenantID, f.watermark), pgx.RowTo[string])
	if err != nil {
		return err
	}
	type document struct{ ID, Data string }
	for ids := range slices.Chunk(unclean, cleanBatch) {
		rows, err := pgx.CollectRows(query(ctx, tx, s.sql(documentsTemplate), s.TenantID, ids), pgx.RowToStructByPos[document])
		if err != nil {
			return err
		}
		cleanIDs, documents := make([]string, len(rows)), make([]string, len(rows))
		for i, r := range rows {
			cleanIDs[i], documents[i] = r.ID, string(fields.Clean(s.Entity.Name, []byte(r.Data), mayBeHashed))
		}
		if _, err := tx.Exec(ctx, clean, s.TenantID, s.Run.Number, cleanIDs, documents); err != nil {
			return err
		}
	}
	return nil
}

// OutdatedPolicies lists the tables with rows that were stored under another field policy than the one of
// the store.
func (s *Store) OutdatedPolicies(ctx context.Context) (outdated []ledger.EntityState, err error) {
	states, err := readRows(ctx, s, "list field policies", func(row pgx.CollectableRow) (t tablePolicy, err error) {
		err = row.Scan(&t.state.TenantID, &t.table, &t.policy)
		t.state.Entity = entityName(t.table)
		return t, err
	}, `select tenant_id, table_name, field_policy from raw.sync_state
		where field_policy is not null and table_name like 'raw.st\_%' order by tenant_id, table_name`)
	if err != nil {
		return nil, err
	}
	for _, t := range states {
		if _, known := entity.Find(t.state.Entity); !known || t.policy == s.fieldPolicy.Digest(t.state.Entity) {
			continue
		}
		hasRows, err := readValue(ctx, s, "find rows of "+t.state.Entity, func(q ddl.Querier) (found bool, err error) {
			err = q.QueryRow(ctx, "select exists (select from "+t.table+" where tenant_id = $1)", t.state.TenantID).Scan(&found)
			return found, err
		})
		if err != nil {
			return nil, err
		}
		if hasRows {
			outdated = append(outdated, t.state)
		}
	}
	return outdated, nil
}

// tablePolicy is a table and the policy of its rows.
type tablePolicy struct {
	state  ledger.EntityState
	table  string
	policy string
}

// UnknownFields returns the rules for fields that no record has had, of tables whose fields are known.
func (s *Store) UnknownFields(ctx context.Context, rules []entity.FieldRule) (unknown []entity.FieldRule, err error) {
	type tableFields struct {
		Table  string
		Fields []string
	}
	tables, err := readRows(ctx, s, "list known fields", pgx.RowToStructByPos[tableFields], `
		select table_name, array_agg(distinct field) from raw.sync_fields f
		where exists (select from raw.sync_state s where s.tenant_id = f.tenant_id and s.table_name = f.table_name and s.fields_known_since is not null)
		group by table_name`)
	if err != nil {
		return nil, err
	}
	for _, r := range rules {
		i := slices.IndexFunc(tables, func(t tableFields) bool { return entityName(t.Table) == r.Entity })
		if i >= 0 && !slices.Contains(tables[i].Fields, moreFields) && !r.Names(tables[i].Fields) {
			unknown = append(unknown, r)
		}
	}
	return unknown, nil
}
