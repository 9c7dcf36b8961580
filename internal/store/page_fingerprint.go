package store

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/lazi/lazisync/internal/entity"
)

// Most records of a full sync, and those that an incremental reads again, have not changed. A row
// has a fingerprint of its record, so that PostgreSQL finds these without their documents. It is
// only a shortcut: a row without a fingerprint, or with another one, is compared by its document.
// The trigger of the table clears the fingerprint of a row that another program writes.

const (
	fingerprintColumn = "fingerprint"
	fingerprintType   = "uuid" // 16 bytes without a length
)

// fingerprintOf returns the first 16 bytes of the SHA-256 digest of a record.
func fingerprintOf(raw []byte) pgtype.UUID {
	sum := sha256.Sum256(raw)
	return pgtype.UUID{Bytes: [16]byte(sum[:16]), Valid: true}
}

// upsertChanged writes the records that change a row, and returns those that PostgreSQL rejects. It sets
// the fingerprints of rows that have the documents of others.
func (s pageStore) upsertChanged(ctx context.Context, tx pgx.Tx, records []record) (done rowCounts, refused []entity.Rejected, err error) {
	changed, err := s.changed(ctx, tx, records)
	if err != nil {
		return done, nil, err
	}
	done, refused, err = s.upsert(ctx, tx, changed)
	if err == nil && done.Inserted+done.Updated+done.Deleted < int64(len(changed)-len(refused)) {
		err = s.setFingerprints(ctx, tx, changed, refused)
	}
	return done, refused, err
}

// changedTemplate returns the places of the records, from 1, that may change a row. Parameters: $1
// tenant, $2 when the page was fetched, $3 ids, $4 modified_on, $5 whether deleted, $6 fingerprints.
const changedTemplate = `select coalesce(array_agg(page.place::int order by page.place), '{}')
from unnest($3::KEY[], $4::timestamptz[], $5::boolean[], $6::uuid[]) with ordinality as page (st_id, modified_on, is_deleted, fingerprint, place)
    left join lateral (ROW) old on true
where old.st_id is null or (
        REPLACES)`

// changed returns the records that may change a row, in the same order.
func (s pageStore) changed(ctx context.Context, tx pgx.Tx, records []record) ([]record, error) {
	if len(records) == 0 {
		return nil, nil
	}
	statement := s.sql(strings.NewReplacer("ROW", rowOf(tableName(s.Entity), "page.st_id"),
		"REPLACES", pageRule(fingerprintDiffers)("page", "old", "$2::timestamptz", "page.is_deleted", "page.fingerprint")).Replace(changedTemplate))
	keys, modified, deleted := s.versions(records)
	var places []int32
	err := tx.QueryRow(ctx, statement, s.TenantID, s.page.Date, keys, modified, deleted, fingerprints(records)).Scan(&places)
	if err != nil {
		return nil, fmt.Errorf("compare fingerprints: %w", err)
	}
	changed := make([]record, len(places))
	for i, place := range places {
		changed[i] = records[place-1]
	}
	return changed, nil
}

// fingerprints returns the fingerprints of records as a parameter.
func fingerprints(records []record) []pgtype.UUID {
	all := make([]pgtype.UUID, len(records))
	for i, r := range records {
		all[i] = r.fingerprint
	}
	return all
}

// setFingerprints sets the fingerprints of rows that have the documents of records and other
// fingerprints or none: rows that another program wrote, or whose record has the same fields in
// another form. PostgreSQL has refused some of the records.
func (s pageStore) setFingerprints(ctx context.Context, tx pgx.Tx, records []record, refused []entity.Rejected) error {
	records = slices.DeleteFunc(slices.Clone(records), func(r record) bool {
		return slices.ContainsFunc(refused, func(bad entity.Rejected) bool { return bad.ID == r.ID })
	})
	keys, _, _ := s.versions(records)
	_, err := tx.Exec(ctx, s.sql(`update TABLE kept set fingerprint = page.fingerprint
		from unnest($2::KEY[], $3::text[], $4::uuid[]) as page (st_id, document, fingerprint)
		where kept.tenant_id = $1 and kept.st_id = page.st_id and kept.full_data = page.document::jsonb and kept.fingerprint is distinct from page.fingerprint`),
		s.TenantID, keys, documentsOf(records), fingerprints(records))
	if err != nil {
		return fmt.Errorf("set fingerprints: %w", err)
	}
	return nil
}
