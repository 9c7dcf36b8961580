package store

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/entity"
)

// record is a record with its key in the type of the table.
type record struct {
	entity.Record
	number      int64 // the key if it is a bigint, else 0
	fingerprint pgtype.UUID
}

// received returns the bytes of the record as ServiceTitan sent them.
func (r record) received() []byte {
	if r.Received != nil {
		return r.Received
	}
	return r.Raw
}

// rowCounts counts what a statement did to rows.
type rowCounts struct {
	events.Counts
	live         int64 // increase of live rows
	castFailures []castFailure
}

func (s *rowCounts) add(o rowCounts) {
	s.Counts.Add(o.Counts)
	s.live += o.live
	s.castFailures = append(s.castFailures, o.castFailures...)
}

// prepareRecords sorts the records of a page by key and keeps the newest of each. It rejects those
// whose key does not fit the table and those that are not valid text.
func prepareRecords(e entity.Entity, all []entity.Record) (records []record, rejected []entity.Rejected) {
	records = make([]record, 0, len(all))
	for _, r := range all {
		var number int64
		if e.Key == entity.Int64ID {
			var err error
			if number, err = strconv.ParseInt(r.ID, 10, 64); err != nil {
				rejected = append(rejected, entity.Rejected{ID: r.ID, Raw: record{Record: r}.received(), Reason: fmt.Sprintf("id: got %q, want a 64-bit integer", r.ID)})
				continue
			}
		}
		if text(r.ID) != r.ID || !utf8.Valid(r.Raw) || bytes.IndexByte(r.Raw, 0) >= 0 {
			// Not in every execution mode of pgx does PostgreSQL reject these.
			rejected = append(rejected, entity.Rejected{ID: r.ID, Raw: record{Record: r}.received(), Reason: "got a zero byte or invalid UTF-8, want text that PostgreSQL can store"})
			continue
		}
		records = append(records, record{r, number, fingerprintOf(r.Raw)})
	}
	slices.SortStableFunc(records, func(a, b record) int {
		return cmp.Or(cmp.Compare(a.number, b.number), cmp.Compare(a.ID, b.ID))
	})
	// One statement cannot write a row twice.
	kept := records[:0]
	for _, r := range records {
		last := len(kept) - 1
		switch {
		case last < 0 || kept[last].number != r.number || kept[last].ID != r.ID:
			kept = append(kept, r)
		case !r.ModifiedOn.Before(kept[last].ModifiedOn):
			kept[last] = r
		}
	}
	return kept, rejected
}

// upsert writes records, and returns those that PostgreSQL rejects.
func (s pageStore) upsert(ctx context.Context, tx pgx.Tx, records []record) (done rowCounts, refused []entity.Rejected, err error) {
	usual, values, others := readValues(s.Entity.Columns, records)
	for _, part := range []pagePart{{usual, pageWithValuesSQL(s.Entity, s.table()), values}, {others, pageSQL(s.Entity, s.table()), nil}} {
		stored, faulty, err := s.upsertPart(ctx, tx, part)
		if err != nil {
			return rowCounts{}, nil, err
		}
		done.add(stored)
		refused = append(refused, faulty...)
	}
	return done, refused, nil
}

// pagePart are records of a page that one statement upserts.
type pagePart struct {
	records []record
	sql     string
	values  []any // of typed columns
}

// upsertPart writes records. If PostgreSQL rejects the data, it halves the records until it has found
// the faulty ones, which it returns; the others are written.
func (s pageStore) upsertPart(ctx context.Context, tx pgx.Tx, part pagePart) (done rowCounts, refused []entity.Rejected, err error) {
	if len(part.records) == 0 {
		return done, nil, nil
	}
	err = pgx.BeginFunc(ctx, tx, func(savepoint pgx.Tx) error {
		return savepoint.QueryRow(ctx, part.sql, append(s.arguments(part.records), part.values...)...).
			Scan(&done.Inserted, &done.Updated, &done.Deleted, &done.live, &done.castFailures)
	})
	if err == nil {
		return done, nil, nil
	}
	reason, data := refusesData(err)
	if !data {
		return done, nil, err
	}
	if faulty := part.records[0]; len(part.records) == 1 {
		return rowCounts{}, []entity.Rejected{{
			ID: faulty.ID, Raw: faulty.received(), Reason: fmt.Sprintf("PostgreSQL: %s (SQLSTATE %s)", reason.Message, reason.Code),
		}}, nil
	}
	done = rowCounts{}
	for half := range slices.Chunk(part.records, (len(part.records)+1)/2) {
		stored, faulty, err := s.upsert(ctx, tx, half)
		if err != nil {
			return rowCounts{}, nil, err
		}
		done.add(stored)
		refused = append(refused, faulty...)
	}
	return done, refused, nil
}

// rejectionError returns the error with which PostgreSQL rejects records.
func (s pageStore) rejectionError(ctx context.Context, tx pgx.Tx, records []record) error {
	return pgx.BeginFunc(ctx, tx, func(savepoint pgx.Tx) error {
		_, err := savepoint.Exec(ctx, pageSQL(s.Entity, s.table()), s.arguments(records)...)
		return err
	})
}

// arguments returns the parameters of pageSQL.
func (s pageStore) arguments(records []record) []any {
	keys, modified, deleted := s.versions(records)
	return []any{s.TenantID, s.Run.Number, s.page.Date, keys, modified, deleted, documentsOf(records), fingerprints(records)}
}

// versions returns the keys of records in the type of the table, their modified_on, and whether they
// are deleted, as parameters.
func (s pageStore) versions(records []record) (keys any, modified []*time.Time, deleted []bool) {
	numbers, texts := make([]int64, len(records)), make([]string, len(records))
	modified, deleted = make([]*time.Time, len(records)), make([]bool, len(records))
	for i, r := range records {
		numbers[i], texts[i], modified[i], deleted[i] = r.number, r.ID, optional(r.ModifiedOn), r.Deleted
	}
	if s.Entity.Key == entity.TextID {
		return texts, modified, deleted
	}
	return numbers, modified, deleted
}
