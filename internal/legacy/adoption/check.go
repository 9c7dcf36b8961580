package adoption

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/store/ddl"
)

// Find returns the tables of the legacy worker that are not adopted yet. It changes nothing,
// and fails with every problem of every table if one of them cannot be adopted for the only
// tenant.
func Find(ctx context.Context, tx pgx.Tx, entities []entity.Entity, tenants []events.TenantID) ([]*Table, error) {
	if err := CheckTenants(ctx, tx, tenants...); err != nil {
		return nil, err
	}
	tables, err := legacyTables(ctx, tx, entities)
	if err != nil || len(tables) == 0 {
		return nil, err
	}
	if len(tenants) != 1 {
		return nil, fmt.Errorf("the database has tables of the legacy worker, %s: want their tenant in SERVICETITAN_TENANT_ID, got %d tenants",
			tableNames(tables), len(tenants))
	}
	var problems []string
	for _, t := range tables {
		if err := t.check(ctx, tx); err != nil {
			return nil, fmt.Errorf("check %s: %w", t.Name, err)
		}
		problems = append(problems, t.problems...)
	}
	if len(problems) > 0 {
		return nil, fmt.Errorf("tables of the legacy worker cannot be adopted, nothing was changed:\n  %s", strings.Join(problems, "\n  "))
	}
	return tables, nil
}

// CheckNone returns an error that names the tables of the legacy worker that are not adopted.
func CheckNone(ctx context.Context, tx pgx.Tx, entities []entity.Entity) error {
	tables, err := legacyTables(ctx, tx, entities)
	if err == nil && len(tables) > 0 {
		err = fmt.Errorf("%s are not adopted yet: run lazisync migrate without --finish-adoption first", tableNames(tables))
	}
	return err
}

func tableNames(tables []*Table) string {
	names := make([]string, len(tables))
	for i, t := range tables {
		names[i] = t.Name
	}
	return strings.Join(names, ", ")
}

// check compares the table with what lazisync requires and adds the problems that it finds.
func (t *Table) check(ctx context.Context, tx pgx.Tx) error {
	if !t.hasColumn(t.key) {
		t.addProblem("has no column %s", t.key)
		return nil
	}
	if !t.IsState() && !t.hasColumn("full_data") {
		t.addProblem("has no column full_data")
	}
	if !t.IsState() && t.hasColumn("run_number") {
		t.addProblem("has a column run_number, a name that lazisync needs: rename it")
	}
	for _, required := range t.requiredColumns() {
		c, found := t.column(required.name)
		switch {
		case !found:
		case c.Computed:
			t.addProblem("column %s is computed by PostgreSQL, want an ordinary column that lazisync can write", c.Name)
		case !c.hasType(required.baseType()):
			if err := t.checkConversion(ctx, tx, c, required.baseType()); err != nil {
				return err
			}
		}
	}
	if len(t.changingColumns()) == 0 {
		return nil
	}
	views, err := t.views(ctx, tx)
	for _, v := range views {
		if v.Obstacle != "" {
			t.addProblem("%s reads a column whose type must change, and %s: drop it, migrate, and create it again", v.Name, v.Obstacle)
		}
	}
	return err
}

// checkConversion adds a problem if a row has a value that does not convert to a type.
func (t *Table) checkConversion(ctx context.Context, tx pgx.Tx, c column, want string) error {
	conversion, ok := c.conversionTo(want)
	if !ok {
		t.addProblem("column %s is %s, want %s or a type that converts to it safely", c.Name, c.Type, want)
		return nil
	}
	rejects := conversion.rejects
	if rejects == "" {
		rejects = fmt.Sprintf("(%s) is null and %s is not null", conversion.using, ddl.Quote(c.Name))
	}
	var key, value string
	err := pgx.BeginFunc(ctx, tx, func(savepoint pgx.Tx) error {
		return savepoint.QueryRow(ctx, fmt.Sprintf("select %s::text, left(%s::text, 100) from %s where %s limit 1",
			ddl.Quote(t.key), ddl.Quote(c.Name), t.Name, rejects)).Scan(&key, &value)
	})
	var pg *pgconn.PgError
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil
	case errors.As(err, &pg) && strings.HasPrefix(pg.Code, "22"):
		t.addProblem("column %s is %s and does not convert to %s: %s", c.Name, c.Type, want, strings.TrimSpace(pg.Message+" "+pg.Detail))
		return nil
	case err != nil:
		return err
	}
	t.addProblem("column %s is %s and does not convert to %s: %s %s has %q", c.Name, c.Type, want, t.key, key, value)
	return nil
}

// changingColumns returns the columns whose type the adoption changes.
func (t *Table) changingColumns() (columns []column) {
	for _, required := range t.requiredColumns() {
		if c, found := t.column(required.name); found && !c.hasType(required.baseType()) {
			columns = append(columns, c)
		}
	}
	return columns
}
