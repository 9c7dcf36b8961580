package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/ratelimit"
	"github.com/lazi/lazisync/internal/store/ddl"
)

// LeaseAt is Lease at a moment of the test's choice.
func (s *Store) LeaseAt(ctx context.Context, w ratelimit.LeaseRequest, now time.Time) (ratelimit.LeaseGrant, error) {
	return s.leaseCalls(ctx, w, &now)
}

// ThrottleAt is Throttle at a moment of the test's choice.
func (s *Store) ThrottleAt(ctx context.Context, tenantID events.TenantID, perSecond float64, wait time.Duration, now time.Time) error {
	return s.throttleCalls(ctx, tenantID, perSecond, wait, &now)
}

// PickSQL is the SQL of a column's value in full_data.
func PickSQL(c entity.Column) string { return ddl.ColumnValue("full_data", c) }

// Show is the value of a parameter within a transaction of the store.
func (s *Store) Show(ctx context.Context, name string) (value string, err error) {
	err = s.read(ctx, "show "+name, func(q ddl.Querier) error {
		return q.QueryRow(ctx, "select current_setting($1)", name).Scan(&value)
	})
	return value, err
}

// ChecksHosts reports whether connections skip a host that accepts no writes.
func (s *Store) ChecksHosts() bool { return s.pool.Config().ConnConfig.ValidateConnect != nil }

// PageFunctions is pageFunctions.
var PageFunctions = pageFunctions

// ReadValues returns the values of a column in documents, as a parameter and its type, with the
// documents of which the page is certain, and the other documents.
func ReadValues(c entity.Column, documents ...string) (usual []string, parameter any, sqlType string, others []string) {
	var records []record
	for _, d := range documents {
		records = append(records, record{Record: entity.Record{Raw: []byte(d)}})
	}
	certain, parameters, uncertain := readValues([]entity.Column{c}, records)
	for _, r := range certain {
		usual = append(usual, string(r.Raw))
	}
	for _, r := range uncertain {
		others = append(others, string(r.Raw))
	}
	return usual, parameters[0], parameterType(c.Type), others
}

// Plans counts how often PostgreSQL reused a plan of a prepared statement, and how often it made one.
type Plans struct{ Reused, Planned int }

// Prepared returns the statements that a connection of the pool has prepared.
func (s *Store) Prepared(ctx context.Context) (statements map[string]Plans, err error) {
	statements = map[string]Plans{}
	err = s.read(ctx, "list prepared statements", func(q ddl.Querier) error {
		rows, err := q.Query(ctx, "select statement, generic_plans, custom_plans from pg_prepared_statements")
		if err != nil {
			return err
		}
		var text string
		var plans Plans
		_, err = pgx.ForEachRow(rows, []any{&text, &plans.Reused, &plans.Planned}, func() error {
			statements[text] = plans
			return nil
		})
		return err
	})
	return statements, err
}

// MaxPrepared is the maximum number of statements that a connection keeps prepared.
const MaxPrepared = preparedStatements

// Select runs a statement that returns one integer.
func (s *Store) Select(ctx context.Context, sql string, args ...any) (n int, err error) {
	err = s.read(ctx, sql, func(q ddl.Querier) error { return q.QueryRow(ctx, sql, args...).Scan(&n) })
	return n, err
}

// Do runs a statement without preparing it.
func (s *Store) Do(ctx context.Context, sql string) error {
	return s.transact(ctx, sql, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, sql, pgx.QueryExecModeSimpleProtocol)
		return err
	})
}

// PreparedName is the name with which a connection of the pool has prepared a statement.
func (s *Store) PreparedName(ctx context.Context, sql string) (name string, err error) {
	err = s.read(ctx, "find a prepared statement", func(q ddl.Querier) error {
		return q.QueryRow(ctx, "select name from pg_prepared_statements where statement = $1", sql).Scan(&name)
	})
	return name, err
}
