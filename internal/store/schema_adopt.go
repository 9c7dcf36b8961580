package store

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/legacy/adoption"
)

// adopt adopts legacy tables, each in a transaction of its own: if it ends in between, the
// next migration continues with the rest.
func (s *Store) adopt(ctx context.Context, tables []*adoption.Table) (applied []string, err error) {
	for _, t := range tables {
		tenant, err := events.ParseTenantID(string(s.tenants[0])) // it becomes a part of the statement
		if err != nil {
			return applied, err
		}
		var done []string
		err = s.step(ctx, func(tx pgx.Tx) (err error) {
			done, err = t.Adopt(ctx, tx, tenant)
			return err
		})
		if err != nil {
			return applied, fmt.Errorf("adopt %s: %w", t.Name, err)
		}
		applied = append(applied, done...)
	}
	return applied, nil
}

// eachUnfinished calls f for every table whose adoption is not finished, each in a
// transaction of its own.
func (s *Store) eachUnfinished(ctx context.Context, f func(tx pgx.Tx, t adoption.Unfinished) error) error {
	var tables []adoption.Unfinished
	err := s.step(ctx, func(tx pgx.Tx) (err error) {
		tables, err = adoption.ListUnfinished(ctx, tx)
		return err
	})
	if err != nil {
		return fmt.Errorf("list adopted tables: %w", err)
	}
	for _, t := range tables {
		err := s.step(ctx, func(tx pgx.Tx) error {
			left, err := adoption.ListUnfinished(ctx, tx)
			if err != nil || !slices.Contains(left, t) { // finished by another process meanwhile
				return err
			}
			return f(tx, t)
		})
		if err != nil {
			return fmt.Errorf("adopted table %s: %w", t.Table, err)
		}
	}
	return nil
}

// FinishAdoption ends the time in which statements of the legacy worker work, and returns
// what it did. From then on the database takes further tenants. It may be repeated.
func (s *Store) FinishAdoption(ctx context.Context) (finished []string, err error) {
	err = s.step(ctx, func(tx pgx.Tx) error { return adoption.CheckNone(ctx, tx, s.entities) })
	if err == nil {
		err = s.eachUnfinished(ctx, func(tx pgx.Tx, t adoption.Unfinished) error {
			err := t.Finish(ctx, tx)
			if err == nil {
				finished = append(finished, "finished the adoption of "+t.Table)
			}
			return err
		})
	}
	if err != nil {
		return finished, fmt.Errorf("finish the adoption: %w", withMigrateFix(refusalOf(err)))
	}
	return finished, nil
}
