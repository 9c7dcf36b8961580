package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/internal/store/ddl"
)

// text returns s without what PostgreSQL cannot store.
func text(s string) string { return ledger.Text(s) }

// texts applies text to all strings.
func texts(all []string) []string {
	held := make([]string, len(all))
	for i, s := range all {
		held[i] = text(s)
	}
	return held
}

// document returns v as a jsonb parameter, nil for a nil pointer. It is text, because []byte is
// bytea in the execution modes of pgx that do not ask the server for parameter types. The escape of
// a zero byte, which jsonb rejects, becomes that of U+FFFD.
func document(v any) (*string, error) {
	raw, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode %T: %w", v, err)
	}
	if string(raw) == "null" {
		return nil, nil
	}
	for i := 0; i+5 < len(raw); i++ {
		if raw[i] != '\\' {
			continue
		}
		if string(raw[i+1:i+6]) == "u0000" {
			copy(raw[i+2:], "fffd")
		}
		i++ // skips the escaped character
	}
	doc := string(raw)
	return &doc, nil
}

// optional returns t as a parameter that is NULL for the zero time.
func optional(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// instant returns the time of a nullable column, the zero time for NULL.
func instant(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return *t
}

// query runs a statement that returns rows. pgx reports an error of the statement when the rows are
// read, so the functions that collect rows return it.
func query(ctx context.Context, q ddl.Querier, sql string, args ...any) pgx.Rows {
	rows, _ := q.Query(ctx, sql, args...)
	return rows
}

// readRows runs a query in a transaction of its own and returns its rows.
func readRows[T any](ctx context.Context, s *Store, what string, scan pgx.RowToFunc[T], sql string, args ...any) ([]T, error) {
	return readValue(ctx, s, what, func(q ddl.Querier) ([]T, error) { return pgx.CollectRows(query(ctx, q, sql, args...), scan) })
}

// readValue runs f in a transaction that only reads and returns its result.
func readValue[T any](ctx context.Context, s *Store, what string, f func(q ddl.Querier) (T, error)) (value T, err error) {
	err = s.read(ctx, what, func(q ddl.Querier) (err error) {
		value, err = f(q)
		return err
	})
	return value, err
}

// exec runs a statement in a transaction of its own.
func (s *Store) exec(ctx context.Context, what, sql string, args ...any) error {
	return s.transact(ctx, what, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, sql, args...)
		return err
	})
}
