package store

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// checkEarlier finds the tables of an earlier program, and everything that keeps them
// from being adopted, before anything is changed.
func (s *Store) checkEarlier(ctx context.Context, tx pgx.Tx) ([]*earlierTable, error) {
	if err := checkTenants(ctx, tx, s.tenants...); err != nil {
		return nil, err
	}
	tables, err := earlierTables(ctx, tx, s.entities)
	if err != nil || len(tables) == 0 {
		return nil, err
	}
	if len(s.tenants) != 1 {
		return nil, fmt.Errorf("the database holds %s of an earlier program: want the one tenant they are of, in SERVICETITAN_TENANT_ID, and got %d",
			names(tables), len(s.tenants))
	}
	var problems []string
	for _, t := range tables {
		if err := t.check(ctx, tx); err != nil {
			return nil, fmt.Errorf("look at %s: %w", t.name, err)
		}
		problems = append(problems, t.problems...)
	}
	if len(problems) > 0 {
		return nil, fmt.Errorf("tables of an earlier program cannot be adopted, and nothing was changed:\n  %s", strings.Join(problems, "\n  "))
	}
	return tables, nil
}

func names(tables []*earlierTable) string {
	all := make([]string, len(tables))
	for i, t := range tables {
		all[i] = t.name
	}
	return strings.Join(all, ", ")
}

// check holds the table's columns against what lazisync wants of them.
func (t *earlierTable) check(ctx context.Context, tx pgx.Tx) error {
	if !t.has(t.key) {
		t.problem("has no column %s", t.key)
		return nil
	}
	if t.entity != nil && !t.has("full_data") {
		t.problem("has no column full_data")
	}
	if t.entity != nil && t.has("run_number") {
		t.problem("has a column run_number already, a name that lazisync needs: rename it")
	}
	for _, want := range t.wanted() {
		c, there := t.column(want.name)
		switch {
		case !there:
		case c.Computed:
			t.problem("column %s is computed by PostgreSQL, and lazisync must write it: want an ordinary column", c.Name)
		case !c.is(want.baseType()):
			if err := t.checkConversion(ctx, tx, c, want.baseType()); err != nil {
				return err
			}
		}
	}
	if len(t.changing()) == 0 {
		return nil
	}
	views, err := t.views(ctx, tx)
	for _, v := range views {
		if v.Obstacle != "" {
			t.problem("%s reads a column whose type must change, and %s: drop it, migrate, and make it again", v.Name, v.Obstacle)
		}
	}
	return err
}

// checkConversion looks for a row whose value has no place in the type that is wanted.
func (t *earlierTable) checkConversion(ctx context.Context, tx pgx.Tx, c earlierColumn, want string) error {
	conversion, ok := c.convert(want)
	if !ok {
		t.problem("column %s is %s, want %s or what converts to it safely", c.Name, c.Type, want)
		return nil
	}
	refuses := conversion.refuses
	if refuses == "" {
		refuses = fmt.Sprintf("(%s) is null and %s is not null", conversion.using, quoted(c.Name))
	}
	var key, value string
	err := pgx.BeginFunc(ctx, tx, func(savepoint pgx.Tx) error {
		return savepoint.QueryRow(ctx, fmt.Sprintf("select %s::text, left(%s::text, 100) from %s where %s limit 1", quoted(t.key), quoted(c.Name), t.name, refuses)).
			Scan(&key, &value)
	})
	var pg *pgconn.PgError
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil
	case errors.As(err, &pg) && strings.HasPrefix(pg.Code, "22"):
		t.problem("column %s is %s and does not convert to %s: %s", c.Name, c.Type, want, strings.TrimSpace(pg.Message+" "+pg.Detail))
		return nil
	case err != nil:
		return err
	}
	t.problem("column %s is %s and does not convert to %s: %s %s has %q", c.Name, c.Type, want, t.key, key, value)
	return nil
}

// changing are the columns whose type must change.
func (t *earlierTable) changing() (columns []earlierColumn) {
	for _, want := range t.wanted() {
		if c, there := t.column(want.name); there && !c.is(want.baseType()) {
			columns = append(columns, c)
		}
	}
	return columns
}

// adoptionError refuses a tenant in a database that an earlier program still writes.
type adoptionError struct{ tenant, owner string }

func (e *adoptionError) Error() string {
	return fmt.Sprintf("tenant %s: the database was adopted from an earlier program for tenant %s and takes no other before lazisync migrate --finish-adoption",
		e.tenant, e.owner)
}

func isAdoptionError(err error) bool {
	var refused *adoptionError
	return errors.As(err, &refused)
}

// Permanent and Type say what activities make of it: trying again does not help.
func (e *adoptionError) Permanent() bool { return true }
func (e *adoptionError) Type() string    { return "ValidationError" }

// checkTenants refuses every tenant but that of an unfinished adoption.
func checkTenants(ctx context.Context, q querier, tenants ...string) error {
	owner, err := adoptedFor(ctx, q)
	if err != nil || owner == "" {
		return err
	}
	for _, tenant := range tenants {
		if tenant != owner {
			return &adoptionError{tenant, owner}
		}
	}
	return nil
}

// adoptedFor is the tenant of an unfinished adoption, "" where there is none.
func adoptedFor(ctx context.Context, q querier) (tenant string, err error) {
	tables, err := adoptedTables(ctx, q)
	if err != nil || len(tables) == 0 {
		return "", err
	}
	return tenantText(tables[0].Tenant), nil
}
